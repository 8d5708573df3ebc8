import { toGrantkeeperError } from "../core/errors.ts";
import type { Grant } from "../core/grant.ts";
import type { Integration } from "../core/integration.ts";
import { NO_REVOCATION } from "../core/revocation.ts";
import { grantEvent } from "./audit.ts";
import type { Ports } from "./ports.ts";
import { newId } from "./ids.ts";

/** A grant to which nobody has consented yet. */
export function newGrant(
  ports: Ports,
  name: string,
  integration: Integration,
  scopes: readonly string[],
): Grant {
  const now = ports.clock.now();
  return {
    id: newId(ports),
    name,
    integrationId: integration.id,
    state: "pending",
    cause: null,
    suspension: null,
    account: null,
    requestedScopes: scopes,
    scopes: [],
    generation: 0,
    tokenType: "Bearer",
    accessToken: null,
    accessFingerprint: null,
    accessIssuedAt: null,
    accessExpiresAt: null,
    refreshToken: null,
    refreshFingerprint: null,
    refreshExpiresAt: null,
    tokenFence: null,
    refreshStatus: "idle",
    nextAttemptAt: null,
    quietUntil: null,
    attempts: 0,
    lastAttemptAt: null,
    lastError: null,
    presentations: 0,
    rejections: 0,
    suspectSince: null,
    ...NO_REVOCATION,
    leaseOwner: null,
    leaseFence: 0,
    leaseExpiresAt: null,
    createdAt: now,
    updatedAt: now,
    lastRefreshedAt: null,
    lastUsedAt: null,
  };
}

/**
 * Does what may bring a grant its first tokens. The grant is there before anything is sent, so the store
 * has shown that it can be written; one made here goes again where nothing came of it.
 */
export async function forGrantNamed(
  ports: Ports,
  name: string,
  integration: Integration,
  scopes: readonly string[],
  work: (before: Grant) => Promise<Grant>,
): Promise<Grant> {
  const { grant: before, isMade } = await ensureGrant(ports, name, integration, scopes);
  try {
    return await work(before);
  } catch (error) {
    await endWithoutToken(ports, name, { reason: toGrantkeeperError(error).code });
    if (isMade) await forgetPending(ports, name);
    throw error;
  }
}

/** Before a code is spent the store has shown that it can be written. */
async function ensureGrant(
  ports: Ports,
  name: string,
  integration: Integration,
  scopes: readonly string[],
): Promise<{ readonly grant: Grant; readonly isMade: boolean }> {
  const existing = await ports.store.grant(name);
  if (existing !== null) return { grant: existing, isMade: false };
  const grant = newGrant(ports, name, integration, scopes);
  await ports.store.addGrant(grant, [
    grantEvent(ports, "authorization_started", grant, { integration: integration.name }),
  ]);
  return { grant, isMade: true };
}

/** Writes down that an authorization brought no token. */
export async function endWithoutToken(
  ports: Ports,
  name: string,
  data: { readonly reason: string },
): Promise<void> {
  const grant = await ports.store.grant(name);
  if (grant !== null) await ports.store.record(grantEvent(ports, "authorization_ended", grant, data));
}

/** Removes a grant that never had a token. */
export async function forgetPending(ports: Ports, name: string): Promise<void> {
  const grant = await ports.store.grant(name);
  if (grant === null || grant.generation > 0) return;
  await ports.store.removeGrant(grant.id, grantEvent(ports, "removed", grant, { reason: "no_token" }));
}
