import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  answered,
  type Breaker,
  CLOSED,
  failedOnce,
  mayPass,
  passed,
  withdrawn,
} from "../../src/core/breaker.ts";

const NOW = Date.UTC(2026, 10, 23, 12);
const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** After so many failures in a row, all at `NOW`. */
function after(failures: number, random = 0.5): Breaker {
  let breaker = CLOSED;
  for (let i = 0; i < failures; i++) breaker = failedOnce(breaker, NOW, random);
  return breaker;
}

describe("closed", () => {
  test("four failures in a row let everything pass, the fifth opens", () => {
    expect(mayPass(after(4), NOW)).toEqual({ pass: true });
    expect(passed(after(4), NOW)).toEqual(after(4));
    expect(mayPass(after(5), NOW)).toEqual({ pass: false, until: NOW + 22_500 });
  });

  test("an answer in between begins the count anew", () => {
    expect(answered()).toEqual(CLOSED);
    expect(mayPass(failedOnce(answered(), NOW, 0.5), NOW).pass).toBe(true);
  });
});

describe("open", () => {
  const open = after(5);
  const at = open.opensAgainAt ?? 0;

  test("the pause is between half and all of half a minute", () => {
    expect(after(5, 0).opensAgainAt).toBe(NOW + 15 * SECOND);
    expect(after(5, 0.9999).opensAgainAt).toBe(NOW + 29_998);
  });

  test("then one probe passes, and until it reports no other", () => {
    expect(mayPass(open, at - 1)).toEqual({ pass: false, until: at });
    expect(mayPass(open, at)).toEqual({ pass: true });
    const probing = passed(open, at);
    expect(mayPass(probing, at)).toEqual({ pass: false, until: at + 2 * MINUTE });
    expect(mayPass(probing, at + 2 * MINUTE - 1).pass).toBe(false);
    expect(mayPass(probing, at + 2 * MINUTE).pass).toBe(true);
  });

  test("a probe that came back without having asked makes room for the next", () => {
    expect(mayPass(withdrawn(passed(open, at)), at)).toEqual({ pass: true });
    expect(withdrawn(open)).toBe(open);
  });

  test("each probe that fails makes the next pause longer, up to ten minutes", () => {
    let breaker = open;
    const pauses: number[] = [];
    for (let i = 0; i < 8; i++) {
      const now = breaker.opensAgainAt ?? 0;
      breaker = failedOnce(passed(breaker, now), now, 0.9999999);
      pauses.push(Math.round(((breaker.opensAgainAt ?? 0) - now) / SECOND));
    }
    expect(pauses).toEqual([60, 120, 240, 480, 600, 600, 600, 600]);
  });

  test("answers that come late, to requests from before it opened, do not open it further", () => {
    const late = failedOnce(open, NOW + 5 * SECOND, 0.5);
    expect(late).toMatchObject({ opensAgainAt: open.opensAgainAt, openings: 1 });
  });
});

test("for any history: while it is open, probes that have not reported are at least two minutes apart", () => {
  const step = fc.record({
    wait: fc.integer({ min: 0, max: 3 * MINUTE }),
    report: fc.constantFrom("failed", "answered", null, null, null),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let breaker: Breaker = after(5);
      let now = NOW;
      let probe: number | null = null;
      for (const { wait, report, random } of steps) {
        now += wait;
        if (report !== null) {
          breaker = report === "failed" ? failedOnce(breaker, now, random) : answered();
          probe = null;
        }
        const { opensAgainAt } = breaker;
        if (!mayPass(breaker, now).pass) {
          expect(opensAgainAt).not.toBeNull();
          continue;
        }
        if (opensAgainAt !== null) {
          expect(now).toBeGreaterThanOrEqual(opensAgainAt);
          expect(now - (probe ?? -Infinity)).toBeGreaterThanOrEqual(2 * MINUTE);
          probe = now;
        }
        breaker = passed(breaker, now);
      }
    }),
    { numRuns: 500 },
  );
});
