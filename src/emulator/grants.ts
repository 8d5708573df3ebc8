import { opaque, uuid } from "./credentials.ts";
import { Refusal } from "./refusals.ts";
import type { RegisteredClient, TokenAnswer } from "./types.ts";
import { note, type AccessToken, type Account, type Grant, type RefreshToken, type World } from "./world.ts";

/** What is consented to. */
export interface Consent {
  readonly client: RegisteredClient;
  readonly account: Account;
  readonly scopes: readonly string[];
}

/** Makes a grant with its first tokens. Refuses with `token_limit`, having changed nothing. */
export function openGrant(world: World, consent: Consent): Grant {
  requireRoom(world, consent.account);
  const grant: Grant = {
    id: uuid(world.random),
    client: consent.client,
    account: consent.account,
    scopes: new Set([...consent.scopes, ...world.behaviour.extraScopes]),
    createdAt: world.now(),
    accessTokens: new Set(),
    refreshToken: undefined,
    accessToken: undefined,
    refreshedAt: world.now(),
    ended: undefined,
  };
  world.grants.set(grant.id, grant);
  grant.account.grants.add(grant);
  mintRefreshToken(world, grant, world.now() + world.behaviour.refreshTokenSeconds * 1000);
  mintAccessToken(world, grant);
  return grant;
}

/**
 * Carries out a refresh (RFC 6749, section 6) in the rotation model that is set, and gives the grant,
 * whose newest tokens are the answer. Refuses with `refresh_token_…` or `token_limit`.
 */
export function refreshGrant(world: World, client: RegisteredClient, value: string): Grant {
  const token = acceptRefreshToken(world, client, value);
  const { grant } = token;
  const { behaviour } = world;
  const tolerated = token.toleratedUntil !== undefined;
  if (!tolerated && isTooSoon(world, grant)) {
    note(world, "presented", "refresh_token", token, { verdict: "accepted_unchanged" });
    return grant;
  }
  if (behaviour.oldAccessTokenDies) endAccessTokens(world, grant, "refreshed");
  try {
    requireRoom(world, grant.account);
  } catch (refusal) {
    note(world, "presented", "refresh_token", token, { verdict: "token_limit" });
    throw refusal;
  }
  note(world, "presented", "refresh_token", token, { verdict: tolerated ? "accepted_in_grace" : "accepted" });
  // A token presented within its grace period gets the successor it already has: two callers that
  // race end up with the same refresh token.
  if (!tolerated) renewRefreshToken(world, token);
  grant.refreshedAt = world.now();
  mintAccessToken(world, grant);
  return grant;
}

/** The answer that carries a grant's newest tokens. */
export function tokenAnswer(world: World, grant: Grant): TokenAnswer {
  const { accessToken, refreshToken } = grant;
  if (accessToken === undefined || refreshToken === undefined) throw new Error("a grant without tokens");
  return {
    access_token: accessToken.value,
    expires_in: secondsLeft(world, accessToken),
    refresh_token: refreshToken.value,
    refresh_token_expires_in: secondsLeft(world, refreshToken),
    token_type: "Bearer",
    scope: [...grant.scopes].join(" "),
  };
}

/** Ends a grant and every token of it. Ending it again changes nothing. */
export function endGrant(world: World, grant: Grant, reason: string): void {
  if (grant.ended !== undefined) return;
  grant.ended = reason;
  endAccessTokens(world, grant, reason);
  if (grant.refreshToken !== undefined) {
    note(world, "revoked", "refresh_token", grant.refreshToken, { reason });
  }
  grant.account.grants.delete(grant);
}

/** Ends one access token. */
export function endAccessToken(world: World, token: AccessToken, reason: string): void {
  if (token.ended !== undefined) return;
  token.ended = reason;
  token.grant.accessTokens.delete(token);
  token.grant.account.accessTokens.delete(token);
  note(world, reason === "expired" ? "expired" : "revoked", "access_token", token, { reason });
}

