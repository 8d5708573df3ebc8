import { describe, expect, test } from "vitest";
import { getToken } from "../../src/keeper/get-token.ts";
import { keepAlive } from "../../src/keeper/run.ts";
import { createScheduler } from "../../src/keeper/scheduler.ts";
import { openFleet } from "./fleet.ts";
import { anotherProcess, DAY, HOUR, MINUTE, START } from "./rig.ts";

const EXPIRED = { secondsLeft: -60 };

describe("a machine that slept: the wall clock went on, the monotonic one stood still", () => {
  test.each([
    ["8 hours", 8 * HOUR, 3600],
    ["40 days", 40 * DAY, 1_209_599],
  ])("%s: fresh within one tick after it woke", async (_what, slept, accessTokenSeconds) => {
    const fleet = await openFleet({ ...EXPIRED, grants: 4, accessTokenSeconds });
    await fleet.tick();
    fleet.rig.clock.jump("wall", slept);
    fleet.rig.emulator.advance(slept);
    await fleet.tick();
    for (const name of ["g", "g1", "g2", "g3", "g4"]) {
      const grant = await fleet.grantNamed(name);
      expect(grant).toMatchObject({ generation: 3, state: "active" });
      expect(grant.accessExpiresAt ?? 0).toBeGreaterThan(fleet.ports.clock.now());
    }
    expect(await fleet.countEvents("clock_set_back")).toBe(0);
  });

  test("a refresh token that ran out meanwhile: consent is needed, with the cause, and no loop", async () => {
    const fleet = await openFleet({ ...EXPIRED, refreshTokenSeconds: 30 * 86_400 });
    await fleet.tick();
    fleet.rig.clock.jump("wall", 40 * DAY);
    fleet.rig.emulator.advance(40 * DAY);
    await fleet.live(HOUR);
    const grant = await fleet.rig.grant();
    expect(grant.state).toBe("reauthorization_required");
    expect(grant.cause).toMatchObject({ code: "refresh_token_expired" });
    expect(grant.cause?.message).toContain("2026-12-23");
    // The first refresh before the sleep, one after it.
    expect(fleet.rig.refreshes()).toBe(2);
    await expect(getToken(fleet.ports, "g", 300)).rejects.toMatchObject({ code: "reauthorization_required" });
    expect(fleet.rig.refreshes()).toBe(2);
  });
});

