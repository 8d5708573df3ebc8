import type { ErrorCode, ProviderAnswer } from "./errors.ts";
import type { RevocationQueue } from "./revocation.ts";
import type { Sealed } from "./sealed.ts";
import { formatScopes, missingScopes } from "./scopes.ts";
import { secondsLeft } from "./token-set.ts";

/** Where a grant stands as a whole. */
export type GrantState = "pending" | "active" | "suspended" | "reauthorization_required" | "revoked";

/** Where refreshing stands inside `active`. `due` is told from the clock and never stored. */
export type RefreshStatus = "idle" | "due" | "in_flight" | "retrying" | "outcome_unknown" | "suspect";

/** Who granted, as the provider tells it. */
export interface Account {
  readonly id: string | null;
  readonly displayName: string | null;
  readonly email: string | null;
  readonly orgId: string | null;
}

/** Why a grant is dead, in words. */
export interface Cause {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly at: number;
  /** How often its refresh token was tried since, in case the provider had been wrong; absent: never. */
  readonly probes?: number;
}

/** Why a grant is held: by a person, or because its store turned out to be a copy or a restored one. */
export type SuspensionReason = "person" | "copied_store" | "restored_store";

/** Who holds a suspended grant, and since when. */
export interface Suspension {
  readonly reason: SuspensionReason;
  readonly at: number;
  /** A person held it already when its store turned out to be a copy or a restored one. */
  readonly wasHeld?: boolean;
}

/** Whether a grant is held because of its store, and not by a person alone. */
export function isHeldWithItsStore({ state, suspension }: Pick<Grant, "state" | "suspension">): boolean {
  return state === "suspended" && suspension !== null && suspension.reason !== "person";
}

/** The last refresh that brought no token. */
export interface RefreshError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string | null;
  readonly at: number;
  readonly provider: ProviderAnswer | null;
}

/**
 * An administrator's consent to one integration, kept alive: its sealed token set, its state, its
 * schedule, and the lease under which one process at a time may refresh it. Times are epoch milliseconds.
 */
export interface Grant extends RevocationQueue {
  readonly id: string;
  readonly name: string;
  readonly integrationId: string;
  readonly state: GrantState;
  readonly cause: Cause | null;
  /** Null unless suspended. */
  readonly suspension: Suspension | null;
  readonly account: Account | null;
  readonly requestedScopes: readonly string[];
  readonly scopes: readonly string[];

  /** Counts up by one each time the token set is replaced; 0 means that there never was one. */
  readonly generation: number;
  readonly tokenType: string;
  readonly accessToken: Sealed | null;
  readonly accessFingerprint: string | null;
  readonly accessIssuedAt: number | null;
  readonly accessExpiresAt: number | null;
  readonly refreshToken: Sealed | null;
  readonly refreshFingerprint: string | null;
  readonly refreshExpiresAt: number | null;

  /** The fence of the lease under which the present token set was asked for; null: nobody refreshed for it. */
  readonly tokenFence: number | null;

  readonly refreshStatus: Exclude<RefreshStatus, "due">;
  /** When the next refresh is due; null where only demand decides. */
  readonly nextAttemptAt: number | null;
  /** Until when the provider itself asked for quiet (Retry-After), or null. */
  readonly quietUntil: number | null;
  /** Refreshes without a token since the last one that brought one. */
  readonly attempts: number;
  readonly lastAttemptAt: number | null;
  readonly lastError: RefreshError | null;
  /** How often the current refresh token was sent without its answer becoming known. */
  readonly presentations: number;
  /** How often in a row the provider rejected it, and since when. */
  readonly rejections: number;
  readonly suspectSince: number | null;

  readonly leaseOwner: string | null;
  /** Counts up at each claim; a save under an older fence changes nothing. */
  readonly leaseFence: number;
  /** On the clock of the database, which need not be the wall clock: only the store compares it. */
  readonly leaseExpiresAt: number | null;

  readonly createdAt: number;
  readonly updatedAt: number;
  readonly lastRefreshedAt: number | null;
  readonly lastUsedAt: number | null;
}

/** How a grant stands, for lists of many: no sealed value, nothing that is seldom looked at. */
export type GrantStanding = Pick<
  Grant,
  | "name"
  | "state"
  | "cause"
  | "suspension"
  | "generation"
  | "accessExpiresAt"
  | "refreshExpiresAt"
  | "refreshStatus"
  | "lastError"
> & {
  readonly hasRefreshToken: boolean;
  /** Whether everything that was asked for was granted. */
  readonly hasAllScopes: boolean;
  /** Whether the provider of a revoked grant has still to be told. */
  readonly isRevocationQueued: boolean;
};

