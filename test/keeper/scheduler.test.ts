import { describe, expect, test } from "vitest";
import { getToken } from "../../src/keeper/get-token.ts";
import { updateIntegration } from "../../src/keeper/integrations.ts";
import { createScheduler } from "../../src/keeper/scheduler.ts";
import { mostInASecond, openFleet } from "./fleet.ts";
import { anotherProcess, DAY, HOUR, MINUTE, START } from "./rig.ts";

const EXPIRED = { secondsLeft: -60 };
const names = (count: number): string[] => ["g", ...Array.from({ length: count }, (_, i) => `g${i + 1}`)];

describe("what is due", () => {
  test("the grant that ends first goes first, and those that have time wait for theirs", async () => {
    const fleet = await openFleet({ grants: 4, left: (n) => [3600, 60, -600, 1_000_000][n - 1] ?? 0 });
    const order: string[] = [];
    await fleet.tick();
    for (const { type, grant } of await fleet.allEvents()) if (type === "refreshed") order.push(grant ?? "");
    expect(order).toEqual(["g3", "g2", "g1"]);
    expect(fleet.rig.refreshes()).toBe(3);
    expect((await fleet.grantNamed("g4")).generation).toBe(1);
  });

  test("each is due in the later part of its life, where exactly is drawn once and kept", async () => {
    const fleet = await openFleet(EXPIRED);
    await fleet.tick();
    const { nextAttemptAt, accessIssuedAt, accessExpiresAt } = await fleet.rig.grant();
    const issued = accessIssuedAt ?? 0;
    const share = ((nextAttemptAt ?? 0) - issued) / ((accessExpiresAt ?? 0) - issued);
    expect(share).toBeCloseTo(0.73, 5);
    // Another process, with other dice, keeps to what is written down.
    const other = createScheduler(
      anotherProcess(fleet.ports, { random: { ...fleet.ports.random, fraction: () => 0 } }),
      { onError: (error) => expect(error).toBeNull() },
    );
    fleet.rig.pass((nextAttemptAt ?? 0) - START - 1000);
    expect((await other.tick()).started).toBe(0);
    fleet.rig.pass(1000);
    expect((await other.tick()).started).toBe(1);
    await other.settled();
    expect(fleet.rig.refreshes()).toBe(2);
  });

  test("an idle grant is kept alive: its refresh token's life is reset long before it runs out, for two years", async () => {
    const fleet = await openFleet({ accessTokenSeconds: 1_209_599, refreshTokenSeconds: 7_775_999 });
    let pauses = 0;
    const until = START + 730 * DAY;
    while (fleet.ports.clock.now() < until) {
      await fleet.tick();
      const { nextAttemptAt, refreshExpiresAt } = await fleet.rig.grant();
      expect(nextAttemptAt ?? Infinity).toBeLessThan(refreshExpiresAt ?? 0);
      fleet.rig.pass((nextAttemptAt ?? 0) - fleet.ports.clock.now());
      pauses++;
    }
    expect(await fleet.rig.grant()).toMatchObject({ state: "active", lastError: null });
    expect(pauses).toBe(fleet.rig.refreshes() + 1);
    expect(fleet.rig.refreshes()).toBeLessThan(75);
  });

  test("a provider's idle limit that no answer tells is kept clear of", async () => {
    const idleLimit = 20 * DAY;
    const lives = { accessTokenSeconds: 365 * 86_400, refreshTokenSeconds: 730 * 86_400 };
    const fleet = await openFleet({ ...EXPIRED, ...lives, profile: { idleLimit } });
    await fleet.tick();
    const { nextAttemptAt } = await fleet.rig.grant();
    expect(((nextAttemptAt ?? 0) - START) / idleLimit).toBeCloseTo(0.73, 5);
  });

  test("with nothing due a tick sends nothing, and the pause is the tick's own", async () => {
    const fleet = await openFleet({ grants: 5 });
    expect(await fleet.scheduler.tick()).toEqual({ spooled: 0, relieved: 0, started: 0, hasMore: false });
    const pause = await fleet.scheduler.pause();
    expect(pause).toBeGreaterThanOrEqual(13_000);
    expect(pause).toBeLessThanOrEqual(15_000);
    expect(fleet.sendings).toEqual([]);
  });

  test("what is due sooner than the next tick is not waited for longer than needed", async () => {
    const fleet = await openFleet({ secondsLeft: -60, accessTokenSeconds: 10 });
    await fleet.tick();
    expect(await fleet.scheduler.pause()).toBeCloseTo(7300 * 0.95, -1);
  });
});

