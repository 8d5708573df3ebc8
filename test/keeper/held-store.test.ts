import { describe, expect, test } from "vitest";
import { refreshNow, suspend } from "../../src/keeper/manage.ts";
import type { GrantWrite, Spooled } from "../../src/keeper/ports.ts";
import { getToken } from "../../src/keeper/get-token.ts";
import { resume, resumeAll } from "../../src/keeper/resume.ts";
import { revoke } from "../../src/keeper/revoke.ts";
import { createScheduler } from "../../src/keeper/scheduler.ts";
import { emptySpool, spoolWrite } from "../../src/keeper/spooling.ts";
import { openIdentity } from "../../src/store/identity.ts";
import { openInstanceMemory } from "../../src/store/instance-memory.ts";
import { prepareSchema } from "../../src/store/schema.ts";
import { anotherProcess, openRig, type Rig, START } from "./rig.ts";

const EXPIRED = { secondsLeft: -60 };

/** The store finds out that it lies elsewhere than it did: from here on it is a copy. */
async function becomeCopy(rig: Rig): Promise<void> {
  const database = rig.connect();
  const look = async (place: "1-1" | "2-2") =>
    openIdentity(
      {
        database,
        memory: openInstanceMemory(`${rig.home}/instance`),
        place: async () => place,
        newInstanceId: () => `at ${place}`,
        now: rig.clock.now,
        actor: "test",
        onHeld: () => undefined,
      },
      await prepareSchema(database, () => "unused"),
    );
  await look("1-1");
  await look("2-2");
}

describe("a copied store", () => {
  test("sends nothing, whoever asks, and says why", async () => {
    const rig = await openRig(EXPIRED);
    await becomeCopy(rig);
    const asked = [
      () => getToken(rig.ports, "g", 300),
      () => refreshNow(rig.ports, "g"),
      () => revoke(rig.ports, "g"),
    ];
    for (const ask of asked) {
      await expect(ask()).rejects.toMatchObject({
        code: "suspended",
        message: expect.stringContaining("this store is a copy"),
        remedy: "Release it with: grantkeeper resume g.",
      });
    }
    const scheduler = createScheduler(rig.ports, {
      onError: (error) => {
        throw error;
      },
    });
    expect(await scheduler.tick()).toMatchObject({ started: 0, relieved: 0 });
    expect(rig.emulator.requests()).toEqual([]);
  });

  test.each([
    ["rolling", true, "is still good"],
    ["grace", false, "a replaced one is refused after a short while"],
    ["strict", false, "sending a replaced one again ends the grant for both"],
  ] as const)("%s: safe to resume is %s", async (rotation, isSafe, why) => {
    const rig = await openRig({ ...EXPIRED, rotation });
    await becomeCopy(rig);
    if (!isSafe) {
      await expect(resume(rig.ports, "g")).rejects.toMatchObject({
        code: "suspended",
        message: expect.stringContaining(why),
        remedy: expect.stringContaining("--accept-risk"),
      });
      expect(await resumeAll(rig.ports)).toMatchObject({ resumed: [], held: [{ name: "g" }] });
      expect(await rig.grant()).toMatchObject({ state: "suspended" });
    }
    const { grant, verdict } = await resume(rig.ports, "g", !isSafe);
    expect(verdict).toMatchObject({ isSafe, reason: expect.stringContaining(why) });
    expect(grant).toMatchObject({ state: "active", suspension: null });
    expect(await getToken(rig.ports, "g", 300)).toMatchObject({ generation: 2, warning: null });
    expect(rig.refreshes()).toBe(1);
  });

  test("all at once: what a person held stays held, and is released by name with the store's verdict", async () => {
    const rig = await openRig({ ...EXPIRED, rotation: "strict" });
    await suspend(rig.ports, "g");
    await becomeCopy(rig);
    const held = [{ name: "g", reason: "A person held it. Release it by its name." }];
    expect(await resumeAll(rig.ports, true)).toEqual({ resumed: [], held });
    await expect(
      resume(rig.ports, "g"),
      "the original may have been released, and refreshed",
    ).rejects.toMatchObject({
      code: "suspended",
    });
    expect(await resume(rig.ports, "g", true)).toMatchObject({ grant: { state: "active" } });
    expect(await resumeAll(rig.ports)).toEqual({ resumed: [], held: [] });
  });

  test("all at once, many of them", async () => {
    const rig = await openRig({ rotation: "rolling" });
    const first = await rig.grant();
    const names = Array.from({ length: 150 }, (_, i) => `n${String(i).padStart(3, "0")}`);
    for (const name of names) await rig.ports.store.addGrant({ ...first, id: name, name }, []);
    await becomeCopy(rig);
    expect(await resumeAll(rig.ports)).toEqual({ resumed: ["g", ...names], held: [] });
    expect((await rig.ports.store.grants()).every(({ state }) => state === "active")).toBe(true);
  });
});

