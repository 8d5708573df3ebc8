import { type Change, type ChangeFeed, followChanges } from "../../src/keeper/change-feed.ts";
import type { Clock } from "../../src/keeper/ports.ts";

/** A store of numbered events, of which some are not committed yet, and a clock that is moved by hand. */
export function stage() {
  let now = 0;
  let alarm: (() => void) | null = null;
  let looked: (() => void) | null = null;
  const committed: number[] = [];
  const state = { isFailing: false, looks: 0 };
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    sleep: async () => undefined,
    alarm: (_, work) => {
      alarm = work;
      looked?.();
      return () => {
        alarm = null;
      };
    },
  };
  const store = {
    lastEvent: async () => Math.max(0, ...committed),
    changesAfter: async (seq: number, limit: number) => {
      state.looks += 1;
      if (state.isFailing) throw new Error("the store is gone");
      return committed
        .filter((one) => one > seq)
        .toSorted((a, b) => a - b)
        .slice(0, limit)
        .map((one): Change => ({ seq: one, type: "refreshed", grantId: `g${one}` }));
    },
  };
  return {
    store,
    clock,
    state,
    commit: (...seqs: number[]) => void committed.push(...seqs),
    /** Lets time pass and waits until the feed has looked again. */
    look: async (ms = 250): Promise<void> => {
      now += ms;
      const again = new Promise<void>((resolve) => {
        looked = resolve;
      });
      alarm?.();
      await again;
    },
    pass: (ms: number) => {
      now += ms;
    },
    isWaiting: () => alarm !== null,
  };
}

/** A feed on a stage, with what it tells and reports, after its first look. */
export async function follow(s: ReturnType<typeof stage>) {
  const told: number[] = [];
  const errors: unknown[] = [];
  const feed: ChangeFeed = await followChanges(s, (error) => errors.push(error));
  feed.subscribe(({ seq }) => told.push(seq));
  // Its first look, which rests afterwards.
  while (!s.isWaiting()) await Promise.resolve();
  return { feed, told, errors };
}
