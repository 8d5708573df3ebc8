import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { afterFailure, afterSuccess } from "../../src/core/aftermath.ts";
import type { Grant } from "../../src/core/grant.ts";
import type { DoubtReason, RefreshOutcome, UnavailableReason } from "../../src/core/outcome.ts";
import {
  dueAgainIfAbandoned,
  forcedAgainAt,
  isFromTheFuture,
  LEASE,
  mayAttempt,
  mayProbe,
  nearEnd,
  type RefreshReason,
  type Rotation,
} from "../../src/core/refresh-rules.ts";
import { aGrant } from "../store/samples.ts";

const NOW = Date.UTC(2026, 10, 23, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const ROTATIONS = ["rolling", "grace", "strict"] as const;

type Failure = Exclude<RefreshOutcome, { kind: "refreshed" }>;

/** A grant that was just claimed for the first time: one presentation, nothing else wrong. */
function claimed(changes: Partial<Grant> = {}): Grant {
  return aGrant({
    refreshStatus: "in_flight",
    accessIssuedAt: NOW - 9 * HOUR,
    accessExpiresAt: NOW + HOUR,
    refreshExpiresAt: NOW + 1000 * HOUR,
    nextAttemptAt: null,
    quietUntil: null,
    attempts: 0,
    lastAttemptAt: NOW,
    lastError: null,
    presentations: 1,
    rejections: 0,
    suspectSince: null,
    leaseOwner: "here",
    leaseExpiresAt: NOW + 90_000,
    ...changes,
  });
}

const answer = { status: 400, error: "invalid_grant", errorDescription: "no", trackingId: "t" };
const refusal = { cause: "consent_withdrawn", message: "Withdrawn.", remedy: "Consent.", answer };
const rejected: Failure = { kind: "grant_rejected", refusal };
const misconfigured: Failure = { kind: "integration_rejected", refusal };
const unavailable = (reason: UnavailableReason, retryAfter: number | null = null): Failure => ({
  kind: "unavailable",
  reason,
  retryAfter,
  detail: "Not now.",
  answer: null,
  refusal: null,
});
const doubt = (reason: DoubtReason): Failure => ({ kind: "in_doubt", reason, detail: "Lost.", answer: null });

const after = (grant: Grant, outcome: Failure, rotation: Rotation = "rolling", isRetry = false) =>
  afterFailure(grant, outcome, { now: NOW, random: 0.5, rotation, isRetry, suspects: 1 });

describe("mayAttempt", () => {
  const ended = { accessExpiresAt: NOW - 1 };
  test.each<[string, Partial<Grant>, Rotation, RefreshReason, number | true]>([
    ["nothing stands against it", {}, "rolling", "demand", true],
    ["a person is never held", { quietUntil: NOW + HOUR, attempts: 3 }, "strict", "person", true],
    ["a person is not held by a suspicion", { refreshStatus: "suspect" }, "strict", "person", true],
    ["the schedule waits for its time", { nextAttemptAt: NOW + 5 }, "rolling", "schedule", NOW + 5],
    ["the schedule's time has come", { nextAttemptAt: NOW }, "rolling", "schedule", true],
    ["the schedule without a time", { nextAttemptAt: null }, "rolling", "schedule", true],
    ["quiet was asked for", { quietUntil: NOW + 7 }, "rolling", "demand", NOW + 7],
    ["quiet is over", { quietUntil: NOW }, "rolling", "demand", true],
    ["a failure a moment ago", { attempts: 1, lastAttemptAt: NOW - 400 }, "rolling", "demand", NOW + 600],
    ["a failure a second ago", { attempts: 1, lastAttemptAt: NOW - 1000 }, "rolling", "demand", true],
    ["never tried", { attempts: 0, lastAttemptAt: null }, "rolling", "demand", true],
    [
      "a suspicion is confirmed slowly",
      { refreshStatus: "suspect" },
      "rolling",
      "demand",
      NOW + 7.5 * MINUTE,
    ],
    ["doubt, rolling: no matter", { presentations: 3 }, "rolling", "demand", true],
    ["doubt, grace: no matter", { presentations: 3 }, "grace", "demand", true],
    [
      "doubt, strict, with life: near its end",
      { accessIssuedAt: NOW - HOUR, accessExpiresAt: NOW + 9 * HOUR },
      "strict",
      "demand",
      NOW + 8 * HOUR,
    ],
    ["doubt, strict, in the last tenth", { accessExpiresAt: NOW + HOUR }, "strict", "demand", true],
    ["doubt, strict, no life left", ended, "strict", "demand", true],
    ["doubt, strict, life not known", { accessExpiresAt: null }, "strict", "demand", true],
    ["a rejected token, never refreshed", { lastRefreshedAt: null }, "rolling", "rejected_token", true],
    [
      "a rejected token, refreshed a moment ago",
      { lastRefreshedAt: NOW - 1000 },
      "rolling",
      "rejected_token",
      NOW + 29_000,
    ],
    [
      "a rejected token, refreshed half a minute ago",
      { lastRefreshedAt: NOW - 30_000 },
      "rolling",
      "rejected_token",
      true,
    ],
    [
      "a rejected token while refreshing fails",
      { lastRefreshedAt: NOW - HOUR, attempts: 3, lastAttemptAt: NOW - 1000 },
      "rolling",
      "rejected_token",
      NOW + 3000,
    ],
    ["a token refreshed a moment ago, by demand", { lastRefreshedAt: NOW - 1000 }, "rolling", "demand", true],
    [
      "pauses counted on a clock that was set back: none",
      { attempts: 9, lastAttemptAt: NOW + 40 * 24 * HOUR, quietUntil: NOW + 41 * 24 * HOUR },
      "rolling",
      "demand",
      true,
    ],
    [
      "a time drawn on a clock that was set back: now",
      { lastAttemptAt: NOW + 40 * 24 * HOUR, nextAttemptAt: NOW + 41 * 24 * HOUR },
      "rolling",
      "schedule",
      true,
    ],
    ["no doubt, strict", { presentations: 0, accessIssuedAt: NOW - 1 }, "strict", "demand", true],
  ])("%s", (_what, changes, rotation, why, expected) => {
    const decision = mayAttempt(claimed(changes), rotation, NOW, why);
    expect(decision).toEqual(expected === true ? { attempt: true } : { attempt: false, until: expected });
  });
});

describe("after an outcome, for every rotation, retry and earlier doubt", () => {
  const cases = ROTATIONS.flatMap((rotation) =>
    [false, true].flatMap((isRetry) =>
      [1, 2, 3].map((presentations) => ({ rotation, isRetry, presentations })),
    ),
  );

  test.each(cases)("unavailable: nothing was spent ($rotation, retry $isRetry, $presentations)", (one) => {
    const { rotation, isRetry, presentations } = one;
    const { change, retryAtOnce, event, error } = after(
      claimed({ presentations }),
      unavailable("never_sent"),
      rotation,
      isRetry,
    );
    expect(change).toMatchObject({
      presentations: presentations - 1,
      refreshStatus: presentations > 1 ? "outcome_unknown" : "retrying",
      attempts: 1,
      leaseOwner: null,
      leaseExpiresAt: null,
      nextAttemptAt: NOW + 2500,
      quietUntil: null,
    });
    expect(change.state).toBeUndefined();
    expect(retryAtOnce).toBe(false);
    expect(event?.type).toBe("refresh_failing");
    expect(error.code).toBe("provider_unreachable");
  });

  test.each(cases)(
    "in doubt: once more at once, or near the end ($rotation, retry $isRetry, $presentations)",
    (one) => {
      const { rotation, isRetry, presentations } = one;
      const grant = claimed({ presentations, accessIssuedAt: NOW - HOUR, accessExpiresAt: NOW + 9 * HOUR });
      const { change, retryAtOnce, event } = after(grant, doubt("timed_out"), rotation, isRetry);
      const expectedRetry = rotation !== "strict" && !isRetry;
      expect(retryAtOnce).toBe(expectedRetry);
      expect(change).toMatchObject({
        refreshStatus: "outcome_unknown",
        nextAttemptAt: rotation === "strict" ? NOW + 8 * HOUR : NOW + 2500,
        // The retry keeps the lease; else it is given back.
        leaseOwner: expectedRetry ? "here" : null,
        leaseExpiresAt: expectedRetry ? NOW + 90_000 : null,
      });
      expect("presentations" in change).toBe(false);
      expect(event).toMatchObject({ type: "outcome_unknown", data: { rotation, reason: "timed_out" } });
    },
  );

  test.each(cases)("grant rejected: suspect ($rotation, retry $isRetry, $presentations)", (one) => {
    const { rotation, isRetry, presentations } = one;
    const { change, retryAtOnce, event } = after(claimed({ presentations }), rejected, rotation, isRetry);
    expect(change).toMatchObject({
      refreshStatus: "suspect",
      rejections: 1,
      suspectSince: NOW,
      presentations: presentations - 1,
      nextAttemptAt: NOW + 7.5 * MINUTE,
      leaseOwner: null,
    });
    expect(change.state).toBeUndefined();
    expect(retryAtOnce).toBe(false);
    expect(event).toMatchObject({ type: "suspect", data: { after_unknown: presentations > 1, needed: 3 } });
  });

  test.each(cases)("integration rejected: held ($rotation, retry $isRetry, $presentations)", (one) => {
    const { rotation, isRetry, presentations } = one;
    const { change, retryAtOnce, error } = after(
      claimed({ presentations }),
      misconfigured,
      rotation,
      isRetry,
    );
    expect(change).toMatchObject({ nextAttemptAt: NOW + 10 * MINUTE, presentations: presentations - 1 });
    expect(change.state).toBeUndefined();
    expect(change.rejections).toBeUndefined();
    expect(retryAtOnce).toBe(false);
    expect(error).toMatchObject({ code: "integration_misconfigured", remedy: "Consent.", provider: answer });
  });
});

describe("details", () => {
  test.each([
    ["never_sent", "provider_unreachable"],
    ["unavailable", "provider_unreachable"],
    ["rate_limited", "rate_limited"],
    ["unrecognised_refusal", "provider_refused"],
  ] as const)("%s is told as %s", (reason, code) => {
    expect(after(claimed(), unavailable(reason)).error.code).toBe(code);
  });

  test("Retry-After is kept in the row", () => {
    const { change } = after(claimed(), unavailable("rate_limited", 77_000));
    expect(change).toMatchObject({ nextAttemptAt: NOW + 77_000, quietUntil: NOW + 77_000 });
  });

  test("one event when refreshing begins to fail, not one a try", () => {
    expect(after(claimed({ attempts: 1 }), unavailable("never_sent")).event).toBeNull();
    expect(after(claimed({ attempts: 1 }), misconfigured).event).toBeNull();
  });

  test("a suspicion outlives requests that never arrived, and incidents", () => {
    const suspect = claimed({ suspectSince: NOW - HOUR, rejections: 2 });
    expect(after(suspect, unavailable("never_sent")).change.refreshStatus).toBe("suspect");
    expect(after(suspect, misconfigured).change.refreshStatus).toBe("suspect");
  });

  test("no count falls below nothing", () => {
    const grant = claimed({ presentations: 0 });
    for (const outcome of [unavailable("never_sent"), rejected, misconfigured]) {
      expect(after(grant, outcome).change.presentations).toBe(0);
    }
  });

  test("a provider's answer goes into the error; a strict doubt without a known life backs off", () => {
    const lost: Failure = { kind: "in_doubt", reason: "server_error", detail: "500", answer };
    const { error, change } = after(claimed({ accessIssuedAt: null }), lost, "strict");
    expect(error).toMatchObject({ provider: answer, message: "500", remedy: null });
    expect(change.nextAttemptAt).toBe(NOW + 2500);
  });
});

describe("the verdict", () => {
  test.each<[string, Partial<Grant>, string | null]>([
    [
      "third rejection, a quarter of an hour",
      { rejections: 2, suspectSince: NOW - 15 * MINUTE },
      "consent_withdrawn",
    ],
    ["third rejection, too soon", { rejections: 2, suspectSince: NOW - 15 * MINUTE + 1 }, null],
    ["second rejection, however late", { rejections: 1, suspectSince: NOW - 1000 * HOUR }, null],
    ["an answer had been lost", { rejections: 2, suspectSince: NOW - HOUR, presentations: 2 }, "answer_lost"],
    [
      "the refresh token's own end, confirmed",
      { refreshExpiresAt: NOW, rejections: 2, suspectSince: NOW - 15 * MINUTE },
      "refresh_token_expired",
    ],
    ["its own end by our clock, and a refusal that says nothing of it", { refreshExpiresAt: NOW }, null],
    ["its end is not known", { refreshExpiresAt: null }, null],
  ])("%s", (_what, changes, cause) => {
    const { change, event } = after(claimed(changes), rejected);
    expect(change.cause?.code ?? null).toBe(cause);
    expect(change.state ?? null).toBe(cause === null ? null : "reauthorization_required");
    expect(event?.type).toBe(cause === null ? "suspect" : "reauthorization_required");
    if (cause === null) return;
    expect(change).toMatchObject({ nextAttemptAt: NOW + 24.5 * HOUR, refreshStatus: "idle" });
    expect("refreshToken" in change).toBe(false);
    expect(change.cause?.remedy).toBe("Consent.");
  });

  test.each([
    ["at its own end", NOW, "refresh_token_expired"],
    ["just before its own end", NOW + 1, undefined],
  ])("a refusal that says that it has ended, %s", (_when, refreshExpiresAt, cause) => {
    const ended: Failure = { ...rejected, refusal: { ...refusal, cause: "refresh_token_expired" } };
    expect(after(claimed({ refreshExpiresAt }), ended).change.cause?.code).toBe(cause);
  });

  /** A life of random outcomes on virtual time, driven by the schedule or by programs that ask all the time. */
  test("is never spoken without three rejections in a row over a quarter of an hour, or a passed end", () => {
    const outcome = fc.constantFrom<Failure>(
      rejected,
      rejected,
      unavailable("never_sent"),
      unavailable("rate_limited", 5000),
      doubt("connection_lost"),
      misconfigured,
    );
    const step = fc.record({
      outcome: fc.option(outcome, { freq: 8 }),
      pause: fc.integer({ min: 0, max: 20 * MINUTE }),
      why: fc.constantFrom<RefreshReason>("schedule", "demand", "person"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.constantFrom(...ROTATIONS), (steps, rotation) => {
        let grant = claimed({ refreshExpiresAt: NOW + 3 * HOUR });
        let now = NOW;
        let rejections: number[] = [];
        for (const { outcome: came, pause, why } of steps) {
          now += pause;
          if (!mayAttempt(grant, rotation, now, why).attempt) continue;
          grant = { ...grant, presentations: grant.presentations + 1, lastAttemptAt: now };
          if (came === null) {
            rejections = [];
            const tokens = {
              accessToken: "a",
              refreshToken: "r",
              tokenType: "Bearer",
              scopes: null,
              accessExpiresAt: now + HOUR,
              refreshExpiresAt: now + 3 * HOUR,
            };
            const renewed = afterSuccess({}, tokens, { issuedAt: now, idleLimit: null }, 0.5, now);
            grant = {
              ...grant,
              ...renewed,
              accessExpiresAt: now + HOUR,
              refreshExpiresAt: now + 3 * HOUR,
            };
            expect(grant).toMatchObject({ rejections: 0, suspectSince: null, attempts: 0, presentations: 0 });
            continue;
          }
          if (came.kind === "grant_rejected") rejections.push(now);
          const isRetry = grant.presentations > 1;
          const { change } = afterFailure(grant, came, { now, random: 0.5, rotation, isRetry, suspects: 1 });
          grant = { ...grant, ...change };
          if (grant.state === "reauthorization_required") {
            const hasEnded = (grant.refreshExpiresAt ?? Infinity) <= now;
            const isConfirmed = rejections.length >= 3 && now - (rejections[0] ?? now) >= 15 * MINUTE;
            expect(came.kind).toBe("grant_rejected");
            expect(hasEnded || isConfirmed).toBe(true);
            return;
          }
        }
        expect(grant.state).toBe("active");
      }),
      { numRuns: 1000 },
    );
  });
});

describe("an outage of a day", () => {
  const outcomes: readonly Failure[] = [
    unavailable("unavailable"),
    unavailable("never_sent"),
    doubt("timed_out"),
  ];
  const runs = outcomes.flatMap((outcome) => ROTATIONS.map((rotation) => ({ outcome, rotation })));

  test.each(runs)("$outcome.kind, $rotation: at most 60 requests, nothing dead", ({ outcome, rotation }) => {
    for (let seed = 1; seed <= 200; seed++) {
      const dice = fairDice(seed);
      let grant = claimed({ accessExpiresAt: NOW + 4 * HOUR, presentations: 0 });
      let requests = 0;
      let now = NOW;
      while (now < NOW + 24 * HOUR) {
        const isRetry = grant.presentations > 0;
        grant = { ...grant, presentations: grant.presentations + 1 };
        requests++;
        const result = afterFailure(grant, outcome, { now, random: dice(), rotation, isRetry, suspects: 1 });
        grant = { ...grant, ...result.change };
        if (!result.retryAtOnce) now = grant.nextAttemptAt ?? Infinity;
      }
      expect(requests).toBeLessThanOrEqual(60);
      expect(grant).toMatchObject({ state: "active", rejections: 0 });
    }
  });
});

describe("dueAgainIfAbandoned", () => {
  const grant = claimed({ accessIssuedAt: NOW - HOUR, accessExpiresAt: NOW + 9 * HOUR });
  test.each([
    ["rolling: as before, when the lease has run out", "rolling", grant, null],
    ["grace: as before, when the lease has run out", "grace", grant, null],
    ["strict: near the token's end", "strict", grant, NOW + 8 * HOUR],
    ["strict, near its end already", "strict", claimed(), NOW + LEASE],
    ["strict, no life left", "strict", claimed({ accessExpiresAt: NOW - 1 }), null],
  ] as const)("%s", (_what, rotation, of, at) => {
    expect(dueAgainIfAbandoned(of, rotation, NOW)).toBe(at);
  });
});

test("nearEnd: a tenth of the life is left; unknown lives have no end to be near to", () => {
  expect(nearEnd(claimed({ accessIssuedAt: NOW, accessExpiresAt: NOW + 10 * HOUR }))).toBe(NOW + 9 * HOUR);
  expect(nearEnd(claimed({ accessIssuedAt: null }))).toBe(0);
});

test("isFromTheFuture: more than a minute ahead of our clock", () => {
  expect(isFromTheFuture({ accessIssuedAt: NOW + MINUTE }, NOW)).toBe(false);
  expect(isFromTheFuture({ accessIssuedAt: NOW + MINUTE + 1 }, NOW)).toBe(true);
  expect(isFromTheFuture({ accessIssuedAt: null }, NOW)).toBe(false);
});

test("forcedAgainAt: half a minute after the last refresh, unless that lies ahead", () => {
  expect(forcedAgainAt({ lastRefreshedAt: NOW - 10_000 }, NOW)).toBe(NOW + 20_000);
  expect(forcedAgainAt({ lastRefreshedAt: NOW - 30_000 }, NOW)).toBe(0);
  expect(forcedAgainAt({ lastRefreshedAt: NOW + HOUR }, NOW)).toBe(0);
  expect(forcedAgainAt({ lastRefreshedAt: null }, NOW)).toBe(0);
});

test("mayProbe: once in ten minutes, also where the clock was set back", () => {
  const incident = { cause: "c", message: "m", remedy: "r", since: NOW - HOUR, probedAt: NOW };
  expect(mayProbe(incident, NOW + 10 * MINUTE - 1)).toBe(false);
  expect(mayProbe(incident, NOW + 10 * MINUTE)).toBe(true);
  expect(mayProbe(incident, NOW - HOUR)).toBe(true);
});

test("success without a refresh token leaves nothing to do on a schedule", () => {
  const tokens = {
    accessToken: "a",
    refreshToken: null,
    tokenType: "Bearer",
    scopes: null,
    accessExpiresAt: NOW + HOUR,
    refreshExpiresAt: null,
  };
  expect(afterSuccess({}, tokens, { issuedAt: NOW, idleLimit: 5 }, 0.5, NOW).nextAttemptAt).toBeNull();
});

/** mulberry32: the same dice each time. */
function fairDice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
