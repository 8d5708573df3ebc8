import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { GrantkeeperError } from "../../src/core/errors.ts";
import { getToken } from "../../src/keeper/get-token.ts";
import { importTokens } from "../../src/keeper/import.ts";
import { refreshNow, remove, suspend } from "../../src/keeper/manage.ts";
import type { Ports, Store } from "../../src/keeper/ports.ts";
import { refreshGrant } from "../../src/keeper/refresh.ts";
import { resume } from "../../src/keeper/resume.ts";
import { revoke } from "../../src/keeper/revoke.ts";
import { emptySpool } from "../../src/keeper/spooling.ts";
import { placeOfParked } from "../../src/keeper/secrets.ts";
import type { Sealed } from "../../src/core/sealed.ts";
import { aClaim } from "../store/samples.ts";
import { anotherProcess, asDocument, DAY, MINUTE, openRig, type Rig, type RigOptions, START } from "./rig.ts";

const EXPIRED = { secondsLeft: -60 };
const get = (rig: Rig) => getToken(rig.ports, "g", 300);

function storageFailure(): GrantkeeperError {
  return new GrantkeeperError("storage_unavailable", "The disk is full.");
}

/** A rig whose store fails in some of its methods while `isFailing()`. */
function failing(
  isFailing: (method: keyof Store, args: readonly unknown[]) => boolean,
  options: RigOptions = EXPIRED,
) {
  const replace = ({ store }: Ports): Partial<Ports> => ({
    store: new Proxy(store, {
      get: (target, method: keyof Store) => {
        const real = target[method] as (...args: unknown[]) => unknown;
        return (...args: unknown[]) =>
          isFailing(method, args) ? Promise.reject(storageFailure()) : real(...args);
      },
    }),
  });
  return openRig({ ...options, replace });
}

/** Asks for a token, and waits until the request is held at the emulator. */
async function heldRefresh(rig: Rig, holds: "answer" | "request" = "answer") {
  const hold = rig.emulator.fault({ on: "refresh", kind: "hold", holds });
  const asked = get(rig);
  await rig.emulator.waitFor(({ fault }) => fault === "hold");
  return { asked, release: () => hold.release() };
}

async function reconsent(rig: Rig) {
  const renewed = rig.emulator.issueTokens({ clientId: rig.client.clientId });
  await importTokens(rig.ports, "g", "recorder", asDocument(renewed), rig.clock.now());
  return renewed;
}

describe("the intent", () => {
  test("is durable before anything is sent", async () => {
    const rig = await openRig(EXPIRED);
    const { asked, release } = await heldRefresh(rig, "request");
    const database = rig.connect();
    const [row] = await database.read(({ query }) =>
      query("select refresh_status, presentations, lease_owner, lease_fence, last_attempt_at from grants"),
    );
    expect(row).toEqual({
      refresh_status: "in_flight",
      presentations: 1,
      lease_owner: "here",
      lease_fence: 1,
      last_attempt_at: START,
    });
    release();
    await asked;
  });

  test("where it cannot be written, nothing is sent", async () => {
    const rig = await failing((method) => method === "claim");
    await expect(get(rig)).rejects.toMatchObject({ code: "storage_unavailable" });
    await expect(refreshNow(rig.ports, "g")).rejects.toMatchObject({ code: "storage_unavailable" });
    expect(rig.emulator.requests()).toEqual([]);
  });

  test("where it cannot be written, a token with life left is served with a warning", async () => {
    const rig = await failing((method) => method === "claim", { secondsLeft: 260 });
    rig.pass(61_000);
    expect(await get(rig)).toMatchObject({
      access_token: rig.tokens.access_token,
      warning: expect.stringContaining("The disk is full."),
    });
    expect(rig.emulator.requests()).toEqual([]);
  });

  test("a claim takes place only on the generation that was seen", async () => {
    const rig = await openRig(EXPIRED);
    const seen = await rig.grant();
    const renewed = await reconsent(rig);
    const { grant, error } = await refreshGrant(rig.ports, seen, "demand");
    expect(error).toBeNull();
    expect(grant.generation).toBe(2);
    expect(await rig.accessToken()).toBe(renewed.access_token);
    expect(rig.refreshes()).toBe(0);
  });
});

