import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoff, demandBackoff, dueAt, parseRetryAfter, postmortemAt } from "../../src/core/schedule.ts";

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 23, 12);

describe("dueAt", () => {
  const life = (
    accessExpiresAt: number | null,
    refreshExpiresAt: number | null,
    idleLimit: number | null,
  ) => ({
    issuedAt: NOW,
    accessExpiresAt,
    refreshExpiresAt,
    idleLimit,
  });

  test.each([
    ["the later part of the access token's life, from", life(NOW + 100_000, null, null), 0, 66_000],
    ["… to", life(NOW + 100_000, null, null), 1, 80_000],
    [
      "the refresh token's end, where it comes first",
      life(NOW + 100 * DAY, NOW + 10 * DAY, null),
      0,
      6.6 * DAY,
    ],
    [
      "the access token's end, where it comes first",
      life(NOW + 10 * DAY, NOW + 100 * DAY, null),
      0,
      6.6 * DAY,
    ],
    ["the idle limit, where it comes first", life(NOW + 100 * DAY, NOW + 90 * DAY, 20 * DAY), 0, 13.2 * DAY],
    ["the idle limit, where nothing else is known", life(null, null, 20 * DAY), 0, 13.2 * DAY],
    ["a life of nothing", life(NOW, null, null), 0.5, 5000],
    ["a life that ended before it began", life(NOW - DAY, null, null), 0.5, 5000],
    ["a life of a second", life(NOW + 1000, null, null), 0.5, 5000],
  ])("%s", (_what, times, random, after) => {
    expect(dueAt(times, random)).toBe(NOW + after);
  });

  test("says nothing where nothing is known", () => {
    expect(dueAt(life(null, null, null), 0.5)).toBeNull();
  });

  test("for any life: never sooner than five seconds, and before the end where there is time for that", () => {
    const time = fc.option(
      fc.oneof(fc.integer({ min: -10, max: 10 }), fc.maxSafeInteger(), fc.constant(2 ** 53)),
    );
    const random = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
    fc.assert(
      fc.property(time, time, time, random, (access, refresh, idle, chance) => {
        const at = (end: number | null) => (end === null ? null : NOW + end);
        const due = dueAt(life(at(access), at(refresh), idle), chance);
        const ends = [access, refresh, idle].filter((end) => end !== null);
        if (due === null) return ends.length === 0;
        const end = Math.min(...ends);
        return due >= NOW + 5000 && (end <= 6300 || due < NOW + end);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("backoff", () => {
  test.each([
    [1, 0, 1000],
    [1, 0.9999, 4999],
    [2, 0.5, 5000],
    [3, 0.5, 10_000],
    [11, 0.5, 2_560_000],
    [12, 0.5, 45 * 60_000],
    [1000, 0.5, 45 * 60_000],
    [Number.MAX_SAFE_INTEGER, 0.999999, 5_399_994],
  ])("attempt %d at %d: %d ms", (attempts, random, wait) => {
    expect(backoff(attempts, random)).toBe(wait);
  });

  test("is between a second and an hour and a half for any count and chance", () => {
    const chance = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), chance, (attempts, random) => {
        const wait = backoff(attempts, random);
        return wait >= 1000 && wait <= 90 * 60_000 && Number.isInteger(wait);
      }),
    );
  });
});

describe("demandBackoff", () => {
  test.each([
    [1, 1000],
    [2, 2000],
    [3, 4000],
    [5, 16_000],
    [6, 30_000],
    [1000, 30_000],
    [Number.MAX_SAFE_INTEGER, 30_000],
  ])("after %d attempts: %d ms", (attempts, wait) => {
    expect(demandBackoff(attempts)).toBe(wait);
  });
});

describe("postmortemAt", () => {
  const HOUR = DAY / 24;
  test.each([
    ["a day later, and up to an hour", NOW, 0, 0, NOW + DAY],
    ["… with chance", NOW, 1, 0.5, NOW + DAY + HOUR / 2],
    ["a seventh time, however long ago it died", 0, 6, 0.999, NOW + DAY + Math.floor(0.999 * HOUR)],
    ["on the sixth day the last, however often it was tried", NOW - 6 * DAY, 99, 0, NOW + DAY],
    ["never, after seven times and a week", NOW - 6 * DAY - HOUR - 1, 7, 0, null],
  ])("%s", (_what, diedAt, probes, random, at) => {
    expect(postmortemAt(diedAt, probes, NOW, random)).toBe(at);
  });
});

describe("parseRetryAfter", () => {
  test.each([
    [null, null],
    ["", null],
    ["soon", null],
    ["5 apples", null],
    ["120", 120_000],
    [" 120 ", 120_000],
    ["1.5", 1500],
    ["0", 1000],
    ["9999999999", 6 * 3_600_000],
    ["99999999999999999999", null],
    ["Mon, 23 Nov 2026 12:02:00 GMT", 120_000],
    ["Mon, 23 Nov 2026 11:00:00 GMT", 1000],
    ["Tue, 23 Nov 2027 12:00:00 GMT", 6 * 3_600_000],
  ])("%o is %o ms", (value, wait) => {
    expect(parseRetryAfter(value, NOW)).toBe(wait);
  });

  test("whatever it says: between a second and six hours, or nothing", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String)), (text) => {
        const wait = parseRetryAfter(text, NOW);
        return wait === null || (wait >= 1000 && wait <= 6 * 3_600_000);
      }),
      { numRuns: 2000 },
    );
  });
});
