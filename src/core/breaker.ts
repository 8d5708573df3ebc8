/**
 * The breaker of one provider: what fails for everybody is asked by one refresh at a time until it answers.
 * A value and its transitions; times are milliseconds of one clock that never jumps.
 */
export interface Breaker {
  /** Failures in a row, of whichever grants. */
  readonly failures: number;
  /** Null: closed. Else nothing passes before then, and after it one probe at a time. */
  readonly opensAgainAt: number | null;
  /** How often it opened since the provider last answered: makes the pauses longer. */
  readonly openings: number;
  /** When the probe that is under way was let through, or null. */
  readonly probingSince: number | null;
}

/** A breaker that lets everything pass. */
export const CLOSED: Breaker = { failures: 0, opensAgainAt: null, openings: 0, probingSince: null };

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** So many failures in a row open it. */
const FAILURES_TO_OPEN = 5;
const FIRST_PAUSE = 30 * SECOND;
const LONGEST_PAUSE = 10 * MINUTE;
/** A probe that has not reported after this long is counted as failed: whoever sent it has ended. */
const LONGEST_PROBE = 2 * MINUTE;

/** Whether a refresh may pass now; if not, when it is worth asking again. */
export function mayPass(breaker: Breaker, now: number): { pass: true } | { pass: false; until: number } {
  const { opensAgainAt, probingSince } = breaker;
  if (opensAgainAt === null) return { pass: true };
  if (now < opensAgainAt) return { pass: false, until: opensAgainAt };
  const probeEnds = (probingSince ?? 0) + LONGEST_PROBE;
  return probingSince !== null && now < probeEnds ? { pass: false, until: probeEnds } : { pass: true };
}

/** A refresh was let through: where the breaker is open, it is the probe. */
export function passed(breaker: Breaker, now: number): Breaker {
  return breaker.opensAgainAt === null ? breaker : { ...breaker, probingSince: now };
}

/** Whoever was let through has come back without having asked: the next one may be the probe. */
export function withdrawn(breaker: Breaker): Breaker {
  return breaker.probingSince === null ? breaker : { ...breaker, probingSince: null };
}

/** The provider answered, if only with a refusal: it works. */
export function answered(): Breaker {
  return CLOSED;
}

/** A refresh did not get an answer that the provider stands behind. `random` in [0, 1) spreads the pauses. */
export function failedOnce(breaker: Breaker, now: number, random: number): Breaker {
  const failures = breaker.failures + 1;
  const wasProbe = breaker.opensAgainAt !== null;
  if (failures < FAILURES_TO_OPEN && !wasProbe) return { ...breaker, failures };
  // Answers that come late, to requests from before it opened, do not open it further.
  if (wasProbe && breaker.probingSince === null) return { ...breaker, failures };
  const openings = breaker.openings + 1;
  const ceiling = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(openings - 1, 30));
  const pause = Math.floor(ceiling * (0.5 + random / 2));
  return { failures, opensAgainAt: now + pause, openings, probingSince: null };
}
