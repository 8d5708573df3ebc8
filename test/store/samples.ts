import type { AuthorizationRequest } from "../../src/core/authorization-request.ts";
import type { EventDraft } from "../../src/core/events.ts";
import type { Grant } from "../../src/core/grant.ts";
import type { Integration } from "../../src/core/integration.ts";
import type { Sealed } from "../../src/core/sealed.ts";
import type { Claim } from "../../src/keeper/ports.ts";

/** When samples were made. */
export const AT = Date.UTC(2026, 10, 23, 12);

export function anIntegration(changes: Partial<Integration> = {}): Integration {
  return {
    id: "i1",
    name: "recorder",
    provider: "webex",
    clientId: "C0ffee",
    clientSecret: "1.0.secret" as Sealed,
    redirectUri: "http://127.0.0.1:8700/oauth/callback",
    scopes: ["a", "b c"],
    baseUrl: null,
    baseUrlFrom: "program",
    incident: null,
    generation: 1,
    createdAt: AT,
    updatedAt: AT,
    ...changes,
  };
}

/** Every field with a value of its own, so that two swapped columns show. */
export function aGrant(changes: Partial<Grant> = {}): Grant {
  return {
    id: "g1",
    name: "meetings",
    integrationId: "i1",
    state: "active",
    cause: null,
    suspension: null,
    account: { id: "p1", displayName: "Ö \u{1f511} 'quoted'", email: "a@example.com", orgId: null },
    requestedScopes: ["a", "b"],
    scopes: ["a"],
    generation: 1,
    tokenType: "Bearer",
    accessToken: "1.0.access" as Sealed,
    accessFingerprint: "0000000000000001",
    accessIssuedAt: AT + 1,
    accessExpiresAt: AT + 2,
    refreshToken: "1.0.refresh" as Sealed,
    refreshFingerprint: "0000000000000002",
    refreshExpiresAt: 8_640_000_000_000_000,
    tokenFence: 17,
    refreshStatus: "idle",
    nextAttemptAt: AT + 4,
    quietUntil: AT + 5,
    attempts: 6,
    lastAttemptAt: AT + 7,
    lastError: {
      code: "rate_limited",
      message: "Slowly.",
      remedy: null,
      at: AT + 8,
      provider: { status: 429, error: null, errorDescription: "x", trackingId: "t" },
    },
    presentations: 9,
    rejections: 10,
    suspectSince: AT + 11,
    revokedToken: "1.0.revoked" as Sealed,
    revokeAt: AT + 21,
    revocation: { hint: "refresh_token", since: AT + 22, until: AT + 23, attempts: 24, detail: "away" },
    leaseOwner: null,
    leaseFence: 12,
    leaseExpiresAt: null,
    createdAt: AT + 13,
    updatedAt: AT + 14,
    lastRefreshedAt: AT + 15,
    lastUsedAt: AT + 16,
    ...changes,
  };
}

export function anEvent(changes: Partial<EventDraft> = {}): EventDraft {
  return {
    type: "refreshed",
    at: AT,
    actor: "test",
    grantId: "g1",
    grant: "meetings",
    integration: null,
    generation: 1,
    data: { n: 1, list: ["a"], none: null, yes: true },
    ...changes,
  };
}

export function aRequest(changes: Partial<AuthorizationRequest> = {}): AuthorizationRequest {
  return {
    stateHash: "s1",
    grant: "meetings",
    integrationId: "i1",
    codeVerifier: "1.0.verifier" as Sealed,
    redirectUri: "http://127.0.0.1:8700/oauth/callback",
    scopes: ["a"],
    returnTo: "/grants/meetings",
    createdAt: AT,
    expiresAt: AT + 600_000,
    usedAt: null,
    ...changes,
  };
}

/** A claim of a grant as `aGrant` makes it. */
export function aClaim(changes: Partial<Claim> = {}): Claim {
  return {
    id: "g1",
    owner: "a",
    now: AT,
    lease: 90_000,
    generation: 1,
    fence: 12,
    takeOverFrom: null,
    dueAgainAt: AT + 90_000,
    events: [],
    ...changes,
  };
}
