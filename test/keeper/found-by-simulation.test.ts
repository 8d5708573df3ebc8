import { expect, test } from "vitest";
import { getToken } from "../../src/keeper/get-token.ts";
import { refreshGrant } from "../../src/keeper/refresh.ts";
import { GrantkeeperError } from "../../src/core/errors.ts";
import { createScheduler } from "../../src/keeper/scheduler.ts";
import { emptySpool } from "../../src/keeper/spooling.ts";
import type { TokenSet } from "../../src/core/token-set.ts";
import { sealTokens } from "../../src/keeper/secrets.ts";
import type { SendResult } from "../../src/oauth/send.ts";
import type { Database } from "../../src/store/database.ts";
import { createKeeperStore } from "../../src/store/keeper-store.ts";
import { aClaim } from "../store/samples.ts";
import { anotherProcess, DAY, openRig, type Rig, START } from "./rig.ts";

function schedulerOf(rig: Rig) {
  return createScheduler(rig.ports, {
    onError: (error) => {
      throw error;
    },
  });
}

/** One look, and the end of what it began. */
async function tick(rig: Rig) {
  const scheduler = schedulerOf(rig);
  const report = await scheduler.tick();
  await scheduler.settled();
  return { report, pause: await scheduler.pause() };
}

test("a lease of a keeper on another machine that was never heard of again is taken over by the schedule", async () => {
  const rig = await openRig({ secondsLeft: -60 });
  const { id } = await rig.grant();
  await rig.ports.store.claim(
    aClaim({ id, owner: "far", now: START, lease: 90_000, fence: 0, dueAgainAt: START + 90_000 }),
  );
  await tick(rig);
  expect(rig.refreshes()).toBe(0);
  rig.pass(91_000);
  await tick(rig);
  expect(rig.refreshes()).toBe(1);
  expect(await rig.grant()).toMatchObject({ generation: 2, leaseOwner: null });
  expect((await rig.events("outcome_unknown"))[0]?.data).toEqual({ reason: "holder_ended" });
});

test("a doubtful grant of a strict provider that must wait is not found due at every tick", async () => {
  const rig = await openRig({ rotation: "strict", accessTokenSeconds: 36_000, secondsLeft: 18_000 });
  const { id, generation, leaseFence } = await rig.grant();
  // As an unreachable provider leaves it after a lost answer: due after a back-off, and in doubt.
  const change = { presentations: 1, attempts: 2, nextAttemptAt: START - 1000 };
  await rig.ports.store.changeGrant({ id, expect: { generation, leaseFence }, change, events: [] });
  await tick(rig);
  expect(rig.refreshes()).toBe(0);
  expect(await rig.grant()).toMatchObject({ nextAttemptAt: START + 18_000_000 - 3_600_000, attempts: 2 });
  expect((await tick(rig)).report.started).toBe(0);
  rig.pass(14_401_000);
  await tick(rig);
  expect(rig.refreshes()).toBe(1);
});

test("while something that lasts holds what is due, ticks are a second apart", async () => {
  const rig = await openRig({ secondsLeft: -60 });
  const { limits } = rig.ports.profile("webex");
  const gate = rig.ports.state.gates.of("webex", limits);
  for (let failures = 0; failures < 5; failures++)
    gate.report({ kind: "in_doubt", reason: "server_error", detail: "down", answer: null });
  const { report, pause } = await tick(rig);
  expect(report.started).toBe(0);
  expect(pause).toBeGreaterThanOrEqual(1000);
});

test("a heartbeat does not make a new statement each time", async () => {
  const texts = new Set<string>();
  const rig = await openRig();
  const real = rig.connect();
  const watched: Database = {
    ...real,
    write: (work, durability) =>
      real.write(
        (transaction) =>
          work({
            query: (text, values) => {
              texts.add(text);
              return transaction.query(text, values);
            },
          }),
        durability,
      ),
  };
  const { beat } = createKeeperStore(watched);
  const now = START;
  await beat({ id: "here", startedAt: START, now });
  const { size } = texts;
  rig.pass(15_000);
  expect((await beat({ id: "here", startedAt: START, now: now + 15_000 })).latest).toBe(START);
  expect(texts.size).toBe(size);
});

