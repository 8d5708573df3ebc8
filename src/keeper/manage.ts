import { GrantkeeperError } from "../core/errors.ts";
import type { EventType } from "../core/events.ts";
import { type Grant, type GrantChange, stateWhenReleased } from "../core/grant.ts";
import { revokeToken } from "../oauth/revocation.ts";
import { grantEvent } from "./audit.ts";
import { contextOf, findGrant } from "./find.ts";
import { refreshFailure } from "./get-token.ts";
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

function refuseUnrefreshable(grant: Grant): void {
  const { state, name, refreshToken } = grant;
  if (state === "suspended") {
    throw new GrantkeeperError("suspended", `The grant ${name} is suspended: nothing is sent.`, {
      remedy: `Release it with: grantkeeper resume ${name}.`,
    });
  }
  if (refreshToken === null) {
    throw new GrantkeeperError("reauthorization_required", `The grant ${name} has no refresh token.`, {
      remedy: `Run: grantkeeper connect ${name}.`,
    });
  }
}

/** Holds a grant: nothing is sent for it and nothing handed out. */
export async function suspend(ports: Ports, name: string): Promise<Grant> {
  return change(ports, name, "suspended", (grant) => {
    if (grant.state === "suspended") return null;
    if (grant.state === "revoked") throw isRevoked(grant);
    return { state: "suspended" };
  });
}

/** Releases a held grant into the state that its row speaks for. */
export async function resume(ports: Ports, name: string): Promise<Grant> {
  return change(ports, name, "resumed", (grant) =>
    grant.state === "suspended" ? { state: stateWhenReleased(grant) } : null,
  );
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
 * leaves the grant as it is.
 */
export async function revoke(ports: Ports, name: string): Promise<Revoked> {
  const grant = await findGrant(ports, name);
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

async function change(
  ports: Ports,
  name: string,
  type: EventType,
  decide: (grant: Grant) => GrantChange | null,
): Promise<Grant> {
  for (;;) {
    const grant = await findGrant(ports, name);
    const wanted = decide(grant);
    if (wanted === null) return grant;
    const changed = await ports.store.changeGrant({
      id: grant.id,
      expect: { generation: grant.generation },
      change: { ...wanted, updatedAt: ports.clock.now() },
      events: [grantEvent(ports, type, grant, { before: grant.state })],
    });
    if (changed !== null) return changed;
  }
}

function isRevoked(grant: Grant): GrantkeeperError {
  return new GrantkeeperError("conflict", `The grant ${grant.name} was revoked: there is nothing to hold.`, {
    remedy: `Connect it again, or forget it with: grantkeeper remove ${grant.name}.`,
  });
}
