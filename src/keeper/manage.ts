import { GrantkeeperError } from "../core/errors.ts";
import { type Grant, type GrantChange, isHeldWithItsStore } from "../core/grant.ts";
import { revokeToken } from "../oauth/revocation.ts";
import { grantEvent } from "./audit.ts";
import { changeState } from "./change-state.ts";
import { contextOf, findGrant } from "./find.ts";
import { refreshFailure } from "./get-token.ts";
import { heldError } from "./held.ts";
import type { Ports } from "./ports.ts";
import { refreshGrant } from "./refresh.ts";
import { openClient, openToken } from "./secrets.ts";

/** Refreshes at once because a person says so, whatever the schedule, a back-off or an incident says. */
export async function refreshNow(ports: Ports, name: string): Promise<Grant> {
  const grant = await findGrant(ports, name);
  refuseUnrefreshable(grant);
  const refreshed = await refreshGrant(ports, grant, "person");
  if (refreshed.error !== null) throw refreshFailure(refreshed.grant, refreshed.error);
  return refreshed.grant;
}

/** @throws {GrantkeeperError} `suspended` or `reauthorization_required`, where there is nothing to refresh with. */
export function refuseUnrefreshable(grant: Grant): void {
  const { state, name, refreshToken } = grant;
  if (state === "suspended") throw heldError(grant);
  if (refreshToken === null) {
    throw new GrantkeeperError("reauthorization_required", `The grant ${name} has no refresh token.`, {
      remedy: `Run: grantkeeper connect ${name}.`,
    });
  }
}

/** Holds a grant: nothing is sent for it and nothing handed out. */
export async function suspend(ports: Ports, name: string): Promise<Grant> {
  return changeState(ports, name, "suspended", (grant) => {
    if (grant.state === "suspended") return null;
    if (grant.state === "revoked") throw isRevoked(grant);
    return { state: "suspended", suspension: { reason: "person", at: ports.clock.now() } };
  });
}

/** What came of ending a grant. */
export interface Revoked {
  readonly grant: Grant;
  /** False: the provider offers no way to be told; `advice` says where a person can withdraw the consent. */
  readonly toldProvider: boolean;
  readonly advice: string | null;
}

/**
 * Ends a grant: tells the provider (RFC 7009), then forgets the tokens. A provider that cannot be reached
 * leaves the grant as it is. In a copied store it would end the original's grant, so there it is refused.
 */
export async function revoke(ports: Ports, name: string): Promise<Revoked> {
  const grant = await findGrant(ports, name);
  if (isHeldWithItsStore(grant)) throw heldError(grant);
  const { integration, profile } = await contextOf(ports, grant);
  const client = openClient(ports.sealer, integration);
  const hint = grant.refreshToken === null ? "access_token" : "refresh_token";
  const token = openToken(ports.sealer, grant, hint);
  const result =
    token === null ? null : await revokeToken({ profile, client, token, hint, send: ports.send });
  if (result !== null && (result.kind === "refused" || result.kind === "unavailable")) {
    const code = result.kind === "refused" ? "provider_refused" : "provider_unreachable";
    throw new GrantkeeperError(code, result.detail, {
      remedy: `Try again, or withdraw the consent at ${profile.portal.consents} and run: grantkeeper remove ${name}.`,
    });
  }
  const toldProvider = result?.kind === "revoked";
  const ended = await end(ports, grant, toldProvider);
  const advice =
    toldProvider || token === null ? null : `Withdraw the consent at ${profile.portal.consents}.`;
  return { grant: ended, toldProvider, advice };
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

async function end(ports: Ports, seen: Grant, toldProvider: boolean): Promise<Grant> {
  let grant = seen;
  for (;;) {
    const write = {
      id: grant.id,
      expect: { generation: grant.generation },
      change: { ...NOTHING_LEFT, updatedAt: ports.clock.now() },
      events: [grantEvent(ports, "revoked", grant, { told_provider: toldProvider })],
      fenceOut: true,
    };
    const ended = await ports.store.changeGrant(write);
    if (ended !== null) return ended;
    grant = await findGrant(ports, grant.name);
  }
}

/** Forgets a grant; its history in the audit stays. The provider is not told: that is `revoke`. */
export async function remove(ports: Ports, name: string): Promise<Grant> {
  const grant = await findGrant(ports, name);
  await ports.store.removeGrant(grant.id, grantEvent(ports, "removed", grant, { state: grant.state }));
  return grant;
}

/** The refresh token, for a person who asks for it by name. The audit has it before it is returned. */
export async function revealRefreshToken(ports: Ports, name: string): Promise<string> {
  const grant = await findGrant(ports, name);
  const token = openToken(ports.sealer, grant, "refresh_token");
  if (token === null) {
    throw new GrantkeeperError("reauthorization_required", `The grant ${name} has no refresh token.`, {
      remedy: `Run: grantkeeper connect ${name}.`,
    });
  }
  await ports.store.record(
    grantEvent(ports, "refresh_token_revealed", grant, { fingerprint: grant.refreshFingerprint }),
  );
  return token;
}

function isRevoked(grant: Grant): GrantkeeperError {
  return new GrantkeeperError("conflict", `The grant ${grant.name} was revoked: there is nothing to hold.`, {
    remedy: `Connect it again, or forget it with: grantkeeper remove ${grant.name}.`,
  });
}