describe("the deadline", () => {
  /** Clocks jump between the claim and the socket, as in a machine that was suspended. */
  async function jumping(which: "wall" | "monotonic", ms: number): Promise<Rig> {
    let rig: Rig | undefined;
    rig = await openRig({
      ...EXPIRED,
      replace: () => ({
        failpoint: (name) => {
          if (name === "claimed") rig?.clock.jump(which, ms);
        },
      }),
    });
    return rig;
  }

  test.each([
    ["monotonic", 40_001],
    ["monotonic", 3_600_000],
    ["wall", 40_001],
    ["wall", 90_001],
    ["wall", 30 * DAY],
  ] as const)("%s clock %d ms on: nothing reaches the provider", async (which, ms) => {
    const rig = await jumping(which, ms);
    await expect(get(rig)).rejects.toMatchObject({ code: "provider_unreachable" });
    expect(rig.emulator.requests()).toEqual([]);
    expect(await rig.grant()).toMatchObject({ presentations: 0, state: "active" });
  });

  test.each([
    ["monotonic", 39_999],
    ["wall", 39_999],
    // Set back: the other clock decides.
    ["wall", -DAY],
  ] as const)("%s clock %d ms on: still sent", async (which, ms) => {
    const rig = await jumping(which, ms);
    const { grant } = await refreshGrant(rig.ports, await rig.grant(), "demand");
    expect(grant.generation).toBe(2);
    expect(rig.refreshes()).toBe(1);
  });
});

describe("a holder that has ended", () => {
  test("is relieved at once, and its doubt is labelled before the token goes out again", async () => {
    const rig = await openRig({ ...EXPIRED, replace: () => ({ hasEnded: (owner) => owner === "gone" }) });
    const before = await rig.grant();
    await rig.ports.store.claim(aClaim({ id: before.id, owner: "gone", now: START, fence: 0 }));
    expect(await get(rig)).toMatchObject({ generation: 2, warning: null });
    expect(rig.clock.now()).toBe(START);
    const types = (await rig.events()).map(({ type }) => type);
    expect(types.indexOf("outcome_unknown")).toBeLessThan(types.indexOf("refreshed"));
    expect((await rig.events("outcome_unknown"))[0]?.data).toEqual({ reason: "holder_ended" });
    expect((await rig.events("refreshed"))[0]?.data).toMatchObject({ labelled_retry: true });
  });

  test("where that is not certain, its lease is waited for", async () => {
    const rig = await openRig(EXPIRED);
    const before = await rig.grant();
    await rig.ports.store.claim(aClaim({ id: before.id, owner: "far", now: START, lease: 9000, fence: 0 }));
    expect(await get(rig)).toMatchObject({ generation: 2 });
    expect(rig.clock.now()).toBeGreaterThanOrEqual(START + 9000);
    expect(rig.refreshes()).toBe(1);
  });

  test("with a strict provider, its doubt holds programs back while the token lives", async () => {
    const rig = await openRig({
      rotation: "strict",
      accessTokenSeconds: 36_000,
      secondsLeft: 7200,
      replace: () => ({ hasEnded: (owner) => owner === "gone" }),
    });
    rig.pass(61_000);
    const { id } = await rig.grant();
    const now = rig.clock.now();
    await rig.ports.store.claim(aClaim({ id, owner: "gone", now, fence: 0 }));
    expect((await getToken(rig.ports, "g", 9000)).warning).not.toBeNull();
    expect(rig.refreshes()).toBe(0);
    rig.pass(3600_000);
    expect(await getToken(rig.ports, "g", 9000)).toMatchObject({ generation: 2, warning: null });
    expect(rig.refreshes()).toBe(1);
  });
});