describe("a clock that was corrected", () => {
  test("set back by 40 days while it runs: what was counted on it is refreshed at the next tick, and said once", async () => {
    const fleet = await openFleet({ ...EXPIRED, grants: 3 });
    await fleet.tick();
    const sent = fleet.sendings.length;
    fleet.rig.pass(15_000);
    fleet.rig.clock.jump("wall", -40 * DAY);
    await fleet.tick();
    expect(fleet.sendings).toHaveLength(sent + 4);
    const now = fleet.ports.clock.now();
    for (const name of ["g", "g1", "g2", "g3"]) {
      const { accessExpiresAt, nextAttemptAt, accessIssuedAt } = await fleet.grantNamed(name);
      expect(accessIssuedAt ?? 0).toBeLessThanOrEqual(now);
      expect(nextAttemptAt ?? 0).toBeLessThan(now + 14 * DAY);
      expect(accessExpiresAt ?? 0).toBeLessThanOrEqual(now + 14 * DAY);
    }
    await fleet.live(10 * MINUTE);
    expect(fleet.sendings).toHaveLength(sent + 4);
    const [event, ...more] = (await fleet.allEvents()).filter(({ type }) => type === "clock_set_back");
    expect(event?.data).toMatchObject({ grants: 4 });
    expect(more).toEqual([]);
  });

  test("set back while no keeper ran: seen at the first tick of the next one", async () => {
    const fleet = await openFleet(EXPIRED);
    await fleet.tick();
    await fleet.ports.store.leave(fleet.ports.owner);
    fleet.rig.clock.jump("wall", -40 * DAY);
    const next = createScheduler(anotherProcess(fleet.ports), {
      onError: (error) => expect(error).toBeNull(),
    });
    await next.tick();
    await next.settled();
    expect(fleet.rig.refreshes()).toBe(2);
    expect(await fleet.countEvents("clock_set_back")).toBe(1);
  });

  test("set back: a program is not served a token past the provider's expiry because of it", async () => {
    const fleet = await openFleet({ ...EXPIRED, accessTokenSeconds: 7200 });
    await fleet.tick();
    const old = await fleet.rig.accessToken();
    // The provider's clock goes on; ours is told to be 40 days ago, and three hours pass.
    fleet.rig.clock.jump("wall", -40 * DAY);
    fleet.rig.pass(3 * HOUR);
    const document = await getToken(fleet.ports, "g", 300);
    expect(document.access_token).not.toBe(old);
    expect(document.warning).toBeNull();
    expect(document.expires_in).toBeLessThanOrEqual(7200);
  });

  test("set back while refreshing fails: it is tried again now, not in 40 days", async () => {
    const fleet = await openFleet({ secondsLeft: 3600 });
    fleet.rig.pass(31 * MINUTE);
    fleet.rig.clock.jump("wall", 40 * DAY);
    fleet.rig.emulator.fault({ on: "refresh", kind: "status", status: 429, retryAfter: 3600 });
    await fleet.tick();
    expect(await fleet.rig.grant()).toMatchObject({ attempts: 1, generation: 1 });
    fleet.rig.clock.jump("wall", -40 * DAY);
    await fleet.tick();
    expect(await fleet.rig.grant()).toMatchObject({ generation: 2, attempts: 0 });
  });

  test("set forward by 40 days: everything is refreshed early, and again when it is set right", async () => {
    const fleet = await openFleet({ grants: 2 });
    await fleet.tick();
    expect(fleet.sendings).toHaveLength(0);
    fleet.rig.clock.jump("wall", 40 * DAY);
    await fleet.tick();
    expect(fleet.sendings).toHaveLength(3);
    fleet.rig.pass(15_000);
    fleet.rig.clock.jump("wall", -40 * DAY);
    await fleet.tick();
    expect(fleet.sendings).toHaveLength(6);
    await fleet.live(HOUR);
    expect(fleet.sendings).toHaveLength(6);
    expect(await fleet.rig.grant()).toMatchObject({ state: "active", generation: 3 });
  });

  test("one keeper's clock ahead of another's is no clock set back: nothing is refreshed over and over", async () => {
    const fleet = await openFleet({ ...EXPIRED, grants: 5 });
    const ahead = anotherProcess(fleet.ports, {
      clock: { ...fleet.ports.clock, now: () => fleet.ports.clock.now() + 5 * MINUTE },
    });
    const second = createScheduler(ahead, { onError: (error) => expect(error).toBeNull() });
    for (let i = 0; i < 40; i++) {
      for (const scheduler of [second, fleet.scheduler]) {
        await scheduler.tick();
        await scheduler.settled();
      }
      fleet.rig.pass(15_000);
    }
    expect(fleet.sendings).toHaveLength(6);
    expect(await fleet.countEvents("clock_set_back")).toBe(0);
  });
});

describe("the provider's clock and ours", () => {
  test.each([-DAY, -HOUR, -5 * MINUTE, -61_000, 61_000, 5 * MINUTE, HOUR, DAY])(
    "%d ms apart: alarmed within one answer, once, and no token is served past its end",
    async (skew) => {
      const fleet = await openFleet({ ...EXPIRED, accessTokenSeconds: 3600 });
      fleet.rig.emulator.advance(skew);
      await fleet.tick();
      const [event, ...more] = (await fleet.allEvents()).filter(({ type }) => type === "clock_skewed");
      expect(event?.data).toMatchObject({ provider: "webex" });
      expect(Math.abs(Number(event?.data["seconds"]) + skew / 1000)).toBeLessThanOrEqual(2);
      expect(more).toEqual([]);
      // The life counts from the request on our own clock, so that the two need not agree.
      for (let i = 0; i < 100; i++) {
        fleet.rig.pass(2 * MINUTE);
        await fleet.tick();
        const { access_token } = await getToken(fleet.ports, "g", 300);
        expect(endOf(fleet.rig.emulator.ledger(), access_token)).toBeGreaterThan(fleet.rig.emulator.now());
      }
      expect(await fleet.countEvents("clock_skewed")).toBe(1);
    },
  );

  test("a minute and less is nothing to tell", async () => {
    const fleet = await openFleet(EXPIRED);
    fleet.rig.emulator.advance(58_000);
    await fleet.tick();
    expect(await fleet.countEvents("clock_skewed")).toBe(0);
  });

  test("a token's life counts from when the request began, not from its answer", async () => {
    const fleet = await openFleet({ ...EXPIRED, accessTokenSeconds: 3600 });
    const hold = fleet.rig.emulator.fault({ on: "refresh", kind: "hold" });
    const ticked = fleet.tick();
    while (hold.hits() < 1) await new Promise(setImmediate);
    fleet.rig.clock.advance(20_000);
    hold.release();
    await ticked;
    expect(await fleet.rig.grant()).toMatchObject({ accessIssuedAt: START, accessExpiresAt: START + HOUR });
  });

  test("… also where the wall clock was set forward meanwhile", async () => {
    const fleet = await openFleet({ ...EXPIRED, accessTokenSeconds: 3600 });
    const hold = fleet.rig.emulator.fault({ on: "refresh", kind: "hold" });
    const ticked = fleet.tick();
    while (hold.hits() < 1) await new Promise(setImmediate);
    fleet.rig.clock.advance(20_000);
    fleet.rig.clock.jump("wall", -HOUR);
    hold.release();
    await ticked;
    const { accessIssuedAt } = await fleet.rig.grant();
    // By the clock that counts from now on.
    expect(accessIssuedAt).toBe(fleet.ports.clock.now() - 20_000);
  });
});

