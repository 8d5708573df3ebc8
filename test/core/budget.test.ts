import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { beginAt, newBudget, shareOf, spendOne } from "../../src/core/budget.ts";

/** When requests that come at these times (ms, ascending) are let out, one after the other. */
function letOut(perSecond: number, comings: readonly number[]): number[] {
  let budget = newBudget(perSecond, comings[0] ?? 0);
  let now = 0;
  return comings.map((comes) => {
    now = Math.max(now, comes);
    for (;;) {
      const spent = spendOne(budget, perSecond, now);
      budget = spent.budget;
      if (spent.wait === 0) return now;
      now += spent.wait;
    }
  });
}

/** The most of these times that lie within one second, wherever it begins. */
function mostInASecond(times: readonly number[]): number {
  let from = 0;
  let most = 0;
  times.forEach((time, to) => {
    while (time - (times[from] ?? 0) >= 1000) from++;
    most = Math.max(most, to - from + 1);
  });
  return most;
}

describe("spendOne", () => {
  test("twenty a second are fifty milliseconds apart", () => {
    const times = letOut(
      20,
      Array.from({ length: 41 }, () => 0),
    );
    expect(times.slice(0, 4)).toEqual([0, 50, 100, 150]);
    expect(times.at(-1)).toBe(2000);
  });

  test("a thousand a second come some at a time, and are as many in the end", () => {
    const times = letOut(
      1000,
      Array.from({ length: 5000 }, () => 0),
    );
    expect(times.filter((time) => time === 0)).toHaveLength(21);
    expect(times.at(-1)).toBeLessThanOrEqual(5000 * 1.1);
  });

  test("a clock that was set back gives nothing", () => {
    const { budget } = spendOne(newBudget(1, 10_000), 1, 10_000);
    expect(spendOne(budget, 1, 5000)).toEqual({ budget: { left: 0, at: 5000 }, wait: 1000 });
  });

  test("a request that comes in ten seconds only is waited for", () => {
    const { budget } = spendOne(newBudget(0.1, 0), 0.1, 0);
    expect(spendOne(budget, 0.1, 0).wait).toBe(10_000);
  });

  test("for any limit and any sequence of requests: no second, wherever it begins, has more than the limit", () => {
    const pauses = fc.array(
      fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 3000 })),
      {
        maxLength: 400,
      },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), pauses, (perSecond, gaps) => {
        let now = 0;
        const comings = gaps.map((gap) => (now += gap));
        expect(mostInASecond(letOut(perSecond, comings))).toBeLessThanOrEqual(perSecond);
      }),
      { numRuns: 500 },
    );
  });

  test("for any limit: who is told to wait is let out then, and at most a tenth is lost", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), (perSecond) => {
        const count = perSecond * 3;
        const last =
          letOut(
            perSecond,
            Array.from({ length: count }, () => 0),
          ).at(-1) ?? 0;
        // Milliseconds are whole where a wait is told.
        return last <= 3000 * 1.1 + count;
      }),
    );
  });
});

describe("shareOf", () => {
  test.each([
    [20, 1, 20],
    [20, 2, 10],
    [20, 3, 6],
    [20, 20, 1],
    [20, 40, 0.5],
    [0.5, 1, 0.5],
    [7, 0, 7],
  ])("of %d a second, with %d keepers: %d each", (perSecond, keepers, share) => {
    expect(shareOf(perSecond, keepers)).toBe(share);
  });

  test("all shares together never pass the limit", () => {
    const limit = fc.integer({ min: 1, max: 1000 });
    fc.assert(
      fc.property(limit, fc.integer({ min: 1, max: 50 }), (perSecond, keepers) => {
        return shareOf(perSecond, keepers) * keepers <= perSecond + 1e-9;
      }),
    );
  });
});

describe("beginAt", () => {
  test("for any limit and any times at which requests are ready: no second has more than the limit", () => {
    const gaps = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1500 })), { maxLength: 300 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), gaps, (perSecond, waits) => {
        let now = 0;
        const times: number[] = [];
        for (const wait of waits) times.push(beginAt(times, perSecond, (now += wait)));
        expect(mostInASecond(times)).toBeLessThanOrEqual(perSecond);
      }),
    );
  });

  test("less than one a second: that far apart", () => {
    expect(beginAt([5000], 0.1, 5001)).toBe(15_000);
  });

  test("nothing is held back that need not be", () => {
    expect(beginAt([], 20, 7)).toBe(7);
    expect(beginAt([0, 1, 2], 4, 3)).toBe(3);
    expect(beginAt([0, 1, 2], 3, 3)).toBe(1000);
  });
});
