import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { afterFailure, afterSuccess, isVerdictDue } from "../../src/core/aftermath.ts";
import type { Grant } from "../../src/core/grant.ts";
import type { RefreshOutcome } from "../../src/core/outcome.ts";
import type { Rotation } from "../../src/core/refresh-rules.ts";
import { succeed, tokenSetFrom } from "../../src/core/token-set.ts";
import { aGrant } from "../store/samples.ts";

const NOW = Date.UTC(2026, 10, 23, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

type Failure = Exclude<RefreshOutcome, { kind: "refreshed" }>;

const answer = { status: 400, error: "invalid_grant", errorDescription: "no", trackingId: "t" };
const refusal = { cause: "consent_withdrawn", message: "Withdrawn.", remedy: "Consent.", answer };
const rejected: Failure = { kind: "grant_rejected", refusal };
const misconfigured: Failure = { kind: "integration_rejected", refusal };
const neverSent: Failure = {
  kind: "unavailable",
  reason: "never_sent",
  retryAfter: null,
  detail: "No connection.",
  answer: null,
  refusal: null,
};
const lost: Failure = { kind: "in_doubt", reason: "timed_out", detail: "Lost.", answer: null };

/** Claimed for the first time, with everything else in order. */
function claimed(changes: Partial<Grant> = {}): Grant {
  return aGrant({
    refreshStatus: "in_flight",
    accessIssuedAt: NOW - HOUR,
    accessExpiresAt: NOW + 9 * HOUR,
    refreshExpiresAt: NOW + 90 * DAY,
    nextAttemptAt: NOW,
    quietUntil: null,
    attempts: 0,
    lastAttemptAt: NOW,
    lastError: null,
    presentations: 1,
    rejections: 0,
    suspectSince: null,
    ...changes,
  });
}

interface At {
  readonly suspects?: number;
  readonly now?: number;
  readonly rotation?: Rotation;
  readonly isRetry?: boolean;
}

function after(grant: Grant, outcome: Failure, at: At = {}) {
  const { suspects = 1, now = NOW, rotation = "rolling", isRetry = false } = at;
  return afterFailure(grant, outcome, { now, random: 0.5, rotation, isRetry, suspects });
}

/** A suspect whose third refusal this is, a quarter of an hour after the first. */
const confirmed = { rejections: 2, suspectSince: NOW - 15 * MINUTE, attempts: 2 };

describe("a burst of suspects looks like an outage", () => {
  test("two at a time are believed", () => {
    expect(after(claimed(confirmed), rejected, { suspects: 2 }).event?.type).toBe("reauthorization_required");
  });

  test("of three no verdict is spoken: confirmed once an hour, and said", () => {
    const { change, event, error } = after(claimed(confirmed), rejected, { suspects: 3 });
    expect(event).toEqual({
      type: "verdict_held",
      data: { suspects: 3, cause: "consent_withdrawn", rejections: 3, needed: 3, after_unknown: false },
    });
    expect(change).toMatchObject({
      refreshStatus: "suspect",
      rejections: 3,
      suspectSince: NOW - 15 * MINUTE,
      nextAttemptAt: NOW + HOUR,
    });
    expect(change.state).toBeUndefined();
    expect(change.cause).toBeUndefined();
    expect(error.message).toContain("refusal 3");
  });

  test.each([
    ["just before a day", DAY - 1, "verdict_held"],
    ["after a day", DAY, "reauthorization_required"],
  ])("%s it is: %s", (_when, age, type) => {
    const grant = claimed({ ...confirmed, rejections: 25, suspectSince: NOW - age });
    expect(after(grant, rejected, { suspects: 500 }).event?.type).toBe(type);
  });

  test("a refresh token whose own stated end has passed is not held for others", () => {
    const grant = claimed({ ...confirmed, refreshExpiresAt: NOW });
    expect(after(grant, rejected, { suspects: 500 }).change.cause?.code).toBe("refresh_token_expired");
  });

  test("the others are counted only directly before a verdict", () => {
    expect(isVerdictDue(claimed(), NOW)).toBe(false);
    expect(isVerdictDue(claimed({ ...confirmed, rejections: 1 }), NOW)).toBe(false);
    expect(isVerdictDue(claimed({ ...confirmed, suspectSince: NOW - 15 * MINUTE + 1 }), NOW)).toBe(false);
    expect(isVerdictDue(claimed(confirmed), NOW)).toBe(true);
  });

  test("a suspicion from a clock that was set back is counted anew, not for forty days", () => {
    const grant = claimed({ rejections: 5, suspectSince: NOW + 40 * DAY });
    expect(after(grant, rejected).change).toMatchObject({ suspectSince: NOW, refreshStatus: "suspect" });
  });
});

describe("a dead grant, tried once more", () => {
  const diedAt = NOW - DAY;
  const cause = { code: "consent_withdrawn", message: "Withdrawn.", remedy: "Consent.", at: diedAt };
  const lastError = claimed().lastError;
  const dead = claimed({ state: "reauthorization_required", cause, attempts: 3, rejections: 3, lastError });

  test.each([
    ["refused again", rejected, "postmortem_refused", 0],
    ["no connection", neverSent, "postmortem_refused", 0],
    ["the integration refused", misconfigured, "postmortem_refused", 0],
    ["the answer lost", lost, "outcome_unknown", 1],
  ] as const)("%s: as dead as before, tomorrow again", (_what, outcome, type, presentations) => {
    const { change, event, retryAtOnce } = after(dead, outcome);
    expect(event?.type).toBe(type);
    expect(retryAtOnce).toBe(false);
    expect("state" in change).toBe(false);
    expect({ ...dead, ...change }).toMatchObject({
      state: "reauthorization_required",
      cause: { ...cause, probes: 1 },
      refreshStatus: "idle",
      nextAttemptAt: NOW + DAY + HOUR / 2,
      presentations,
      attempts: 4,
      leaseOwner: null,
    });
  });

  test("its old error stays, so that people see what it died of", () => {
    const error = {
      code: "reauthorization_required",
      message: "Dead.",
      remedy: null,
      at: diedAt,
      provider: null,
    };
    const grant = { ...dead, lastError: { ...error, code: "reauthorization_required" as const } };
    expect(after(grant, neverSent).change.lastError).toEqual(error);
  });

  test("a clock that was weeks behind when it died, and is right now, costs it no try", () => {
    const grant = { ...dead, cause: { ...cause, at: NOW - 18 * DAY } };
    expect(after(grant, rejected).change).toMatchObject({
      cause: { at: NOW - 18 * DAY, probes: 1 },
      nextAttemptAt: NOW + DAY + HOUR / 2,
    });
  });

  test("daily for a week, then never", () => {
    let grant: Grant = { ...dead, cause: { ...cause, at: NOW } };
    let at = NOW + DAY;
    const tries: number[] = [];
    while (grant.nextAttemptAt !== null && tries.length < 100) {
      tries.push(at);
      grant = { ...grant, ...after(grant, rejected, { now: at }).change };
      at = grant.nextAttemptAt ?? at;
    }
    expect(tries).toHaveLength(7);
    expect((tries.at(-1) ?? 0) - NOW).toBeLessThanOrEqual(7 * (DAY + HOUR));
  });
});

test("an earlier doubt with a strict provider waits for the end of the token, also after a failure that spent nothing", () => {
  const grant = claimed({ presentations: 2 });
  expect(after(grant, neverSent, { rotation: "strict" }).change.nextAttemptAt).toBe(NOW + 8 * HOUR);
  expect(after(grant, neverSent, { rotation: "rolling" }).change.nextAttemptAt).toBe(NOW + 2500);
  expect(after(claimed(), neverSent, { rotation: "strict" }).change.nextAttemptAt).toBe(NOW + 2500);
});

describe("the schedule never runs hot", () => {
  const life = fc.oneof(
    fc.constantFrom(null, 0, 1, 2, 59, 2 ** 31, 2 ** 53, -1, -(2 ** 53)),
    fc.integer({ min: 0, max: 100 }),
    fc.double({ min: 0, max: 1e6, noNaN: true }),
  );
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  test("whatever life a provider states: at most one refresh in five seconds", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(life, life, chance), { minLength: 1, maxLength: 50 }), (answers) => {
        let grant = claimed({ accessIssuedAt: null, accessExpiresAt: null, refreshExpiresAt: null });
        let now = NOW;
        for (const [expiresIn, refreshTokenExpiresIn, random] of answers) {
          const read = { accessToken: "a", refreshToken: "r", tokenType: null, scopes: null };
          const fresh = tokenSetFrom({ ...read, expiresIn, refreshTokenExpiresIn }, now);
          const tokens = succeed({ ...grant, refreshToken: "r" }, fresh, now);
          const { accessExpiresAt, refreshExpiresAt } = tokens;
          const next = afterSuccess({}, tokens, { issuedAt: now, idleLimit: null }, random, now);
          grant = { ...grant, ...next, accessExpiresAt, refreshExpiresAt };
          if (grant.nextAttemptAt === null) return;
          expect(grant.nextAttemptAt - now).toBeGreaterThanOrEqual(5000);
          expect(Number.isSafeInteger(grant.nextAttemptAt)).toBe(true);
          now = grant.nextAttemptAt;
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("whatever fails, and however often: at least a second, unless it is the one labelled retry", () => {
    const outcome = fc.constantFrom<Failure>(rejected, neverSent, lost, misconfigured);
    const rotation = fc.constantFrom<Rotation>("rolling", "grace", "strict");
    fc.assert(
      fc.property(fc.array(fc.tuple(outcome, chance), { maxLength: 60 }), rotation, (failures, model) => {
        let grant = claimed({ presentations: 0 });
        let now = NOW;
        for (const [came, random] of failures) {
          const isRetry = grant.presentations > 0;
          grant = { ...grant, presentations: grant.presentations + 1 };
          const at = { now, random, rotation: model, isRetry, suspects: 1 };
          const { change, retryAtOnce } = afterFailure(grant, came, at);
          grant = { ...grant, ...change };
          if (retryAtOnce) {
            expect(isRetry).toBe(false);
            continue;
          }
          if (grant.nextAttemptAt === null) return;
          expect(grant.nextAttemptAt - now).toBeGreaterThanOrEqual(1000);
          now = grant.nextAttemptAt;
        }
      }),
      { numRuns: 1000 },
    );
  });
});
