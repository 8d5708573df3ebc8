import type { ErrorCode } from "./errors.ts";
import type { EventData, EventType } from "./events.ts";
import type { Cause, Grant, GrantChange, RefreshError } from "./grant.ts";
import { forGrant } from "./names.ts";
import type { RefreshOutcome } from "./outcome.ts";
import { CONFIRMATION_INTERVAL, INCIDENT_PROBE_INTERVAL, nearEnd, type Rotation } from "./refresh-rules.ts";
import { backoff, dueAt, postmortemAt } from "./schedule.ts";
import type { TokenSet } from "./token-set.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const REJECTIONS_FOR_A_VERDICT = 3;
const SHORTEST_SUSPICION = 15 * MINUTE;

/** So many grants of one provider that turn suspect this close together look like an outage, not like deaths. */
const BURST_SIZE = 3;
export const BURST_WINDOW = 5 * MINUTE;
/** While that is suspected confirmations come once an hour, and after a day the refusals are believed. */
const HELD_VERDICT_INTERVAL = HOUR;
const LONGEST_HELD_VERDICT = 24 * HOUR;

/** What an outcome other than `refreshed` does to a grant. */
export interface Aftermath {
  readonly change: GrantChange;
  readonly event: { readonly type: EventType; readonly data: EventData } | null;
  /** The same refresh token is to be sent once more, at once (a labelled retry). */
  readonly retryAtOnce: boolean;
  readonly error: RefreshError;
}

interface Circumstances {
  readonly now: number;
  readonly random: number;
  readonly rotation: Rotation;
  /** This attempt was already the labelled retry. */
  readonly isRetry: boolean;
  /** Grants of the same provider, this one included, that turned suspect when it did; see `BURST_SIZE`. */
  readonly suspects: number;
}

type Failure = Exclude<RefreshOutcome, { kind: "refreshed" }>;

/** The table of what follows each outcome that brought no token. Nothing here declares death without evidence. */
export function afterFailure(grant: Grant, outcome: Failure, at: Circumstances): Aftermath {
  if (grant.cause !== null) return afterPostmortem(grant, outcome, at, grant.cause);
  switch (outcome.kind) {
    case "unavailable":
      return afterUnavailable(grant, outcome, at);
    case "in_doubt":
      return afterDoubt(grant, outcome, at);
    case "grant_rejected":
      return afterRejection(grant, outcome, at);
    case "integration_rejected":
      return afterIntegrationRejected(grant, outcome, at);
  }
}

type Arm<K extends Failure["kind"]> = Extract<Failure, { kind: K }>;

function afterUnavailable(grant: Grant, outcome: Arm<"unavailable">, at: Circumstances): Aftermath {
  const attempts = grant.attempts + 1;
  // An earlier sending that is in doubt stays so: a strict provider's retry waits for its time.
  const isInDoubt = grant.presentations > 1 && at.rotation === "strict";
  const pause = outcome.retryAfter ?? backoff(attempts, at.random);
  const wait = isInDoubt ? Math.max(pause, nearEnd(grant) - at.now) : pause;
  const error = refreshError(grant, unavailableCode(outcome), outcome.detail, outcome, at.now);
  return {
    change: {
      ...failed(attempts, error, at.now),
      refreshStatus: standing(grant, "retrying"),
      nextAttemptAt: at.now + wait,
      quietUntil: outcome.retryAfter === null ? null : at.now + outcome.retryAfter,
      // Nothing was spent: this sending leaves no doubt behind.
      presentations: Math.max(0, grant.presentations - 1),
    },
    event: failingEvent(grant, outcome.reason),
    retryAtOnce: false,
    error,
  };
}

/** A doubt or a suspicion that was there before is not settled by a request that never arrived. */
function standing(grant: Grant, otherwise: "retrying"): "retrying" | "suspect" | "outcome_unknown" {
  if (grant.suspectSince !== null) return "suspect";
  return grant.presentations > 1 ? "outcome_unknown" : otherwise;
}

function unavailableCode(outcome: Arm<"unavailable">): ErrorCode {
  if (outcome.reason === "rate_limited") return "rate_limited";
  return outcome.reason === "unrecognised_refusal" ? "provider_refused" : "provider_unreachable";
}

