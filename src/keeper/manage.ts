import { GrantkeeperError } from "../core/errors.ts";
import type { Grant } from "../core/grant.ts";
import { grantEvent } from "./audit.ts";
import { changeState } from "./change-state.ts";
import { findGrant } from "./find.ts";
import { refreshFailure } from "./get-token.ts";
import { heldError } from "./held.ts";
import type { Ports } from "./ports.ts";
import { refreshGrant } from "./refresh.ts";
import { openToken } from "./secrets.ts";

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

/** Forgets a grant; its history in the audit stays. The provider is not told: that is `revoke`. */
export async function remove(ports: Ports, name: string): Promise<Grant> {
  const grant = await findGrant(ports, name);
  const facts = { state: grant.state, ...(grant.revocation !== null && { provider_not_told: true }) };
  await ports.store.removeGrant(grant.id, grantEvent(ports, "removed", grant, facts));
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