test("a caller who wants no life left in particular is not given a token that has ended", async () => {
  const rig = await openRig({ secondsLeft: -60 });
  expect(await getToken(rig.ports, "g", 0)).toMatchObject({ generation: 2, warning: null });
  expect(rig.refreshes()).toBe(1);
});

test("two machines whose clocks are an hour apart do not refresh each other's tokens in turn", async () => {
  const rig = await openRig();
  const { clock } = rig;
  const ahead = anotherProcess(rig.ports, {
    clock: { ...clock, now: () => clock.now() + 3_600_000 },
  });
  const onError = (error: unknown): never => {
    throw error;
  };
  const [here, there] = [rig.ports, ahead].map((ports) => createScheduler(ports, { onError }));
  await here?.tick();
  await there?.tick();
  const { id, generation } = await rig.grant();
  // As the other machine's own refresh leaves it.
  const change = { accessIssuedAt: ahead.clock.now() };
  await rig.ports.store.changeGrant({ id, expect: { generation }, change, events: [] });
  for (let round = 0; round < 3; round++) {
    rig.pass(15_000);
    await there?.tick();
    await here?.tick();
    await Promise.all([here?.settled(), there?.settled()]);
  }
  expect(rig.refreshes()).toBe(0);
  expect(await rig.events("clock_set_back")).toEqual([]);
  // The other one goes, or its clock is set right: what it left is refreshed.
  for (let round = 0; round < 9; round++) {
    rig.pass(15_000);
    await here?.tick();
    await here?.settled();
  }
  expect(rig.refreshes()).toBe(1);
  expect(await rig.events("clock_set_back")).toHaveLength(1);
});

test("a dead grant whose probe was counted on a clock that was days ahead is probed when the clock is right again", async () => {
  const rig = await openRig();
  const scheduler = schedulerOf(rig);
  await scheduler.tick();
  rig.clock.jump("wall", 24 * DAY);
  await scheduler.tick();
  await scheduler.settled();
  const { id, generation } = await rig.grant();
  const now = rig.clock.now();
  const cause = { code: "refresh_token_expired", message: "", remedy: "", at: now };
  const change = {
    state: "reauthorization_required",
    cause,
    accessIssuedAt: START,
    lastAttemptAt: now,
    nextAttemptAt: now + DAY,
  } as const;
  await rig.ports.store.changeGrant({ id, expect: { generation }, change, events: [] });
  rig.clock.jump("wall", -24 * DAY);
  await scheduler.tick();
  await scheduler.settled();
  expect(await rig.grant()).toMatchObject({ state: "active", cause: null });
});

test("a breaker that opened while the clock was days ahead does not stay open when it is set right", async () => {
  const rig = await openRig({ secondsLeft: -60 });
  const { limits } = rig.ports.profile("webex");
  const gate = rig.ports.state.gates.of("webex", limits);
  rig.clock.jump("wall", 24 * DAY);
  for (let failures = 0; failures < 5; failures++)
    gate.report({ kind: "in_doubt", reason: "server_error", detail: "down", answer: null });
  const held = gate.admits("schedule");
  expect(held.pass ? null : (held.until ?? Infinity) - rig.clock.now()).toBeLessThan(31_000);
  rig.clock.jump("wall", -24 * DAY);
  rig.pass(31_000);
  expect(gate.admits("schedule")).toEqual({ pass: true });
});

test("tokens that came under a lost lease are the grant's own where only a refusal came meanwhile", async () => {
  const rig = await openRig({ rotation: "strict", secondsLeft: -60 });
  const hold = rig.emulator.fault({ on: "refresh", kind: "hold", holds: "answer" });
  const asked = getToken(rig.ports, "g", 300);
  await rig.emulator.waitFor(({ fault }) => fault === "hold");
  // Another keeper took the lease over, was told no, and wrote that down.
  const { id, generation, leaseFence } = await rig.grant();
  const { store } = rig.ports;
  rig.clock.jump("wall", 91_000);
  const now = rig.clock.now();
  await store.claim(aClaim({ id, owner: "there", now, generation, fence: leaseFence }));
  const change = { refreshStatus: "suspect", rejections: 1, suspectSince: now, leaseOwner: null } as const;
  await store.changeGrant({ id, expect: { generation, leaseFence: leaseFence + 1 }, change, events: [] });
  hold.release();
  expect(await asked).toMatchObject({ generation: 2 });
  expect(await rig.grant()).toMatchObject({ generation: 2, refreshStatus: "idle", rejections: 0 });
  expect(await rig.parked()).toEqual([]);
});

