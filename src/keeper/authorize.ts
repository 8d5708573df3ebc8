import { AUTHORIZATION_REQUEST_LIFE, type AuthorizationRequest } from "../core/authorization-request.ts";
import { GrantkeeperError } from "../core/errors.ts";
import type { Grant } from "../core/grant.ts";
import type { Integration } from "../core/integration.ts";
import { parseName, quote } from "../core/names.ts";
import { buildAuthorizationUrl } from "../oauth/authorization-url.ts";
import { authorizationRefusal, type Redirected } from "../oauth/callback.ts";
import { codeChallengeOf, newCodeVerifier, newState } from "../oauth/pkce.ts";
import { exchangeCode } from "../oauth/token-request.ts";
import { grantEvent } from "./audit.ts";
import { keepConsent } from "./consent.ts";
import { findIntegration } from "./find.ts";
import { exchangeFailure } from "./exchange-failure.ts";
import { endWithoutToken, forgetPending, forGrantNamed, newGrant } from "./pending.ts";
import { sendTo } from "./outgoing.ts";
import type { Ports } from "./ports.ts";
import { openClient, placeOfVerifier } from "./secrets.ts";

/** A begun authorization: the address to open, and what its callback must bring. */
export interface BegunAuthorization {
  readonly authorizationUrl: string;
  readonly state: string;
  readonly expiresAt: number;
  readonly redirectUri: string;
  /** Whether the grant was made by this, and so goes again if nothing comes of it. */
  readonly madeGrant: boolean;
}

/**
 * Begins an authorization (RFC 6749 section 4.1.1, with PKCE, RFC 7636): remembers state and verifier, so
 * that any process of this store can end it.
 * @param returnTo a path of ours that the browser is sent to afterwards; null: none.
 * @throws {GrantkeeperError} `invalid_request` for a bad name, `not_found` for an unknown integration.
 */
export async function beginAuthorization(
  ports: Ports,
  name: string,
  integrationName: string,
  returnTo: string | null = null,
): Promise<BegunAuthorization> {
  parseName("grant", name);
  const integration = await findIntegration(ports, integrationName);
  const profile = ports.profile(integration.provider);
  const state = newState(ports.random.bytes);
  const verifier = newCodeVerifier(ports.random.bytes);
  const stateHash = ports.sealer.lookupHash(state);
  const now = ports.clock.now();
  const { scopes, redirectUri } = integration;
  const request: AuthorizationRequest = {
    stateHash,
    grant: name,
    integrationId: integration.id,
    codeVerifier: ports.sealer.seal(verifier, placeOfVerifier(stateHash)),
    redirectUri,
    scopes,
    returnTo,
    createdAt: now,
    expiresAt: now + AUTHORIZATION_REQUEST_LIFE,
    usedAt: null,
  };
  const existing = await ports.store.grant(name);
  const pending = existing === null ? newGrant(ports, name, integration, scopes) : null;
  const event = grantEvent(ports, "authorization_started", existing ?? pending ?? neverBoth(), {
    integration: integration.name,
    scopes,
  });
  await ports.store.addAuthorizationRequest(request, pending, event);
  const codeChallenge = await codeChallengeOf(verifier);
  const client = { clientId: integration.clientId, baseUrl: integration.baseUrl };
  const authorizationUrl = buildAuthorizationUrl({
    profile,
    client,
    scopes,
    state,
    codeChallenge,
    redirectUri,
  });
  return { authorizationUrl, state, expiresAt: request.expiresAt, redirectUri, madeGrant: pending !== null };
}

function neverBoth(): never {
  throw new Error("a grant is either there or made");
}

/**
 * Ends an authorization with what the redirect brought. The state must be one that was handed out for
 * this grant, unused and in time; until that is known nothing is sent (RFC 9700 section 4.7).
 * @throws {GrantkeeperError} `invalid_request` for a wrong, used or late state; `provider_refused` where
 * the person or the provider said no.
 */
export async function completeAuthorization(
  ports: Ports,
  name: string,
  redirected: Redirected,
): Promise<Grant> {
  const request = await useRequest(ports, name, redirected.state);
  const integration = await integrationOf(ports, request);
  const profile = ports.profile(integration.provider);
  if (redirected.kind === "error") {
    const refusal = authorizationRefusal(profile, redirected.error, redirected.description);
    await endWithoutToken(ports, name, { reason: refusal.cause });
    throw new GrantkeeperError("provider_refused", refusal.message, { remedy: refusal.remedy });
  }
  const codeVerifier = ports.sealer.open(request.codeVerifier, placeOfVerifier(request.stateHash));
  return redeem(ports, name, integration, { ...request, code: redirected.code, codeVerifier });
}

/** What came of a redirect that arrived at the service. */
export interface EndedAuthorization {
  readonly grant: Grant;
  readonly returnTo: string | null;
}

/**
 * The same for a redirect of which only its state tells which grant it is for.
 * @throws {GrantkeeperError} as `completeAuthorization`.
 */
export async function completeRedirect(ports: Ports, redirected: Redirected): Promise<EndedAuthorization> {
  const request = await requestOf(ports, redirected);
  if (request === null)
    throw badState("This answer does not belong to an authorization that was begun here.");
  const grant = await completeAuthorization(ports, request.grant, redirected);
  return { grant, returnTo: request.returnTo };
}

/** Where whoever began an authorization wants the browser back; null: nowhere, or it was not begun here. */
export async function returnToOf(ports: Ports, redirected: Redirected): Promise<string | null> {
  return (await requestOf(ports, redirected))?.returnTo ?? null;
}