/** Whether the token works now; notices its expiry. */
export function isAlive(world: World, token: AccessToken): boolean {
  if (token.ended === undefined && token.expiresAt <= world.now()) endAccessToken(world, token, "expired");
  return token.ended === undefined;
}

function acceptRefreshToken(world: World, client: RegisteredClient, value: string): RefreshToken {
  const token = world.refreshTokens.get(value);
  if (token === undefined) {
    note(world, "presented", "refresh_token", { value, client }, { verdict: "unknown" });
    throw new Refusal("refresh_token_invalid");
  }
  if (token.grant.client !== client) {
    note(world, "presented", "refresh_token", token, { verdict: "wrong_client" });
    throw new Refusal("refresh_token_invalid");
  }
  if (token.grant.ended !== undefined) {
    note(world, "presented", "refresh_token", token, { verdict: "revoked" });
    throw new Refusal("refresh_token_invalid");
  }
  if (token.toleratedUntil !== undefined && token.toleratedUntil <= world.now()) {
    note(world, "presented", "refresh_token", token, { verdict: "reused" });
    note(world, "reuse_detected", "refresh_token", token);
    endGrant(world, token.grant, "refresh token reused");
    throw new Refusal("refresh_token_reused");
  }
  if (token.expiresAt <= world.now()) {
    note(world, "presented", "refresh_token", token, { verdict: "expired" });
    note(world, "expired", "refresh_token", token);
    throw new Refusal("refresh_token_expired");
  }
  return token;
}

function renewRefreshToken(world: World, token: RefreshToken): void {
  const { behaviour } = world;
  const expiresAt = behaviour.refreshTokenSlides
    ? world.now() + behaviour.refreshTokenSeconds * 1000
    : token.expiresAt;
  if (behaviour.rotation === "rolling") {
    token.expiresAt = expiresAt;
    note(world, "renewed", "refresh_token", token, { expiresAt });
    return;
  }
  token.toleratedUntil = world.now() + (behaviour.rotation === "grace" ? behaviour.graceSeconds * 1000 : 0);
  mintRefreshToken(world, token.grant, expiresAt);
}

function isTooSoon(world: World, grant: Grant): boolean {
  const { unchangedWithinSeconds } = world.behaviour;
  if (unchangedWithinSeconds === 0 || grant.accessToken === undefined) return false;
  return world.now() - grant.refreshedAt < unchangedWithinSeconds * 1000 && isAlive(world, grant.accessToken);
}

function mintRefreshToken(world: World, grant: Grant, expiresAt: number): void {
  const value = opaque(world.random, grant.account.user.orgId);
  const token = { value, grant, expiresAt, toleratedUntil: undefined };
  grant.refreshToken = token;
  world.refreshTokens.set(value, token);
  note(world, "minted", "refresh_token", token, { expiresAt });
}

function mintAccessToken(world: World, grant: Grant): void {
  const value = opaque(world.random, grant.account.user.orgId);
  const expiresAt = world.now() + world.behaviour.accessTokenSeconds * 1000;
  const token = { value, grant, expiresAt, ended: undefined };
  grant.accessToken = token;
  grant.accessTokens.add(token);
  grant.account.accessTokens.add(token);
  world.accessTokens.set(value, token);
  note(world, "minted", "access_token", token, { expiresAt });
}

function endAccessTokens(world: World, grant: Grant, reason: string): void {
  for (const token of grant.accessTokens) {
    if (isAlive(world, token)) endAccessToken(world, token, reason);
  }
}

/** Looks at every token of the user only where the limit seems to be reached, so at most that many. */
function requireRoom(world: World, account: Account): void {
  const { maxAccessTokens } = world.behaviour;
  if (maxAccessTokens === 0 || account.accessTokens.size < maxAccessTokens) return;
  for (const token of account.accessTokens) isAlive(world, token);
  if (account.accessTokens.size >= maxAccessTokens) throw new Refusal("token_limit");
}

function secondsLeft(world: World, token: { expiresAt: number }): number {
  // Rounded up, so that a token just made has its whole life though a millisecond went by.
  return Math.max(0, Math.ceil((token.expiresAt - world.now()) / 1000));
}