test("a dead grant that a clock a week ahead gave up is tried again when the clock is right", async () => {
  const rig = await openRig({ secondsLeft: -60 });
  const { id, generation, leaseFence } = await rig.grant();
  const week = 8 * DAY;
  const cause = { code: "refresh_token_rejected", message: "It is dead.", remedy: "Connect.", at: START };
  const ahead = { nextAttemptAt: null, lastAttemptAt: START + week, attempts: 4 };
  const change = { ...ahead, state: "reauthorization_required", cause } as const;
  await rig.ports.store.changeGrant({ id, expect: { generation, leaseFence }, change, events: [] });
  // Some keeper's heart beat by the clock that was ahead.
  await rig.ports.store.beat({ id: "there", startedAt: START, now: START + week });
  await rig.ports.store.leave("there");
  await tick(rig);
  expect(rig.refreshes()).toBe(1);
  expect(await rig.grant()).toMatchObject({ state: "active", cause: null, generation: 2 });
});

test("that a clock was ahead is not forgotten while the store fails", async () => {
  let fails = true;
  const rig = await openRig({
    secondsLeft: -60,
    replace: ({ store }) => ({
      store: {
        ...store,
        hurryFromTheFuture: (now, event) =>
          fails
            ? Promise.reject(new GrantkeeperError("storage_unavailable", "away"))
            : store.hurryFromTheFuture(now, event),
      },
    }),
  });
  const { id, generation } = await rig.grant();
  const ahead = { nextAttemptAt: START + 8 * DAY, lastAttemptAt: START + 7 * DAY };
  await rig.ports.store.changeGrant({ id, expect: { generation }, change: ahead, events: [] });
  await rig.ports.store.beat({ id: "there", startedAt: START, now: START + 7 * DAY });
  await rig.ports.store.leave("there");
  const errors: unknown[] = [];
  const scheduler = createScheduler(rig.ports, { onError: (error) => errors.push(error) });
  for (let i = 0; i < 2; i++) {
    await scheduler.tick();
    await scheduler.settled();
    rig.pass(15_000);
  }
  expect(rig.refreshes()).toBe(0);
  expect(errors).toMatchObject([{ message: "away" }, { message: "away" }]);
  fails = false;
  await scheduler.tick();
  await scheduler.settled();
  expect(rig.refreshes()).toBe(1);
  expect(await rig.events("clock_set_back")).toHaveLength(1);
});

/** A refresh whose process is stopped, once its answer has come, for so long that another takes the grant. */
async function overtaken(): Promise<Rig> {
  let taken = false;
  const rig = await openRig({
    rotation: "strict",
    secondsLeft: -60,
    replace: (ports) => ({
      send: async (request) => {
        const answer = await ports.send(request);
        if (!taken) await takeOver();
        return answer;
      },
    }),
  });
  const takeOver = async (): Promise<void> => {
    taken = true;
    rig.clock.advance(200_000);
    const now = rig.clock.now();
    const { id, leaseFence } = await rig.grant();
    const claim = aClaim({
      id,
      owner: "there",
      now,
      lease: 90_000,
      fence: leaseFence,
      dueAgainAt: now + 90_000,
    });
    expect(await rig.plainStore.claim(claim)).not.toBeNull();
  };
  await refreshGrant(rig.ports, await rig.grant(), "demand");
  expect([rig.spooled().length, (await rig.parked()).length]).toEqual([1, 0]);
  return rig;
}

test("tokens that come while another has the grant wait, and are its own when that one sent nothing", async () => {
  const rig = await overtaken();
  expect(await rig.grant()).toMatchObject({ generation: 1, leaseOwner: "there" });
  await emptySpool(rig.ports);
  expect(rig.spooled()).toHaveLength(1);
  // It gives the grant back as it was: nothing had been sent.
  const { id, generation, leaseFence } = await rig.grant();
  const change = { leaseOwner: null, leaseExpiresAt: null, refreshStatus: "retrying" } as const;
  await rig.plainStore.changeGrant({ id, expect: { generation, leaseFence }, change, events: [] });
  await emptySpool(rig.ports);
  expect([rig.spooled().length, (await rig.parked()).length]).toEqual([0, 0]);
  expect(await rig.grant()).toMatchObject({ generation: 2, refreshStatus: "idle" });
  expect(rig.refreshes()).toBe(1);
});