function requestOf(ports: Ports, { state }: Redirected): Promise<AuthorizationRequest | null> {
  if (state === null) return Promise.resolve(null);
  return ports.store.authorizationRequest(ports.sealer.lookupHash(state));
}

interface RedeemableCode {
  readonly code: string;
  readonly redirectUri: string;
  readonly codeVerifier: string | null;
  readonly scopes: readonly string[];
}

/** A code for the grant's only outstanding request, or one that was obtained elsewhere (then without verifier). */
export async function exchangePastedCode(
  ports: Ports,
  name: string,
  given: { readonly code: string; readonly integration: string | null; readonly redirectUri: string | null },
): Promise<Grant> {
  parseName("grant", name);
  const open = (await ports.store.openAuthorizationRequests(name, ports.clock.now())).filter(
    ({ redirectUri }) => given.redirectUri === null || given.redirectUri === redirectUri,
  );
  if (open.length > 1) throw severalOutstanding(name);
  const [request] = open;
  if (request !== undefined) {
    await ports.store.useAuthorizationRequest(request.stateHash, ports.clock.now());
    const integration = await integrationOf(ports, request);
    const codeVerifier = ports.sealer.open(request.codeVerifier, placeOfVerifier(request.stateHash));
    return redeem(ports, name, integration, { ...request, code: given.code, codeVerifier });
  }
  const integration = await integrationForCode(ports, name, given.integration);
  const redirectUri = given.redirectUri ?? integration.redirectUri;
  const { scopes } = integration;
  return redeem(ports, name, integration, { code: given.code, redirectUri, codeVerifier: null, scopes });
}

async function redeem(
  ports: Ports,
  name: string,
  integration: Integration,
  code: RedeemableCode,
): Promise<Grant> {
  const profile = ports.profile(integration.provider);
  const requestedScopes = code.scopes;
  return forGrantNamed(ports, name, integration, requestedScopes, async (before) => {
    const client = openClient(ports.sealer, integration);
    const startedAt = ports.clock.now();
    const wire = { profile, client, send: sendTo(ports, integration), now: ports.clock.now };
    const outcome = await exchangeCode({ ...code, ...wire });
    if (outcome.kind !== "refreshed") throw exchangeFailure(outcome, name);
    const { answer } = outcome;
    const how = "granted";
    return keepConsent(ports, name, { answer, startedAt, integration, requestedScopes, how, before });
  });
}

/** Gives up an authorization that nobody will finish: its request is spent, and a grant made for it goes. */
export async function abandonAuthorization(
  ports: Ports,
  name: string,
  begun: BegunAuthorization,
  reason: string,
): Promise<void> {
  await ports.store.useAuthorizationRequest(ports.sealer.lookupHash(begun.state), ports.clock.now());
  await endWithoutToken(ports, name, { reason });
  if (begun.madeGrant) await forgetPending(ports, name);
}

async function useRequest(ports: Ports, name: string, state: string | null): Promise<AuthorizationRequest> {
  if (state === null)
    throw badState("The redirected address has no state, so it cannot be told whose it is.");
  const stateHash = ports.sealer.lookupHash(state);
  const known = await ports.store.authorizationRequest(stateHash);
  if (known === null)
    throw badState("The state of the redirected address is not one that was handed out here.");
  if (known.grant !== name) {
    throw new GrantkeeperError(
      "invalid_request",
      `The redirected address belongs to the grant ${quote(known.grant)}.`,
      {
        remedy: `Use it with: grantkeeper exchange ${known.grant} --redirected-url URL. Nothing was sent.`,
      },
    );
  }
  const now = ports.clock.now();
  if (known.expiresAt <= now)
    throw badState("The redirected address came back too late: its ten minutes are over.");
  const used = await ports.store.useAuthorizationRequest(stateHash, now);
  if (used === null || used.usedAt !== null) throw badState("The redirected address has been used already.");
  return used;
}

function badState(message: string): GrantkeeperError {
  return new GrantkeeperError("invalid_request", message, {
    remedy: "Begin again with: grantkeeper connect NAME, or authorization-url NAME. Nothing was sent.",
  });
}

function severalOutstanding(name: string): GrantkeeperError {
  return new GrantkeeperError("invalid_request", `Several authorizations of ${quote(name)} are under way.`, {
    remedy:
      "Paste the whole redirected address (--redirected-url): its state tells which one it ends. Nothing was sent.",
  });
}

async function integrationOf(ports: Ports, request: AuthorizationRequest): Promise<Integration> {
  const integration = await ports.store.integrationById(request.integrationId);
  if (integration === null)
    throw badState("The integration that this authorization was for was removed meanwhile.");
  return integration;
}

async function integrationForCode(ports: Ports, name: string, given: string | null): Promise<Integration> {
  if (given !== null) return findIntegration(ports, given);
  const grant = await ports.store.grant(name);
  const integration = grant && (await ports.store.integrationById(grant.integrationId));
  if (integration !== null) return integration;
  throw new GrantkeeperError(
    "invalid_request",
    `The grant ${quote(name)} is new: say which integration the code is for.`,
    {
      remedy: "Add --integration I. Nothing was sent.",
    },
  );
}

/** The redirect URI that a grant's redirected address has to begin with. */
export async function redirectUriFor(
  ports: Ports,
  name: string,
  integrationName: string | null,
): Promise<string> {
  const [request] = await ports.store.openAuthorizationRequests(name, ports.clock.now());
  if (request !== undefined) return request.redirectUri;
  return (await integrationForCode(ports, name, integrationName)).redirectUri;
}