/** How one grant stands. */
export function standingOf(grant: Grant): GrantStanding {
  const hasAllScopes = missingScopes(grant.requestedScopes, grant.scopes).length === 0;
  const isRevocationQueued = grant.revocation !== null;
  return { ...grant, hasRefreshToken: grant.refreshToken !== null, hasAllScopes, isRevocationQueued };
}

/** What of a grant may change; a transition names the fields it changes and no others. */
export type GrantChange = Partial<Omit<Grant, "id" | "createdAt" | "leaseFence">>;

/** The state a grant is in when nothing holds it. */
export function stateWhenReleased(grant: Grant): GrantState {
  if (grant.cause !== null) return "reauthorization_required";
  return grant.generation === 0 ? "pending" : "active";
}

/** The refresh status as shown: `idle` turns into `due` by the clock. */
export function shownRefreshStatus(
  grant: Pick<Grant, "state" | "refreshStatus" | "nextAttemptAt">,
  now: number,
): RefreshStatus {
  const { refreshStatus, nextAttemptAt, state } = grant;
  const isDue = refreshStatus === "idle" && nextAttemptAt !== null && nextAttemptAt <= now;
  return isDue && state === "active" ? "due" : refreshStatus;
}

/** Whether the access token can still be used. A token without a known end counts as usable. */
export function hasLife(grant: Grant, now: number): boolean {
  return grant.accessToken !== null && secondsLeft(grant.accessExpiresAt, now) > 0;
}

/** The grant as `status NAME --json` and the API show it: no secret. */
export function grantDocument(grant: Grant, facts: GrantFacts, now: number) {
  return {
    name: grant.name,
    integration: facts.integration,
    provider: facts.provider,
    state: grant.state,
    cause: grant.cause?.message ?? null,
    remedy: grant.cause?.remedy ?? null,
    suspension: grant.suspension && { reason: grant.suspension.reason, at: instant(grant.suspension.at) },
    revocation: grant.revocation && {
      since: instant(grant.revocation.since),
      next_attempt_at: instant(grant.revokeAt),
      attempts: grant.revocation.attempts,
      message: grant.revocation.detail,
    },
    account: grant.account && {
      id: grant.account.id,
      display_name: grant.account.displayName,
      email: grant.account.email,
      org_id: grant.account.orgId,
    },
    scopes: grant.scopes,
    missing_scopes: grant.generation === 0 ? [] : missingScopes(grant.requestedScopes, grant.scopes),
    generation: grant.generation,
    access_token: { expires_at: instant(grant.accessExpiresAt), fingerprint: grant.accessFingerprint },
    refresh_token: {
      expires_at: instant(grant.refreshExpiresAt),
      fingerprint: grant.refreshFingerprint,
      rotation: facts.rotation,
    },
    reconsent_by: instant(grant.refreshExpiresAt),
    refresh: {
      status: shownRefreshStatus(grant, now),
      next_attempt_at: instant(grant.nextAttemptAt),
      attempts: grant.attempts,
      last_error: grant.lastError && {
        code: grant.lastError.code,
        message: grant.lastError.message,
        remedy: grant.lastError.remedy,
        at: instant(grant.lastError.at),
        tracking_id: grant.lastError.provider?.trackingId ?? null,
      },
    },
    created_at: instant(grant.createdAt),
    updated_at: instant(grant.updatedAt),
    last_refreshed_at: instant(grant.lastRefreshedAt),
    last_used_at: instant(grant.lastUsedAt),
  };
}

/** What the document says of the grant that stands elsewhere. */
export interface GrantFacts {
  readonly integration: string;
  readonly provider: string;
  readonly rotation: string;
}

export type GrantDocument = ReturnType<typeof grantDocument>;

/** The token document of `token --json` and `GET …/token`. */
export function tokenDocument(grant: Grant, accessToken: string, warning: string | null, now: number) {
  const expiresIn = secondsLeft(grant.accessExpiresAt, now);
  return {
    grant: grant.name,
    access_token: accessToken,
    token_type: grant.tokenType,
    expires_at: instant(grant.accessExpiresAt),
    expires_in: Number.isFinite(expiresIn) ? expiresIn : null,
    scope: formatScopes(grant.scopes),
    generation: grant.generation,
    fingerprint: grant.accessFingerprint,
    warning,
  };
}

export type TokenDocument = ReturnType<typeof tokenDocument>;

/** RFC 3339 in UTC with milliseconds; null stays null. */
export function instant(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
