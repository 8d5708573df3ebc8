import { GrantkeeperError } from "../core/errors.ts";
import { type Grant, type GrantChange, isHeldWithItsStore } from "../core/grant.ts";
import { NO_REVOCATION, type RevocationQueue } from "../core/revocation.ts";
import type { ProviderProfile } from "../providers/profile.ts";
import { grantEvent } from "./audit.ts";
import { contextOf, findGrant } from "./find.ts";
import { heldError } from "./held.ts";
import type { Ports } from "./ports.ts";
import { queued, retryRevocation, tellProvider } from "./queued-revocation.ts";
import { openToken } from "./secrets.ts";

/** What came of ending a grant. */
export interface Revoked {
  readonly grant: Grant;
  /** False: the provider could not be told, or not yet; `advice` says what a person can do. */
  readonly toldProvider: boolean;
  readonly advice: string | null;
}

/**
 * Ends a grant: tells the provider (RFC 7009), then forgets the tokens. A provider that cannot be reached is
 * told later: the grant ends here at once, and its token waits, sealed, in the same row. Of a grant that was
 * ended before, what waits is tried at once. In a copied store it would end the original's grant: refused.
 * @throws {GrantkeeperError} `provider_refused` where the provider answers that it does not end the token; the
 * grant then is as it was. `suspended` where the grant is held with its store.
 */
export async function revoke(ports: Ports, name: string): Promise<Revoked> {
  for (;;) {
    const grant = await findGrant(ports, name);
    if (isHeldWithItsStore(grant)) throw heldError(grant);
    if (grant.state === "revoked") return retryAsked(ports, grant);
    const ended = await endOnce(ports, grant);
    // A refresh or a consent brought other tokens meanwhile: those are to be ended.
    if (ended !== null) return ended;
  }
}

async function endOnce(ports: Ports, grant: Grant): Promise<Revoked | null> {
  const hint = grant.refreshToken === null ? "access_token" : "refresh_token";
  const token = openToken(ports.sealer, grant, hint);
  const { profile } = await contextOf(ports, grant);
  const result = token === null ? null : await tellProvider(ports, grant, { token, hint });
  if (result?.kind === "refused") throw refusal(profile, grant, result.detail);
  const waits =
    token !== null && result?.kind === "unavailable"
      ? queued(ports, grant, { token, hint }, result.detail)
      : NO_REVOCATION;
  const toldProvider = result?.kind === "revoked";
  const ended = await end(ports, grant, toldProvider, waits);
  if (ended === null) return null;
  const isSaid = toldProvider || token === null;
  return { grant: ended, toldProvider, advice: isSaid ? null : adviceFor(profile, ended) };
}

async function retryAsked(ports: Ports, grant: Grant): Promise<Revoked> {
  if (grant.revocation === null) return { grant, toldProvider: false, advice: null };
  const { profile } = await contextOf(ports, grant);
  const { grant: now, result } = await retryRevocation(ports, grant);
  if (result?.kind === "refused") throw refusal(profile, grant, result.detail);
  const toldProvider = result?.kind === "revoked";
  return { grant: now, toldProvider, advice: toldProvider ? null : adviceFor(profile, now) };
}

function adviceFor({ portal }: ProviderProfile, { name, revocation }: Grant): string {
  if (revocation === null) return `Withdraw the consent at ${portal.consents}.`;
  return (
    "It is told as soon as it answers, while grantkeeper serve or run is at work. " +
    `To try at once: grantkeeper revoke ${name}. By hand: withdraw the consent at ${portal.consents}.`
  );
}

function refusal({ portal }: ProviderProfile, { name }: Grant, detail: string): GrantkeeperError {
  return new GrantkeeperError("provider_refused", detail, {
    remedy: `Try again, or withdraw the consent at ${portal.consents} and run: grantkeeper remove ${name}.`,
  });
}

const NOTHING_LEFT = {
  state: "revoked",
  accessToken: null,
  accessFingerprint: null,
  accessExpiresAt: null,
  refreshToken: null,
  refreshFingerprint: null,
  refreshExpiresAt: null,
  refreshStatus: "idle",
  nextAttemptAt: null,
  lastError: null,
  cause: null,
  suspension: null,
} satisfies GrantChange;

/** Ends the grant here, with what its provider has still to be told. A refresh under way is fenced out. */
function end(
  { store, ...ports }: Ports,
  grant: Grant,
  toldProvider: boolean,
  waits: RevocationQueue,
): Promise<Grant | null> {
  const facts = { told_provider: toldProvider, queued: waits.revocation !== null };
  return store.changeGrant({
    id: grant.id,
    expect: { generation: grant.generation },
    change: { ...NOTHING_LEFT, ...waits, updatedAt: ports.clock.now() },
    events: [grantEvent(ports, "revoked", grant, facts)],
    fenceOut: true,
  });
}