describe("budgets", () => {
  test("500 overdue grants and a limit of 20 a second: no second has more, all are refreshed", async () => {
    const fleet = await openFleet({ ...EXPIRED, grants: 499 });
    await fleet.tick();
    expect(fleet.sendings).toHaveLength(500);
    expect(mostInASecond(fleet.sendings)).toBeLessThanOrEqual(20);
    const took = (fleet.sendings.at(-1) ?? 0) - (fleet.sendings[0] ?? 0);
    expect(took).toBeLessThanOrEqual(1.1 * 25_000);
    expect(await fleet.countEvents("refreshed")).toBe(500);
  });

  test("two keepers on one store have half of it each, and all of it again when one leaves", async () => {
    const fleet = await openFleet({ ...EXPIRED, grants: 199 });
    const times: number[][] = [[], []];
    const keepers = times.map((mine, i) => {
      const ports = anotherProcess(fleet.ports, {
        owner: `keeper-${i}`,
        send: (request) => {
          mine.push(fleet.ports.clock.monotonic());
          return fleet.ports.send(request);
        },
      });
      return { ports, scheduler: createScheduler(ports, { onError: (error) => expect(error).toBeNull() }) };
    });
    for (const { ports } of keepers)
      await ports.store.beat({ id: ports.owner, startedAt: START, now: START });
    await Promise.all(keepers.map(({ scheduler }) => scheduler.tick()));
    await Promise.all(keepers.map(({ scheduler }) => scheduler.settled()));
    for (const mine of times) {
      expect(mostInASecond(mine)).toBeLessThanOrEqual(10);
      expect(mine.length).toBeGreaterThan(50);
    }
    expect(mostInASecond(times.flat().toSorted((a, b) => a - b))).toBeLessThanOrEqual(20);
    // One request for each grant, whoever sent it.
    expect(fleet.rig.refreshes()).toBe(200);
    await keepers[1]?.ports.store.leave("keeper-1");
    const { keepers: left } = await fleet.ports.store.beat({ id: "keeper-0", startedAt: START, now: START });
    expect(left).toEqual(["keeper-0"]);
  });

  test("no more at the provider at once than it takes", async () => {
    const fleet = await openFleet({
      ...EXPIRED,
      grants: 30,
      profile: { limits: { perSecond: null, inFlight: 7 } },
    });
    const hold = fleet.rig.emulator.fault({ on: "refresh", kind: "hold", times: 7 });
    const ended = fleet.tick();
    while (hold.hits() < 7) await new Promise(setImmediate);
    // Those seven are held: whoever else had been sent would have been answered at once.
    expect(fleet.sendings).toHaveLength(7);
    hold.release();
    await ended;
    expect(fleet.sendings).toHaveLength(31);
  });

  test("a program that waits for a token overtakes the line that the schedule has begun", async () => {
    const fleet = await openFleet({ ...EXPIRED, grants: 100, left: (n) => n });
    await fleet.scheduler.tick();
    const document = await getToken(fleet.ports, "g100", 300);
    expect(document.generation).toBe(2);
    expect(fleet.sendings.length).toBeLessThan(20);
    await fleet.scheduler.settled();
    expect(fleet.rig.refreshes()).toBe(101);
  });
});

