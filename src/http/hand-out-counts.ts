import type { HandOutCount, Ports } from "../keeper/ports.ts";

/** One consumer's later hand-outs of one generation, as counted since they were last written down. */
export interface Counter {
  readonly grantId: string;
  readonly generation: number;
  readonly consumer: string;
  times: number;
  at: number;
}

/** Counts later hand-outs in memory, so that a token that is read a thousand times a second is not written as often. */
export interface HandOutCounts {
  readonly count: (counter: Counter, now: number) => void;
  /** Writes some down, the oldest first. True: there is more. */
  readonly flush: (most?: number) => Promise<boolean>;
}

/** Rows of one transaction: it holds up everybody else for a few milliseconds at most. */
const CHUNK = 250;

export function createHandOutCounts({ store }: Pick<Ports, "store">): HandOutCounts {
  const dirty = new Set<Counter>();
  return {
    count: (counter, now) => {
      if (counter.times === 0) dirty.add(counter);
      counter.times++;
      counter.at = now;
    },
    flush: async (most = 1000) => {
      for (let left = most; left > 0 && dirty.size > 0; left -= CHUNK) {
        const taken: { readonly counter: Counter; readonly count: HandOutCount }[] = [];
        for (const counter of dirty) {
          if (taken.length === Math.min(CHUNK, left)) break;
          taken.push({ counter, count: { ...counter } });
          dirty.delete(counter);
          counter.times = 0;
        }
        try {
          await store.countHandOuts(taken.map(({ count }) => count));
        } catch (error) {
          // Counted again with what came meanwhile.
          for (const { counter, count } of taken) {
            counter.times += count.times;
            dirty.add(counter);
          }
          throw error;
        }
      }
      return dirty.size > 0;
    },
  };
}
