import { type Grant, hasLife } from "./grant.ts";
import type { Incident } from "./integration.ts";

/** What a provider does to a refresh token when it is used. */
export type Rotation = "rolling" | "grace" | "strict";

/** Who wants the refresh: the clock, a program that needs a token, or a person, who is never refused. */
export type RefreshReason = "schedule" | "demand" | "person";

const MINUTE = 60_000;
/** Confirmations of a rejection are this far apart, so that three of them span a quarter of an hour. */
export const CONFIRMATION_INTERVAL = 7.5 * MINUTE;
/** Between two attempts that programs ask for. */
const DEMAND_INTERVAL = 1000;

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
  const until = why === "schedule" ? (grant.nextAttemptAt ?? now) : heldUntil(grant, rotation, now);
  return until <= now ? { attempt: true } : { attempt: false, until };
}

function heldUntil(grant: Grant, rotation: Rotation, now: number): number {
  const last = grant.lastAttemptAt ?? 0;
  const waits = [grant.quietUntil ?? 0];
  if (grant.attempts > 0) waits.push(last + DEMAND_INTERVAL);
  if (grant.refreshStatus === "suspect") waits.push(last + CONFIRMATION_INTERVAL);
  // Strict providers end a grant when a spent token comes back: while the access token lives it is not worth it.
  if (rotation === "strict" && grant.presentations > 0 && hasLife(grant, now)) {
    waits.push(nearEnd(grant));
  }
  return Math.max(...waits);
}

/** When the access token has a tenth of its life left; 0 where its life is not known. */
export function nearEnd({ accessExpiresAt, accessIssuedAt }: Grant): number {
  if (accessExpiresAt === null || accessIssuedAt === null) return 0;
  return Math.floor(accessExpiresAt - (accessExpiresAt - accessIssuedAt) / 10);
}

/** An integration's incident is probed by one refresh in this time. */
export const INCIDENT_PROBE_INTERVAL = 10 * MINUTE;

/** Whether an incident allows a refresh now: a person's always, others as one probe per interval. */
export function mayProbe(incident: Incident, now: number, why: RefreshReason): boolean {
  return why === "person" || now - incident.probedAt >= INCIDENT_PROBE_INTERVAL;
}