describe("a provider that fails for everybody", () => {
  test("five failures open the breaker: the line of the others is turned away, then one at a time asks", async () => {
    const fleet = await openFleet({ ...EXPIRED, grants: 49 });
    fleet.rig.emulator.fault({ on: "refresh", kind: "status", status: 503, times: "always" });
    await fleet.tick();
    // Those that were on their way when the fifth failed are sent; nobody after.
    const first = fleet.sendings.length;
    expect(first).toBeGreaterThanOrEqual(5);
    expect(first).toBeLessThanOrEqual(10);
    expect(await fleet.countEvents("provider_failing")).toBe(1);
    await fleet.tick();
    expect(fleet.sendings).toHaveLength(first);
    fleet.rig.pass(30_000);
    await fleet.tick();
    expect(fleet.sendings).toHaveLength(first + 1);
    await fleet.tick();
    expect(fleet.sendings).toHaveLength(first + 1);

    // Answering again: the probe's success brings all the others at once.
    fleet.rig.emulator.clearFaults();
    fleet.rig.pass(60_000);
    await fleet.tick();
    expect(await fleet.countEvents("provider_recovered")).toBe(1);
    await fleet.tick();
    for (const name of names(49)) expect((await fleet.grantNamed(name)).generation).toBe(2);
    expect(await fleet.countEvents("provider_failing")).toBe(1);
  });

  test("down for 24 hours: at most 60 requests a grant, none dead, all fresh within two probe intervals", async () => {
    const fleet = await openFleet({ grants: 20, secondsLeft: 600, left: (n) => 600 + n * 60 });
    fleet.rig.emulator.fault({ on: "refresh", kind: "status", status: 503, times: "always" });
    await fleet.live(24 * HOUR);
    const refused = fleet.rig.emulator.requests().length;
    expect(refused).toBeLessThan(400);
    const busiest = Math.max(
      ...countsByToken(fleet.rig.emulator.requests().map(({ form }) => form["refresh_token"])),
    );
    expect(busiest).toBeLessThanOrEqual(60);
    fleet.rig.emulator.clearFaults();
    await fleet.live(20 * MINUTE);
    for (const name of names(20)) {
      expect(await fleet.grantNamed(name)).toMatchObject({ state: "active", generation: 2, lastError: null });
    }
    expect(await fleet.countEvents("reauthorization_required")).toBe(0);
  });

  test("a grant alone at its provider: at most 60 requests in 24 hours, fresh within its longest back-off", async () => {
    const fleet = await openFleet(EXPIRED);
    fleet.rig.emulator.fault({ on: "refresh", kind: "lost_answer", times: "always" });
    await fleet.live(24 * HOUR);
    expect(fleet.rig.refreshes()).toBeLessThanOrEqual(60);
    fleet.rig.emulator.clearFaults();
    await fleet.live(90 * MINUTE);
    expect(await fleet.rig.grant()).toMatchObject({ state: "active", generation: 2 });
  });

  test("a tick costs nothing while all is held: no pause shorter than the tick, whatever is overdue", async () => {
    const fleet = await openFleet({ ...EXPIRED, grants: 20 });
    fleet.rig.emulator.fault({
      on: "refresh",
      kind: "status",
      status: 503,
      retryAfter: 3600,
      times: "always",
    });
    await fleet.tick();
    expect(await fleet.scheduler.pause()).toBeGreaterThanOrEqual(13_000);
  });
});

describe("an integration that is refused", () => {
  test("one probe in ten minutes over the whole fleet, all others held, none dead; at once when it is edited", async () => {
    const fleet = await openFleet({ ...EXPIRED, grants: 29 });
    const { clientSecret } = fleet.rig.client;
    await updateIntegration(fleet.ports, "recorder", {
      clientSecret: "no-longer-the-secret-0123456789abcdef",
    });
    await fleet.tick();
    // Besides the first, only those that were on their way when it was refused.
    const first = fleet.sendings.length;
    expect(first).toBeLessThanOrEqual(6);
    await fleet.live(HOUR);
    const probes = fleet.sendings.length - first;
    expect(probes).toBeGreaterThanOrEqual(5);
    expect(probes).toBeLessThanOrEqual(6);
    expect(await fleet.countEvents("integration_rejected")).toBe(1);
    for (const name of names(29)) expect((await fleet.grantNamed(name)).state).toBe("active");

    await updateIntegration(fleet.ports, "recorder", { clientSecret });
    await fleet.tick();
    for (const name of names(29)) expect((await fleet.grantNamed(name)).generation).toBe(2);
    expect(fleet.sendings.length).toBe(first + probes + 30);
    expect(await fleet.countEvents("reauthorization_required")).toBe(0);
  });
});

function countsByToken(tokens: readonly (string | undefined)[]): number[] {
  const counts = new Map<string | undefined, number>();
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  return [...counts.values()];
}