describe("whatever stops one part of a tick", () => {
  test("one row that does not open stops nothing else, and is named", async () => {
    const fleet = await openFleet({ ...EXPIRED, grants: 5 });
    const { id } = await fleet.grantNamed("g3");
    const database = fleet.rig.connect();
    await database.write(async ({ query }) => {
      await query("update grants set refresh_token = '1.00000000.AAAA' where id = $1", [id]);
    });
    await fleet.tick();
    for (const name of ["g", "g1", "g2", "g4", "g5"])
      expect((await fleet.grantNamed(name)).generation).toBe(2);
    expect(fleet.errors.map(({ grant }) => grant)).toEqual(["g3"]);
    expect(fleet.errors[0]?.error).toMatchObject({ code: "master_key_unusable" });
    const broken = await fleet.grantNamed("g3");
    expect(broken).toMatchObject({ state: "active", generation: 1, leaseOwner: null });
    expect(broken.lastError?.code).toBe("master_key_unusable");
    expect(broken.nextAttemptAt ?? 0).toBeGreaterThan(fleet.ports.clock.now());
    // Put off further each time, and said once.
    await fleet.live(HOUR);
    expect(fleet.errors.length).toBeLessThan(10);
    expect(
      (await fleet.allEvents()).filter(({ grant, type }) => grant === "g3" && type === "refresh_failing"),
    ).toHaveLength(1);
  });

  test("what an ended process left under its lease is taken up at the first tick", async () => {
    const fleet = await openFleet({
      ...EXPIRED,
      grants: 3,
      ports: () => ({ hasEnded: (owner: string) => owner === "ended" }),
    });
    for (const name of ["g1", "g2"]) {
      const { id, generation, leaseFence } = await fleet.grantNamed(name);
      const claim = { id, generation, fence: leaseFence, owner: "ended", now: START, lease: 90_000 };
      await fleet.ports.store.claim({ ...claim, takeOverFrom: null, dueAgainAt: START + 90_000, events: [] });
    }
    const report = await fleet.scheduler.tick();
    await fleet.scheduler.settled();
    expect(report).toMatchObject({ relieved: 2, started: 2 });
    for (const name of ["g", "g1", "g2", "g3"]) {
      expect(await fleet.grantNamed(name)).toMatchObject({ generation: 2, leaseOwner: null });
    }
    expect(await fleet.countEvents("outcome_unknown")).toBe(2);
  });

  test("strict: what an ended process may have spent waits for the end of its token, and is not tried at each tick", async () => {
    const fleet = await openFleet({
      accessTokenSeconds: 36_000,
      rotation: "strict",
      ports: () => ({ hasEnded: (owner: string) => owner === "ended" }),
    });
    const { id, generation, leaseFence } = await fleet.rig.grant();
    const claim = { id, generation, fence: leaseFence, owner: "ended", now: START, lease: 90_000 };
    await fleet.ports.store.claim({ ...claim, takeOverFrom: null, dueAgainAt: START + 9 * HOUR, events: [] });
    expect((await fleet.scheduler.tick()).relieved).toBe(1);
    await fleet.scheduler.settled();
    expect((await fleet.scheduler.tick()).relieved).toBe(0);
    expect(fleet.sendings).toEqual([]);
    fleet.rig.pass(9 * HOUR - 1);
    await fleet.tick();
    expect(fleet.sendings).toEqual([]);
    fleet.rig.pass(1);
    await fleet.tick();
    expect(fleet.rig.refreshes()).toBe(1);
    expect(await fleet.rig.grant()).toMatchObject({ generation: 2 });
  });

  test("a store that fails for a while: each part says so, and the next tick goes on", async () => {
    let isBroken = false;
    const fleet = await openFleet({
      ...EXPIRED,
      ports: ({ store }) => ({
        store: new Proxy(store, {
          get: (target, name) => {
            if (isBroken) return () => Promise.reject(new Error("the store is away"));
            return Reflect.get(target, name) as unknown;
          },
        }),
      }),
    });
    isBroken = true;
    await fleet.tick();
    expect(fleet.errors.length).toBeGreaterThanOrEqual(2);
    expect(await fleet.scheduler.pause()).toBeGreaterThan(10_000);
    isBroken = false;
    await fleet.tick();
    expect((await fleet.rig.grant()).generation).toBe(2);
  });
});

