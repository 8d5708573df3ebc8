import type { Account } from "../core/grant.ts";
import type { AccountLookup, Endpoints, PortalGuide, ProviderProfile } from "./profile.ts";
import { checkWebexClientId, checkWebexClientSecret } from "./webex-credentials.ts";
import { webexHandOff } from "./webex-hand-off.ts";
import { COMMERCIAL, GOVERNMENT, type WebexPlaces } from "./webex-places.ts";
import { webexRefusals } from "./webex-refusals.ts";
import { isWebexScope, WEBEX_PRESETS, WEBEX_SCOPE_PURPOSES } from "./webex-scopes.ts";

const DAY = 24 * 60 * 60 * 1000;
const BROKER_REVOCATION = "/idb/oauth2/v1/revoke";

interface WebexVariant {
  readonly id: string;
  readonly title: string;
  readonly baseUrl: string;
  /** Of the service itself; a base address given by a person has its revocation on its own host. */
  readonly revocation: string | null;
  readonly places: WebexPlaces;
}

/** Webex, the commercial service. */
export const webex: ProviderProfile = webexProfile({
  id: "webex",
  title: "Cisco Webex",
  baseUrl: "https://webexapis.com/v1",
  revocation: `https://idbroker.webex.com${BROKER_REVOCATION}`,
  places: COMMERCIAL,
});

/** Webex for Government (FedRAMP). Where its identity broker stands is not published, so nothing is revoked there. */
export const webexGov: ProviderProfile = webexProfile({
  id: "webex-gov",
  title: "Cisco Webex for Government",
  baseUrl: "https://api-usgov.webex.com/v1",
  revocation: null,
  places: GOVERNMENT,
});

function webexProfile(variant: WebexVariant): ProviderProfile {
  const { id, title, baseUrl, places } = variant;
  return {
    id,
    title,
    baseUrl,
    endpoints: (base) => endpoints(variant, base),
    clientAuthentication: "client_secret_post",
    // The same refresh token usually comes back with its life begun anew, and stays good where another comes.
    rotation: "rolling",
    // Refresh tokens are kept for 60 days in some organisations and 90 in most; the shorter one is safe for all.
    idleLimit: 60 * DAY,
    // Webex does not publish a limit for its token endpoint; its other ones begin at 300 a minute and user.
    limits: { perSecond: 20, inFlight: 64 },
    presets: WEBEX_PRESETS,
    scopePurposes: WEBEX_SCOPE_PURPOSES,
    isKnownScope: isWebexScope,
    checkClientId: checkWebexClientId,
    checkClientSecret: checkWebexClientSecret,
    refusals: webexRefusals(places),
    account,
    portal: portalGuide(places),
    handOff: webexHandOff(places),
  };
}

function endpoints(variant: WebexVariant, base: string): Endpoints {
  return {
    authorization: `${base}/authorize`,
    token: `${base}/access_token`,
    deviceAuthorization: `${base}/device/authorize`,
    deviceToken: `${base}/device/token`,
    revocation: base === variant.baseUrl ? variant.revocation : revocationBeside(base),
  };
}

function revocationBeside(base: string): string | null {
  return URL.canParse(base) ? `${new URL(base).origin}${BROKER_REVOCATION}` : null;
}

function account(base: string): AccountLookup {
  return {
    url: `${base}/people/me`,
    scopes: ["spark:people_read", "spark-admin:people_read", "spark:all"],
    read: readPerson,
  };
}

function readPerson(body: unknown): Account | null {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return null;
  const fields = new Map<string, unknown>(Object.entries(body));
  const emails = fields.get("emails");
  const person = {
    id: text(fields.get("id")),
    displayName: text(fields.get("displayName")),
    email: text(Array.isArray(emails) ? emails[0] : emails),
    orgId: text(fields.get("orgId")),
  };
  return Object.values(person).every((value) => value === null) ? null : person;
}

const LONGEST_FIELD = 320;

/** A field fit to be shown: one line, no control or bidirectional characters. */
function text(value: unknown): string | null {
  if (typeof value !== "string") return null;
  const clean = value
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, " ")
    .trim()
    .slice(0, LONGEST_FIELD);
  return clean === "" ? null : clean;
}

function portalGuide({ portal, hub, sessions }: WebexPlaces): PortalGuide {
  const integration = `${portal} > My Webex Apps > the integration`;
  return {
    address: `https://${portal}/my-apps`,
    clientId: `Client ID at ${integration}: a C and 64 hex digits.`,
    clientSecret: `Client Secret at ${integration}: shown once, when the integration is made; Regenerate Client Secret there makes a new one.`,
    redirectUri: `Under Redirect URI(s) at ${integration}; it has to match letter by letter, port and path included.`,
    scopes: `Under Scopes at ${integration}: tick each one that is asked for. The meeting:admin_ scopes need a full administrator's consent.`,
    consents: `${sessions}; for the whole organisation Control Hub (${hub}) > Apps > Integrations`,
  };
}
