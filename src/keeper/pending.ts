import type { Grant } from "../core/grant.ts";
import type { Integration } from "../core/integration.ts";
import type { Ports } from "./ports.ts";
import { newId } from "./saving.ts";

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
    refreshStatus: "idle",
    nextAttemptAt: null,
    quietUntil: null,
    attempts: 0,
    lastAttemptAt: null,
    lastError: null,
    presentations: 0,
    rejections: 0,
    suspectSince: null,
    leaseOwner: null,
    leaseFence: 0,
    leaseExpiresAt: null,
    createdAt: now,
    updatedAt: now,
    lastRefreshedAt: null,
    lastUsedAt: null,
  };
}