function afterDoubt(grant: Grant, outcome: Arm<"in_doubt">, at: Circumstances): Aftermath {
  const attempts = grant.attempts + 1;
  const retryAtOnce = at.rotation !== "strict" && !at.isRetry;
  const error = refreshError(grant, "provider_unreachable", outcome.detail, outcome, at.now);
  return {
    change: {
      ...failed(attempts, error, at.now),
      refreshStatus: "outcome_unknown",
      nextAttemptAt: at.now + doubtWait(grant, attempts, at),
      // The retry goes out under the same lease: nobody is to take the lost answer for the result.
      ...(retryAtOnce && { leaseOwner: grant.leaseOwner, leaseExpiresAt: grant.leaseExpiresAt }),
    },
    event: {
      type: "outcome_unknown",
      data: { reason: outcome.reason, rotation: at.rotation, detail: outcome.detail },
    },
    retryAtOnce,
    error,
  };
}

/** Strict: the one retry waits until the access token is near its end. Else the usual back-off. */
function doubtWait(grant: Grant, attempts: number, at: Circumstances): number {
  const wait = backoff(attempts, at.random);
  return at.rotation === "strict" ? Math.max(nearEnd(grant) - at.now, wait) : wait;
}

/** Whether one more rejection would be the last that a verdict needs. Only then do other grants matter. */
export function isVerdictDue(grant: Grant, now: number): boolean {
  const since = suspectSince(grant, now);
  return grant.rejections + 1 >= REJECTIONS_FOR_A_VERDICT && now - since >= SHORTEST_SUSPICION;
}

/** Since when it is suspect. What lies ahead was counted on a clock that has been set back: it begins anew. */
function suspectSince(grant: Grant, now: number): number {
  return Math.min(grant.suspectSince ?? now, now);
}

function isVerdictHeld(since: number, { suspects, now }: Circumstances): boolean {
  return suspects >= BURST_SIZE && now - since < LONGEST_HELD_VERDICT;
}

/** A dead grant that was tried once more, to see whether the provider had been wrong. It stays as dead as it was. */
function afterPostmortem(grant: Grant, outcome: Failure, at: Circumstances, cause: Cause): Aftermath {
  const error = refreshError(grant, "reauthorization_required", detailOf(outcome), outcome, at.now);
  const { lastError } = grant;
  const probes = (cause.probes ?? 0) + 1;
  const isKnown = outcome.kind !== "in_doubt";
  return {
    change: {
      ...failed(grant.attempts + 1, lastError ?? error, at.now),
      cause: { ...cause, probes },
      refreshStatus: "idle",
      nextAttemptAt: postmortemAt(cause.at, probes, at.now, at.random),
      ...(isKnown && { presentations: Math.max(0, grant.presentations - 1) }),
    },
    event: isKnown
      ? { type: "postmortem_refused", data: { reason: outcome.kind } }
      : { type: "outcome_unknown", data: { reason: outcome.reason, rotation: at.rotation } },
    retryAtOnce: false,
    error,
  };
}

function detailOf(outcome: Failure): string {
  return "detail" in outcome ? outcome.detail : outcome.refusal.message;
}

function afterRejection(grant: Grant, outcome: Arm<"grant_rejected">, at: Circumstances): Aftermath {
  const rejections = grant.rejections + 1;
  const since = suspectSince(grant, at.now);
  const { refusal } = outcome;
  const verdict = causeOfDeath(grant, rejections, since, outcome, at.now);
  const isHeld = verdict !== null && verdict.code !== "refresh_token_expired" && isVerdictHeld(since, at);
  const cause = isHeld ? null : verdict;
  const error = rejectionError(grant, rejections, cause !== null, outcome, at.now);
  // This answer is known; an earlier one that was lost stays counted, for the verdict.
  const presentations = Math.max(0, grant.presentations - 1);
  const common = {
    ...failed(grant.attempts + 1, error, at.now),
    rejections,
    suspectSince: since,
    presentations,
  };
  if (cause !== null) {
    return {
      change: {
        ...common,
        state: "reauthorization_required",
        cause,
        refreshStatus: "idle",
        nextAttemptAt: postmortemAt(cause.at, 0, at.now, at.random),
      },
      event: { type: "reauthorization_required", data: { cause: cause.code, message: cause.message } },
      retryAtOnce: false,
      error,
    };
  }
  return {
    change: {
      ...common,
      refreshStatus: "suspect",
      nextAttemptAt: at.now + (isHeld ? HELD_VERDICT_INTERVAL : CONFIRMATION_INTERVAL),
    },
    event: {
      type: isHeld ? "verdict_held" : "suspect",
      data: {
        ...(isHeld && { suspects: at.suspects }),
        cause: refusal.cause,
        rejections,
        needed: REJECTIONS_FOR_A_VERDICT,
        after_unknown: grant.presentations > 1,
      },
    },
    retryAtOnce: false,
    error,
  };
}

