import { type Grant, hasLife } from "./grant.ts";
import type { Incident } from "./integration.ts";
import { demandBackoff } from "./schedule.ts";

/** What a provider does to a refresh token when it is used. */
export type Rotation = "rolling" | "grace" | "strict";

/**
 * Who wants the refresh: the clock, a program that needs a token, a program whose token was rejected, or
 * a person, who is never refused.
 */
export type RefreshReason = "schedule" | "demand" | "rejected_token" | "person";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** Confirmations of a rejection are this far apart, so that three of them span a quarter of an hour. */
export const CONFIRMATION_INTERVAL = 7.5 * MINUTE;
/** Between two refreshes that programs force because a resource server rejected their token. */
const FORCED_INTERVAL = 30 * SECOND;

/** A lease outlasts the longest request (30 s), its save and a margin. Milliseconds. */
export const LEASE = 90 * SECOND;

/** Whether to send now; if not, when, and whether that is soon enough to wait for. */
export type AttemptDecision =
  | { readonly attempt: true }
  | { readonly attempt: false; readonly until: number };

/** Decides whether a refresh may be sent now. A person's wish always may. */
export function mayAttempt(
  grant: Grant,
  rotation: Rotation,
  now: number,
  why: RefreshReason,
): AttemptDecision {
  if (why === "person") return { attempt: true };
  const until = why === "schedule" ? scheduledAt(grant, rotation, now) : heldUntil(grant, rotation, now, why);
  return until <= now ? { attempt: true } : { attempt: false, until };
}

function scheduledAt(grant: Grant, rotation: Rotation, now: number): number {
  const due = isAhead(grant.lastAttemptAt, now) ? now : (grant.nextAttemptAt ?? now);
  return isDoubtful(grant, rotation, now) ? Math.max(due, nearEnd(grant)) : due;
}

function heldUntil(grant: Grant, rotation: Rotation, now: number, why: RefreshReason): number {
  // Pauses that were counted on a clock that has been set back since would last until it is there again.
  const isCountedAnew = isAhead(grant.lastAttemptAt, now);
  const last = isCountedAnew ? 0 : (grant.lastAttemptAt ?? 0);
  const waits = [isCountedAnew ? 0 : (grant.quietUntil ?? 0)];
  if (grant.attempts > 0) waits.push(last + demandBackoff(grant.attempts));
  if (grant.refreshStatus === "suspect") waits.push(last + CONFIRMATION_INTERVAL);
  if (why === "rejected_token") waits.push(forcedAgainAt(grant, now));
  if (isDoubtful(grant, rotation, now)) waits.push(nearEnd(grant));
  return Math.max(...waits);
}

/** When a program may have a token replaced again because it was rejected somewhere; 0 where it may now. */
export function forcedAgainAt({ lastRefreshedAt }: Pick<Grant, "lastRefreshedAt">, now: number): number {
  const isCounted = lastRefreshedAt !== null && !isAhead(lastRefreshedAt, now);
  const at = isCounted ? lastRefreshedAt + FORCED_INTERVAL : 0;
  return at > now ? at : 0;
}

/** Strict providers end a grant when a spent token comes back: while the access token lives it is not worth it. */
function isDoubtful(grant: Grant, rotation: Rotation, now: number): boolean {
  return rotation === "strict" && grant.presentations > 0 && hasLife(grant, now);
}

/**
 * When a claimed grant is due again if its holder is never heard of. Null: as before, once its lease has run
 * out. Where a second sending could end the grant, not before the access token nears its end; written with
 * the claim, so that many such grants are not in the way of what is due.
 */
export function dueAgainIfAbandoned(grant: Grant, rotation: Rotation, now: number): number | null {
  return rotation === "strict" && hasLife(grant, now) ? Math.max(now + LEASE, nearEnd(grant)) : null;
}

/** When the access token has a tenth of its life left; 0 where its life is not known. */
export function nearEnd({ accessExpiresAt, accessIssuedAt }: Grant): number {
  if (accessExpiresAt === null || accessIssuedAt === null) return 0;
  return Math.floor(accessExpiresAt - (accessExpiresAt - accessIssuedAt) / 10);
}

/** An integration's incident is probed by one refresh in this time. */
export const INCIDENT_PROBE_INTERVAL = 10 * MINUTE;

/** Whether it is time for an incident's next probe. A clock that was set back does not put it off for ever. */
export function mayProbe(incident: Incident, now: number): boolean {
  return Math.abs(now - incident.probedAt) >= INCIDENT_PROBE_INTERVAL;
}

/** Longer ahead of our clock than this, a token's own time of issue says that the clock was set back. */
const CLOCK_TOLERANCE = MINUTE;

/** Whether what is written down of a token's life was counted on a clock that has been set back since. */
export function isFromTheFuture(grant: Pick<Grant, "accessIssuedAt">, now: number): boolean {
  return isAhead(grant.accessIssuedAt, now);
}

/** Whether something that has happened lies ahead of our clock. */
function isAhead(at: number | null, now: number): boolean {
  return at !== null && at > now + CLOCK_TOLERANCE;
}