describe("keepAlive", () => {
  /** Alarms that a test sets off. */
  function withAlarms(fleet: Awaited<ReturnType<typeof openFleet>>) {
    const set = new Set<() => void>();
    const clock = {
      ...fleet.ports.clock,
      alarm: (_ms: number, work: () => void) => {
        set.add(work);
        return () => void set.delete(work);
      },
    };
    return { ports: { ...fleet.ports, clock }, ring: () => [...set].forEach((work) => work()) };
  }

  test("stops in order: what is at the provider is waited for and saved, and nothing is begun any more", async () => {
    const fleet = await openFleet({ ...EXPIRED, grants: 40 });
    const hold = fleet.rig.emulator.fault({ on: "refresh", kind: "hold", times: "always" });
    const stop = new AbortController();
    const { ports } = withAlarms(fleet);
    const ended = keepAlive(ports, { signal: stop.signal, onError: (error) => expect(error).toBeNull() });
    while (hold.hits() < 5) await new Promise(setImmediate);
    stop.abort();
    const begun = fleet.sendings.length;
    while (hold.hits() < begun) await new Promise(setImmediate);
    hold.release();
    await ended;
    // Whoever had passed when it was told to stop may still have been sent; the line behind was sent away.
    expect(fleet.sendings.length).toBeLessThanOrEqual(begun + 2);
    expect(await fleet.countEvents("refreshed")).toBe(fleet.sendings.length);
    expect(await fleet.ports.store.leased()).toEqual([]);
    // It has left: whoever comes next has the whole budget.
    const { keepers } = await fleet.ports.store.beat({ id: "next", startedAt: START, now: START });
    expect(keepers).toEqual(["next"]);
  });

  test("a labelled retry that is owed still goes out while it stops", async () => {
    const stop = new AbortController();
    // The first answer is lost after it has been told to stop.
    let sent = 0;
    const fleet = await openFleet({
      ...EXPIRED,
      rotation: "grace",
      ports: ({ send }) => ({
        send: async (request) => {
          const result = await send(request);
          if (++sent > 1) return result;
          stop.abort();
          return { kind: "lost", reason: "connection_lost", detail: "Reset." };
        },
      }),
    });
    const { ports } = withAlarms(fleet);
    await keepAlive(ports, { signal: stop.signal, onError: (error) => expect(error).toBeNull() });
    expect(await fleet.rig.grant()).toMatchObject({ generation: 2, leaseOwner: null });
    expect(fleet.rig.refreshes()).toBe(2);
  });

  test("whoever watches may fail without ending it", async () => {
    const fleet = await openFleet(EXPIRED);
    const stop = new AbortController();
    const { ports, ring } = withAlarms(fleet);
    const errors: unknown[] = [];
    let ticks = 0;
    const onTick = (): Promise<void> => {
      ticks++;
      if (ticks === 3) stop.abort();
      else setImmediate(ring);
      return Promise.reject(new Error("cannot be shown"));
    };
    await keepAlive(ports, { signal: stop.signal, onTick, onError: (error) => errors.push(error) });
    expect(ticks).toBe(3);
    expect(errors).toHaveLength(3);
    expect((await fleet.rig.grant()).generation).toBe(2);
  });
});

/** The provider's own word on when an access token ends. */
function endOf(
  ledger: readonly { readonly kind: string; readonly value: string; readonly expiresAt: number | null }[],
  token: string,
): number {
  return ledger.findLast(({ kind, value }) => kind === "minted" && value === token)?.expiresAt ?? 0;
}
