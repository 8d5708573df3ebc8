/** A list that is only added to and forgets its oldest entries beyond a limit. */
export interface BoundedLog<T> {
  readonly push: (entry: T) => void;
  /** Oldest first. */
  readonly entries: () => readonly T[];
  /** How many were ever pushed. */
  readonly total: () => number;
}

/** Makes an empty log; adding costs O(1) amortized. */
export function boundedLog<T>(limit: number): BoundedLog<T> {
  const kept: T[] = [];
  let total = 0;
  return {
    push(entry) {
      total += 1;
      kept.push(entry);
      // Dropping half at once keeps the price of dropping constant per entry.
      if (kept.length >= 2 * limit) kept.splice(0, kept.length - limit);
    },
    entries: () => (kept.length > limit ? kept.slice(-limit) : kept.slice()),
    total: () => total,
  };
}