describe("the fence", () => {
  test("a newer consent wins; what the refresh brought is parked, sealed, and told", async () => {
    const rig = await openRig({ ...EXPIRED, rotation: "strict" });
    const { asked, release } = await heldRefresh(rig);
    const renewed = await reconsent(rig);
    release();
    expect(await asked).toMatchObject({ access_token: renewed.access_token, generation: 2 });
    expect(await rig.refreshToken()).toBe(renewed.refresh_token);
    const [parked, ...more] = await rig.parked();
    expect(more).toEqual([]);
    expect(parked?.reason).toBe("lease_lost");
    const { tokens } = JSON.parse(
      rig.ports.sealer.open((parked?.tokens ?? "") as Sealed, placeOfParked(parked?.id ?? "")),
    );
    const delivered = rig.emulator.ledger().findLast(({ kind }) => kind === "minted")?.value;
    expect(delivered).not.toBe(tokens.accessToken);
    const minted = rig.emulator.ledger().filter(({ kind }) => kind === "minted");
    expect(minted.map(({ value }) => value)).toContain(tokens.accessToken);
    expect(minted.map(({ value }) => value)).toContain(tokens.refreshToken);
    expect(await rig.events("token_set_parked")).toHaveLength(1);
  });

  test("a holder whose lease was taken over overwrites nothing", async () => {
    // The first holder stops at the provider for longer than its lease; another comes, and is done first.
    const rig = await openRig(EXPIRED);
    const { asked, release } = await heldRefresh(rig);
    rig.clock.advance(91_000);
    const other = await getToken(anotherProcess(rig.ports), "g", 300);
    expect(other).toMatchObject({ generation: 2 });
    release();
    expect(await asked).toMatchObject({ generation: 2, access_token: other.access_token });
    expect(await rig.accessToken()).toBe(other.access_token);
    expect((await rig.parked()).map(({ reason }) => reason)).toEqual(["lease_lost"]);
  });

  test("a failure under a lost lease changes nothing", async () => {
    const rig = await openRig(EXPIRED);
    const { asked, release } = await heldRefresh(rig, "request");
    rig.clock.advance(91_000);
    const { id, leaseFence } = await rig.grant();
    const now = rig.clock.now();
    const taken = await rig.ports.store.claim(aClaim({ id, owner: "there", now, fence: leaseFence }));
    expect(taken).not.toBeNull();
    rig.emulator.revokeGrant(rig.tokens.refresh_token);
    release();
    // Ours ended in a rejection, which says nothing: it waits for the one who holds the grant now.
    await rig.emulator.waitFor(({ endpoint, outcome }) => endpoint === "refresh" && outcome === "answered");
    const fence = taken?.leaseFence ?? -1;
    await rig.ports.store.changeGrant({
      id,
      expect: { generation: 1, leaseFence: fence },
      change: {
        leaseOwner: null,
        leaseExpiresAt: null,
        lastError: { code: "rate_limited", message: "Slowly.", remedy: null, at: now, provider: null },
      },
      events: [],
    });
    await expect(asked).rejects.toMatchObject({ code: "rate_limited" });
    expect(await rig.grant()).toMatchObject({ rejections: 0, state: "active" });
  });
});

