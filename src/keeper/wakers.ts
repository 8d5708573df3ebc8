import type { Clock } from "./ports.ts";

/** Sleepers that wait for news of a grant, and may be woken before their time. */
export interface Wakers {
  /** Resolves after `ms`, or sooner where there is news of the grant. */
  readonly sleep: (grantId: string, ms: number) => Promise<void>;
  /** There is news of these grants; null: of any. */
  readonly wake: (grantIds: readonly string[] | null) => void;
}

export function createWakers(clock: Clock): Wakers {
  const sleepers = new Map<string, Set<() => void>>();
  return {
    sleep: (grantId, ms) =>
      new Promise((resolve) => {
        const sleeping = sleepers.get(grantId) ?? new Set();
        const end = (): void => {
          if (!sleeping.delete(end)) return;
          if (sleeping.size === 0 && sleepers.get(grantId) === sleeping) sleepers.delete(grantId);
          resolve();
        };
        sleeping.add(end);
        sleepers.set(grantId, sleeping);
        void clock.sleep(ms).then(end);
      }),
    wake: (grantIds) => {
      for (const id of grantIds ?? [...sleepers.keys()]) for (const end of sleepers.get(id) ?? []) end();
    },
  };
}