test("whoever takes a grant over from a holder that ended saves what waits here, and sends nothing", async () => {
  const rig = await overtaken();
  // That one is never heard of again.
  rig.pass(91_000);
  await tick(rig);
  expect(rig.refreshes()).toBe(1);
  expect(await rig.grant()).toMatchObject({ generation: 2, leaseOwner: null, refreshStatus: "idle" });
  expect(rig.spooled()).toHaveLength(0);
});

test("a token that died while its reader was stopped is not handed out", async () => {
  const rig = await openRig({
    secondsLeft: 400,
    replace: ({ store }) => ({
      store: {
        ...store,
        recordHandOut: async (handOut) => {
          const isFirst = await store.recordHandOut(handOut);
          if (handOut.generation === 1) rig.pass(500_000);
          return isFirst;
        },
      },
    }),
  });
  expect(await getToken(rig.ports, "g", 300)).toMatchObject({ generation: 2, warning: null });
});

test("tokens that a stopped process was given last take the place of older ones that came by way of a spool", async () => {
  let deliveries = 0;
  let finishFirst = (): void => undefined;
  const firstMayEnd = new Promise<void>((resolve) => (finishFirst = resolve));
  const rig = await openRig({
    rotation: "grace",
    secondsLeft: -60,
    replace: (ports) => ({
      send: async (request) => {
        const answer = await ports.send(request);
        // The second one to send is stopped with its answer in hand; the first one goes on before it.
        if (++deliveries === 2) await firstMayEnd;
        return answer;
      },
    }),
  });
  const { clock, ports } = rig;
  const before = await rig.grant();
  const first = await ports.store.claim(
    aClaim({ id: before.id, owner: "first", now: clock.now(), lease: 90_000, fence: before.leaseFence }),
  );
  const answer = await ports.send(await refreshRequest(rig));
  clock.advance(91_000);
  const second = refreshGrant(ports, await rig.grant(), "person");
  await expect.poll(() => deliveries).toBe(2);
  // The first one's answer is saved while the second is stopped, its lease over.
  clock.advance(91_000);
  const held = await rig.grant();
  const early = tokensOf(answer);
  const change = {
    ...sealTokens(ports.sealer, held.id, held.generation + 1, early),
    tokenFence: first?.leaseFence ?? null,
    refreshStatus: "idle",
    leaseOwner: null,
    leaseExpiresAt: null,
  } as const;
  const expectation = { generation: held.generation, leaseFence: held.leaseFence };
  expect(
    await rig.plainStore.changeGrant({ id: held.id, expect: expectation, change, events: [] }),
  ).not.toBeNull();
  finishFirst();
  const { grant } = await second;
  expect(grant).toMatchObject({ generation: held.generation + 2, tokenFence: (first?.leaseFence ?? 0) + 1 });
  expect(await rig.parked()).toEqual([]);
});

async function refreshRequest(rig: Rig) {
  const { client, emulator } = rig;
  const form = {
    grant_type: "refresh_token",
    client_id: client.clientId,
    client_secret: client.clientSecret,
  };
  const body = new URLSearchParams({ ...form, refresh_token: (await rig.refreshToken()) ?? "" }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return { method: "POST", url: `${emulator.baseUrl}/access_token`, headers, body, timeout: 10_000 } as const;
}

function tokensOf(result: SendResult): TokenSet {
  if (result.kind !== "answer") throw new Error(`no answer: ${result.kind}`);
  const read = JSON.parse(result.body) as { access_token: string; refresh_token: string };
  return {
    accessToken: read.access_token,
    refreshToken: read.refresh_token,
    tokenType: "Bearer",
    scopes: null,
    accessExpiresAt: START + DAY,
    refreshExpiresAt: null,
  };
}

test("whoever finds, with a claim in hand, that somebody else was before it sends nothing", async () => {
  const rig = await overtaken();
  rig.pass(91_000);
  const late = anotherProcess(rig.ports, {
    owner: "late",
    store: { ...rig.ports.store, changeGrant: async () => null },
  });
  const { grant, error } = await refreshGrant(late, await rig.grant(), "person");
  expect([grant.generation, error, rig.refreshes()]).toEqual([1, null, 1]);
  expect(rig.spooled()).toHaveLength(1);
});
