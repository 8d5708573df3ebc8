/** Arithmetic of when: numbers in, numbers out. Times are epoch milliseconds, `random` is in [0, 1). */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** A refresh is due somewhere in this part of the access token's life; where exactly is drawn once and kept. */
const DUE_FROM = 0.66;
const DUE_TO = 0.8;

/** No schedule refreshes a grant oftener than this, whatever life the provider states. */
const SHORTEST_INTERVAL = 5 * SECOND;

interface LifeTimes {
  readonly issuedAt: number;
  readonly accessExpiresAt: number | null;
  readonly refreshExpiresAt: number | null;
  /** Longest time the provider lets a refresh token lie unused, or null. */
  readonly idleLimit: number | null;
}

/**
 * When a token set should be refreshed: in the later part of the access token's life, and well before
 * the refresh token runs out or is dropped for idleness. Null where nothing says when.
 */
export function dueAt(life: LifeTimes, random: number): number | null {
  const share = DUE_FROM + (DUE_TO - DUE_FROM) * random;
  const ends = [life.accessExpiresAt, life.refreshExpiresAt];
  if (life.idleLimit !== null) ends.push(life.issuedAt + life.idleLimit);
  const dues = ends
    .filter((end) => end !== null)
    .map((end) => life.issuedAt + Math.floor((end - life.issuedAt) * share));
  if (dues.length === 0) return null;
  return Math.max(Math.min(...dues), life.issuedAt + SHORTEST_INTERVAL);
}

const FIRST_BACKOFF = 5 * SECOND;
const LONGEST_BACKOFF = 90 * MINUTE;

/** Full jitter over an exponential ceiling: `attempts` counts from 1. Never under a second. */
export function backoff(attempts: number, random: number): number {
  const ceiling = Math.min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** Math.min(attempts - 1, 30));
  return Math.max(SECOND, Math.floor(ceiling * random));
}

const FIRST_DEMAND_BACKOFF = SECOND;
const LONGEST_DEMAND_BACKOFF = 30 * SECOND;

/** The pause between two attempts that programs ask for, while refreshing fails: `attempts` counts from 1. */
export function demandBackoff(attempts: number): number {
  return Math.min(LONGEST_DEMAND_BACKOFF, FIRST_DEMAND_BACKOFF * 2 ** Math.min(attempts - 1, 30));
}

/** A dead grant's refresh token is tried once a day for a week: providers have been wrong about them. */
const POSTMORTEM_INTERVAL = 24 * HOUR;
const POSTMORTEMS = 7;
const POSTMORTEM_PERIOD = POSTMORTEMS * POSTMORTEM_INTERVAL;

/**
 * When a grant that died at `diedAt`, and was tried `probes` times since, is tried again; null when its week is
 * over. Both have to be: it may have died by a clock that was weeks behind, and people try it, too. A little
 * jitter spreads many.
 */
export function postmortemAt(diedAt: number, probes: number, now: number, random: number): number | null {
  const next = now + POSTMORTEM_INTERVAL + Math.floor(random * HOUR);
  return probes < POSTMORTEMS || next <= diedAt + POSTMORTEM_PERIOD + HOUR ? next : null;
}

const LONGEST_RETRY_AFTER = 6 * HOUR;

/**
 * Reads a Retry-After field (RFC 9110 section 10.2.3): seconds or an HTTP date.
 * @returns milliseconds to wait, clamped to [1 s, 6 h]; null where absent or unreadable.
 */
export function parseRetryAfter(value: string | null, now: number): number | null {
  if (value === null) return null;
  const text = value.trim();
  const wait = /^\d{1,10}(\.\d+)?$/.test(text) ? Number(text) * SECOND : Date.parse(text) - now;
  if (Number.isNaN(wait)) return null;
  return Math.min(Math.max(wait, SECOND), LONGEST_RETRY_AFTER);
}