describe("held while a refresh is at the provider", () => {
  test("suspended: stays suspended, and what was delivered is saved", async () => {
    const rig = await openRig({ ...EXPIRED, rotation: "strict" });
    const { asked, release } = await heldRefresh(rig);
    await suspend(rig.ports, "g");
    release();
    await expect(asked).rejects.toMatchObject({ code: "suspended" });
    expect(await rig.grant()).toMatchObject({ state: "suspended", generation: 2, leaseOwner: null });
    expect(await rig.refreshToken()).not.toBe(rig.tokens.refresh_token);
    await expect(get(rig)).rejects.toMatchObject({ code: "suspended" });
    expect(await resume(rig.ports, "g")).toMatchObject({ grant: { state: "active" } });
    expect(await get(rig)).toMatchObject({ generation: 2, warning: null });
    expect(rig.refreshes()).toBe(1);
  });

  test("suspended, and the verdict is death: stays suspended until it is released", async () => {
    const rig = await openRig({ ...EXPIRED, refreshTokenSeconds: 1_300_000 });
    // The refresh token's own end has passed: one rejection is enough.
    rig.pass(20 * DAY);
    const { asked, release } = await heldRefresh(rig, "request");
    await suspend(rig.ports, "g");
    release();
    await expect(asked).rejects.toMatchObject({ code: "suspended" });
    expect(await rig.grant()).toMatchObject({ state: "suspended", cause: { code: "refresh_token_expired" } });
    expect(await resume(rig.ports, "g")).toMatchObject({ grant: { state: "reauthorization_required" } });
  });

  test("suspended while a dead grant comes back to life: stays suspended", async () => {
    const rig = await openRig({ ...EXPIRED, rotation: "rolling" });
    const dead = {
      code: "x",
      message: "Dead.",
      remedy: "Consent.",
      at: START,
    };
    const { id } = await rig.grant();
    const change = { state: "reauthorization_required", cause: dead } as const;
    await rig.ports.store.changeGrant({ id, expect: { generation: 1 }, change, events: [] });
    const hold = rig.emulator.fault({ on: "refresh", kind: "hold" });
    const asked = refreshNow(rig.ports, "g");
    await rig.emulator.waitFor(({ fault }) => fault === "hold");
    await suspend(rig.ports, "g");
    hold.release();
    await asked;
    expect(await rig.grant()).toMatchObject({ state: "suspended", generation: 2, cause: null });
    expect(await resume(rig.ports, "g")).toMatchObject({ grant: { state: "active" } });
  });

  test("revoked: the delivered tokens are parked, not brought back", async () => {
    const rig = await openRig(EXPIRED);
    const { asked, release } = await heldRefresh(rig);
    await revoke(rig.ports, "g");
    release();
    await expect(asked).rejects.toMatchObject({ code: "reauthorization_required" });
    expect(await rig.grant()).toMatchObject({ state: "revoked", accessToken: null, refreshToken: null });
    expect(await rig.parked()).toHaveLength(1);
  });

  test("removed: a sentence, no crash", async () => {
    const rig = await openRig(EXPIRED);
    const { asked, release } = await heldRefresh(rig);
    await remove(rig.ports, "g");
    release();
    await expect(asked).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("the store fails when the delivered tokens are to be saved", () => {
  test("a passing failure is outlasted", async () => {
    let failures = 3;
    const rig = await failing((method) => method === "changeGrant" && failures-- > 0, {
      ...EXPIRED,
      rotation: "strict",
    });
    expect(await get(rig)).toMatchObject({ generation: 2, warning: null });
    expect(rig.spooled()).toEqual([]);
    expect((await rig.grant()).generation).toBe(2);
  });

  test("a lasting one: spooled, sealed, served meanwhile, saved later", async () => {
    let isFailing = true;
    const rig = await failing((method) => method === "changeGrant" && isFailing, {
      ...EXPIRED,
      rotation: "strict",
    });
    const document = await get(rig);
    const minted = rig.emulator.ledger().findLast(({ kind }) => kind === "minted")?.value;
    expect(document).toMatchObject({ access_token: minted, generation: 2 });
    expect((await rig.grant()).generation).toBe(1);
    expect(rig.spooled()).toHaveLength(1);
    const [save] = await rig.ports.spool.waiting();
    expect(save).toMatchObject({ kind: "save", write: { change: { generation: 2 } } });
    isFailing = false;
    await emptySpool(rig.ports);
    expect(rig.spooled()).toEqual([]);
    expect(await rig.grant()).toMatchObject({ generation: 2, leaseOwner: null });
    expect(await rig.accessToken()).toBe(minted);
    expect(await get(rig)).toMatchObject({ access_token: minted, warning: null });
    expect(rig.refreshes()).toBe(1);
    expect(await rig.parked()).toEqual([]);
  });

  test("what waits in the spool is saved before anyone sends the spent refresh token again", async () => {
    // Another process runs all the while: its store works, and it sees that the holder has ended.
    let isFailing = true;
    const rig = await failing((method) => method === "changeGrant" && isFailing, {
      ...EXPIRED,
      rotation: "strict",
    });
    const document = await get(rig);
    isFailing = false;
    const other = anotherProcess(rig.ports, { hasEnded: (owner: string) => owner === "here" });
    // Served from where it waits, and saved before its refresh token is sent.
    expect(await getToken(other, "g", 300)).toMatchObject({ access_token: document.access_token });
    expect(rig.refreshes()).toBe(1);
    expect(await refreshGrant(other, await rig.grant(), "demand")).toMatchObject({ error: null });
    expect(rig.refreshes()).toBe(1);
    expect(rig.spooled()).toEqual([]);
    expect(await rig.grant()).toMatchObject({ generation: 2, presentations: 0 });
    expect(await rig.events("token_set_spooled")).toHaveLength(1);
  });

  test("a spooled set whose time has passed is parked", async () => {
    let isFailing = true;
    const rig = await failing((method) => method === "changeGrant" && isFailing);
    await get(rig);
    isFailing = false;
    const renewed = await reconsent(rig);
    await emptySpool(rig.ports);
    expect(rig.spooled()).toEqual([]);
    expect(await rig.accessToken()).toBe(renewed.access_token);
    expect((await rig.parked()).map(({ reason }) => reason)).toEqual(["spooled_too_late"]);
  });

  test("many who empty the spool at once save once, and none fails", async () => {
    let isFailing = true;
    const rig = await failing((method) => method === "changeGrant" && isFailing);
    await get(rig);
    isFailing = false;
    await Promise.all(Array.from({ length: 8 }, () => emptySpool(rig.ports)));
    expect(rig.spooled()).toEqual([]);
    expect((await rig.grant()).generation).toBe(2);
    expect(await rig.parked()).toEqual([]);
  });

  test("one spool file that does not open keeps nobody from working", async () => {
    let isFailing = true;
    const rig = await failing((method) => method === "changeGrant" && isFailing);
    await get(rig);
    writeFileSync(`${rig.home}/spool/000000000000001-damaged.sealed`, "1.00000000.AAAA");
    isFailing = false;
    await emptySpool(rig.ports);
    expect((await rig.grant()).generation).toBe(2);
    expect(rig.spooled()).toEqual(["000000000000001-damaged.sealed"]);
  });

  test("where the parking fails too, the set goes to the spool", async () => {
    let isFailing = true;
    const rig = await failing((method) => method === "park" && isFailing, { ...EXPIRED, rotation: "strict" });
    const { asked, release } = await heldRefresh(rig);
    await reconsent(rig);
    release();
    expect(await asked).toMatchObject({ generation: 2 });
    expect(rig.spooled()).toHaveLength(1);
    isFailing = false;
    await emptySpool(rig.ports);
    expect(await rig.parked()).toHaveLength(1);
  });

  test("where the spool fails too, the error says what to do", async () => {
    const rig = await openRig({
      ...EXPIRED,
      replace: ({ store, spool }) => ({
        store: { ...store, changeGrant: () => Promise.reject(storageFailure()) },
        spool: { ...spool, put: () => Promise.reject(new Error("no space")) },
      }),
    });
    await expect(get(rig)).rejects.toMatchObject({
      code: "storage_unavailable",
      cause: { errors: [{ code: "storage_unavailable" }, { message: "no space" }] },
    });
  });
});

describe("handing out", () => {
  test("the audit has the first hand-out before the token leaves; where it cannot, nothing leaves", async () => {
    const rig = await failing((method) => method === "recordHandOut", {});
    await expect(get(rig)).rejects.toMatchObject({ code: "storage_unavailable" });
    expect(await rig.events("token_handed_out")).toEqual([]);
  });

  test("once for each generation and consumer", async () => {
    const rig = await openRig();
    await get(rig);
    await get(rig);
    await getToken({ ...rig.ports, actor: "another" }, "g", 300);
    await refreshNow(rig.ports, "g");
    await get(rig);
    expect(
      (await rig.events("token_handed_out")).map(({ generation, actor }) => [generation, actor]),
    ).toEqual([
      [1, "test"],
      [1, "another"],
      [2, "test"],
    ]);
  });
});

test("an outage of a day, asked for once a minute: nothing dead, and a fresh token when it ends", async () => {
  const rig = await openRig({ ...EXPIRED });
  rig.emulator.fault({ on: "refresh", kind: "status", status: 503, times: "always" });
  for (let minute = 0; minute < 24 * 60; minute += 10) {
    rig.pass(10 * MINUTE);
    await get(rig).catch(() => undefined);
  }
  expect(await rig.grant()).toMatchObject({ state: "active", generation: 1, presentations: 0 });
  rig.emulator.clearFaults();
  // Whoever fails for everybody is asked again within ten minutes.
  rig.pass(10 * MINUTE);
  expect(await get(rig)).toMatchObject({ generation: 2, warning: null });
});
