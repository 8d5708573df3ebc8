import type { Chance } from "./chance.ts";

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Virtual time and everything that waits for it. Nothing in it waits for real time or for real I/O. */
export interface World {
  /** True time, in ms since the beginning. No keeper sees it: each has clocks of its own. */
  readonly now: () => number;
  /** Runs `work` at a time (at once where that has passed). The returned function takes it back. */
  readonly at: (time: number, work: () => void) => () => void;
  /** Runs `work` when all that is ready now has had its turn, without time passing: what `setImmediate` is to Node. */
  readonly nextTurn: (work: () => void) => void;
  /** Lets time pass until `end`, timer by timer. */
  readonly run: (end: number, afterStep?: () => void) => Promise<void>;
  readonly steps: () => number;
}

interface Timer {
  readonly time: number;
  /** Timers of the same moment go off in an order that the seed decides. */
  readonly order: number;
  readonly seq: number;
  work: (() => void) | null;
}

/**
 * A step is one timer: its work, and everything that this makes ready (promises, turns) until nothing is
 * ready any more. Promises are exhausted before Node's next turn, so one real turn a step is enough.
 */
export function createWorld(chance: Chance): World {
  const heap: Timer[] = [];
  let turns: (() => void)[] = [];
  let now = 0;
  let seq = 0;
  let steps = 0;

  const settle = async (): Promise<void> => {
    for (;;) {
      await nodeTurn();
      if (turns.length === 0) return;
      const ready = turns;
      turns = [];
      for (const work of ready) work();
    }
  };

  return {
    now: () => now,
    at: (time, work) => {
      const timer: Timer = { time: Math.max(time, now), order: chance.fraction(), seq: seq++, work };
      push(heap, timer);
      return () => {
        timer.work = null;
      };
    },
    nextTurn: (work) => {
      turns.push(work);
    },
    run: async (end, afterStep = () => undefined) => {
      await settle();
      for (;;) {
        const next = heap[0];
        if (next === undefined || next.time > end) break;
        pop(heap);
        const { work } = next;
        if (work === null) continue;
        now = next.time;
        steps++;
        work();
        await settle();
        afterStep();
      }
      now = Math.max(now, end);
    },
    steps: () => steps,
  };
}

function nodeTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function isBefore(a: Timer, b: Timer): boolean {
  if (a.time !== b.time) return a.time < b.time;
  return a.order === b.order ? a.seq < b.seq : a.order < b.order;
}

function push(heap: Timer[], timer: Timer): void {
  let i = heap.length;
  heap.push(timer);
  while (i > 0) {
    const parent = (i - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !isBefore(timer, above)) break;
    heap[i] = above;
    i = parent;
  }
  heap[i] = timer;
}

function pop(heap: Timer[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let i = 0;
  for (;;) {
    const left = heap[2 * i + 1];
    const right = heap[2 * i + 2];
    if (left === undefined) break;
    const isRight = right !== undefined && isBefore(right, left);
    const child = isRight ? right : left;
    if (!isBefore(child, last)) break;
    heap[i] = child;
    i = 2 * i + (isRight ? 2 : 1);
  }
  heap[i] = last;
}