/** Until there is a verdict the message says so: nothing is declared dead by one refusal. */
function rejectionError(
  grant: Grant,
  rejections: number,
  isFinal: boolean,
  outcome: Arm<"grant_rejected">,
  now: number,
): RefreshError {
  const error = refreshError(grant, "reauthorization_required", outcome.refusal.message, outcome, now);
  if (isFinal) return error;
  const count = `This was refusal ${rejections}; it takes ${REJECTIONS_FOR_A_VERDICT} over a quarter of an hour to be sure.`;
  return { ...error, message: `${error.message} ${count}` };
}

/**
 * The evidence that a grant is dead: three rejections over a quarter of an hour, or one that says that the
 * refresh token has ended, of one whose own stated end has passed. That end alone is not enough: it may have
 * been counted on a clock that was weeks behind.
 */
function causeOfDeath(
  grant: Grant,
  rejections: number,
  since: number,
  { refusal }: Arm<"grant_rejected">,
  now: number,
): Grant["cause"] {
  const remedy = forGrant(refusal.remedy, grant.name);
  const isConfirmed = rejections >= REJECTIONS_FOR_A_VERDICT && now - since >= SHORTEST_SUSPICION;
  const hasEnded = grant.refreshExpiresAt !== null && grant.refreshExpiresAt <= now;
  if (hasEnded && (isConfirmed || refusal.cause === "refresh_token_expired")) {
    const ended = new Date(grant.refreshExpiresAt).toISOString();
    const message = `The refresh token ran out on ${ended} without having been used in time.`;
    return { code: "refresh_token_expired", message, remedy, at: now };
  }
  if (!isConfirmed) return null;
  if (grant.presentations > 1) {
    const message =
      "An answer of the provider was lost, and the refresh token it replaced is no longer accepted.";
    return { code: "answer_lost", message, remedy, at: now };
  }
  return { code: refusal.cause, message: refusal.message, remedy, at: now };
}

function afterIntegrationRejected(
  grant: Grant,
  outcome: Arm<"integration_rejected">,
  at: Circumstances,
): Aftermath {
  const error = refreshError(grant, "integration_misconfigured", outcome.refusal.message, outcome, at.now);
  return {
    change: {
      ...failed(grant.attempts + 1, error, at.now),
      refreshStatus: standing(grant, "retrying"),
      nextAttemptAt: at.now + INCIDENT_PROBE_INTERVAL,
      presentations: Math.max(0, grant.presentations - 1),
    },
    event: failingEvent(grant, outcome.refusal.cause),
    retryAtOnce: false,
    error,
  };
}

function failed(attempts: number, lastError: RefreshError, now: number) {
  return {
    attempts,
    lastError,
    lastAttemptAt: now,
    quietUntil: null,
    leaseOwner: null,
    leaseExpiresAt: null,
    updatedAt: now,
  } satisfies GrantChange;
}

/** One event when refreshing begins to fail, not one a try: the row counts the tries. */
function failingEvent(grant: Grant, reason: string): Aftermath["event"] {
  return grant.attempts === 0 ? { type: "refresh_failing", data: { reason } } : null;
}

function refreshError(
  grant: Grant,
  code: ErrorCode,
  message: string,
  outcome: Failure,
  at: number,
): RefreshError {
  const refusal = "refusal" in outcome ? outcome.refusal : null;
  const provider = refusal?.answer ?? ("answer" in outcome ? outcome.answer : null);
  const remedy = refusal === null ? null : forGrant(refusal.remedy, grant.name);
  return { code, message: refusal?.message ?? message, remedy, at, provider };
}

/**
 * What a delivered token set does to a grant's row: every trouble is over. `columns` are the tokens themselves,
 * as the row has them; one record is made of both, since one put together of several is slow to read.
 */
export function afterSuccess<Columns extends GrantChange>(
  columns: Columns,
  tokens: TokenSet,
  life: { issuedAt: number; idleLimit: number | null },
  random: number,
  now: number,
) {
  const { accessExpiresAt, refreshExpiresAt } = tokens;
  return {
    ...columns,
    accessIssuedAt: life.issuedAt,
    refreshStatus: "idle",
    // Without a refresh token there is nothing to do on a schedule.
    nextAttemptAt:
      tokens.refreshToken === null ? null : dueAt({ ...life, accessExpiresAt, refreshExpiresAt }, random),
    quietUntil: null,
    attempts: 0,
    lastError: null,
    presentations: 0,
    rejections: 0,
    suspectSince: null,
    leaseOwner: null,
    leaseExpiresAt: null,
    updatedAt: now,
  } satisfies GrantChange;
}