/** The save of a refresh that the store could not take: it waits in the spool, under a lease that ended since. */
async function spooledSave(rig: Rig): Promise<GrantWrite> {
  const writes: GrantWrite[] = [];
  const store = {
    ...rig.ports.store,
    changeGrant: async (write: GrantWrite) => {
      writes.push(write);
      throw new Error("the disk is gone");
    },
  };
  await getToken(anotherProcess(rig.ports, { store, owner: "here" }), "g", 300);
  const save = writes.find(({ change }) => change.generation === 2);
  if (save === undefined) throw new Error("nothing was saved");
  return save;
}

describe("the spool that came with a copied home", () => {
  test("a save that fits is the grant's own successor: it is taken, and the grant stays held", async () => {
    const rig = await openRig({ ...EXPIRED, rotation: "strict" });
    await spooledSave(rig);
    expect(rig.spooled().length).toBeGreaterThan(0);
    await becomeCopy(rig);
    await emptySpool(rig.ports);
    expect(rig.spooled()).toEqual([]);
    expect(await rig.grant()).toMatchObject({
      state: "suspended",
      generation: 2,
      suspension: { reason: "copied_store" },
    });
    expect(await rig.refreshToken()).not.toBe(rig.tokens.refresh_token);
    expect(await rig.parked()).toEqual([]);
    expect(rig.refreshes(), "sent before it was a copy").toBe(1);
    expect(await resume(rig.ports, "g", true)).toMatchObject({ grant: { state: "active" } });
    rig.pass(1);
    await refreshNow(rig.ports, "g");
    expect(await rig.grant(), "the newest refresh token was the one to send").toMatchObject({
      generation: 3,
    });
  });

  test("a consent that waits there does not release the grant", async () => {
    const rig = await openRig();
    const { id, accessToken, refreshToken } = await rig.grant();
    const change = { accessToken, refreshToken, generation: 2, state: "active", suspension: null } as const;
    await spoolWrite(rig.ports, { id, expect: { generation: 1 }, change, events: [], fenceOut: true }, null);
    await becomeCopy(rig);
    await emptySpool(rig.ports);
    expect(await rig.grant()).toMatchObject({ state: "suspended", generation: 2, suspension: { at: START } });
  });

  test("a save that does not fit is parked, not dropped", async () => {
    const rig = await openRig({ ...EXPIRED, rotation: "strict" });
    const write = await spooledSave(rig);
    const waiting: Spooled[] = await rig.ports.spool.waiting();
    await becomeCopy(rig);
    // Another generation came to be meanwhile.
    await rig.ports.store.changeGrant({
      id: write.id,
      expect: { generation: 1 },
      change: { generation: 7 },
      events: [],
    });
    await emptySpool(rig.ports);
    expect(await rig.grant()).toMatchObject({ state: "suspended", generation: 7 });
    const saves = waiting.filter(({ kind }) => kind === "save");
    expect(await rig.parked()).toMatchObject(saves.map(() => ({ reason: "spooled_too_late" })));
    expect(saves.length).toBeGreaterThan(0);
  });
});
