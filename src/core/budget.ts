/** How much a provider is asked: limits of its own, or of the operator. */
export interface Limits {
  /** Requests a second, or null for no limit. */
  readonly perSecond: number | null;
  /** Requests at the provider at once. */
  readonly inFlight: number;
}

/** A token bucket (arithmetic only): what is left, and when that was reckoned (milliseconds, any clock). */
export interface Budget {
  readonly left: number;
  readonly at: number;
}

/** What may go out at once: one request; of a large limit, which no timer can spread, a fiftieth of a second's. */
function burst(perSecond: number): number {
  return 1 + Math.floor(perSecond / 50);
}

/** Requests a second that come back. What may go out at once is part of every second, so the rest is less. */
function refill(perSecond: number): number {
  return perSecond - (burst(perSecond) - 1);
}

/** One keeper's part of a limit. Whole requests, where there is at least one: two halves rounded up are one too many. */
export function shareOf(perSecond: number, keepers: number): number {
  const share = perSecond / Math.max(1, keepers);
  return share >= 1 ? Math.floor(share) : share;
}

/** A full bucket. */
export function newBudget(perSecond: number, now: number): Budget {
  return { left: burst(perSecond), at: now };
}

/**
 * Takes one request out of the budget; where there is none left, says in how many milliseconds there will be.
 * For a limit in whole requests no second, wherever it begins, has more of them than the limit.
 */
export function spendOne(
  budget: Budget,
  perSecond: number,
  now: number,
): { readonly budget: Budget; readonly wait: number } {
  // A clock that was set back gives nothing.
  const elapsed = Math.max(0, now - budget.at);
  const left = Math.min(burst(perSecond), budget.left + (elapsed * refill(perSecond)) / 1000);
  if (left >= 1) return { budget: { left: left - 1, at: now }, wait: 0 };
  return { budget: { left, at: now }, wait: Math.max(1, Math.ceil(((1 - left) * 1000) / refill(perSecond))) };
}

/**
 * When the next request may begin (ms), after those that began or will begin at `times` (ascending): no
 * second, wherever it begins, has more than the limit. The budget spreads them; this holds where work between
 * the two, such as a slow disk, has pushed some together again.
 */
export function beginAt(times: readonly number[], perSecond: number, now: number): number {
  const before = times.at(-Math.max(1, Math.floor(perSecond)));
  return before === undefined ? now : Math.max(now, before + Math.max(1000, 1000 / perSecond));
}
