/** Homes and databases that are copied, moved and put back, with real files, by real processes; the emulator is the witness. */
import { cpSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type * as sqlite from "@photostructure/sqlite";
import { afterEach, describe, expect, test } from "vitest";
import { refreshNow } from "../../src/keeper/manage.ts";
import { type Bench, type Ended, openBench, type Running } from "./bench.ts";

const { DatabaseSync, backup } = createRequire(import.meta.url)("@photostructure/sqlite") as typeof sqlite;

let bench: Bench | undefined;
const places: string[] = [];
const running = new Set<Running>();

afterEach(async () => {
  for (const one of running) one.child.kill("SIGKILL");
  await Promise.all([...running].map(({ ended }) => ended));
  running.clear();
  await bench?.close();
  bench = undefined;
  for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true });
});

async function begin(...names: readonly string[]): Promise<Bench> {
  bench = await openBench();
  for (const name of names) await bench.expiredGrant(name);
  return bench;
}

/** A path beside the home, which goes with the test. */
function beside(here: Bench, name: string): string {
  const path = `${here.home}-${name}`;
  places.push(path);
  return path;
}

function refreshes(here: Bench): number {
  return here.emulator.requests().filter(({ endpoint }) => endpoint === "refresh").length;
}

/** Runs a command in another home. */
async function at(here: Bench, home: string, ...words: readonly string[]): Promise<Ended> {
  return here.run(words, { GRANTKEEPER_HOME: home }).ended;
}

function startRun(here: Bench): Running {
  const one = here.run(["run"]);
  running.add(one);
  void one.ended.then(() => running.delete(one));
  return one;
}

/** Resolves when it has said something like this on stderr. */
function saying({ child, ended }: Running, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stderr?.on("data", (more: string) => {
      text += more;
      if (pattern.test(text)) resolve(text);
    });
    void ended.then(({ stderr }) => reject(new Error(`${String(pattern)} was never said: ${stderr}`)));
  });
}

/** SQLite's own way to copy a database that is in use, in both directions. */
async function backUp(from: string, to: string): Promise<void> {
  const database = new DatabaseSync(from, { timeout: 10_000 });
  try {
    await backup(database, to);
  } finally {
    database.close();
  }
}

function databaseIn(home: string): string {
  return join(home, "grantkeeper.db");
}

/** Removes a database with what SQLite keeps beside it. */
function removeDatabase(home: string): void {
  for (const end of ["", "-wal", "-shm"]) rmSync(`${databaseIn(home)}${end}`, { force: true });
}

async function expectHeld(here: Bench, home: string, reason: string, warning: RegExp): Promise<void> {
  const before = here.emulator.requests().length;
  const first = await at(here, home, "token", "a");
  expect(first).toMatchObject({ code: 8, stdout: "" });
  expect(first.stderr).toMatch(warning);
  const commands = [
    ["token", "a"],
    ["refresh", "a"],
    ["revoke", "a"],
    ["run", "--once"],
    ["status", "a", "--json"],
  ];
  const all = await Promise.all(commands.map((words) => at(here, home, ...words)));
  expect(all.map(({ code }) => code)).toEqual([8, 8, 8, 0, 0]);
  expect(all.map(({ stderr }) => stderr).join(""), "it is said once").not.toMatch(warning);
  expect(JSON.parse(all.at(-1)?.stdout ?? "")).toMatchObject({
    state: "suspended",
    suspension: { reason, at: expect.stringMatching(/Z$/) },
  });
  expect(here.emulator.requests()).toHaveLength(before);
}

describe("a copy", () => {
  test("of a whole home sends nothing, while its original refreshes 100 of 100", async () => {
    const here = await begin("a", "b");
    const original = startRun(here);
    await saying(original, /2 grants refreshed/);
    const copy = beside(here, "copy");
    cpSync(here.home, copy, { recursive: true });

    const { ports } = here.keeper;
    const refreshing = (async () => {
      for (let i = 0; i < 100; i++) expect(await refreshNow(ports, "b")).toMatchObject({ state: "active" });
    })();
    // Awaited below; where the test ends before that, its end is the one to report.
    refreshing.catch(() => undefined);
    const first = await at(here, copy, "token", "a");
    expect(first).toMatchObject({ code: 8, stdout: "" });
    expect(first.stderr).toContain("Warning: This store is a copy: all 2 grants are held");
    if (process.platform === "linux")
      expect(first.stderr).toContain(`is in use by process ${original.child.pid} on this machine`);
    const words = [["refresh", "b"], ["run", "--once"], ["status"], ["doctor"]];
    const all = await Promise.all(words.map((one) => at(here, copy, ...one)));
    expect(all.map(({ code }) => code)).toEqual([8, 0, 0, 0]);
    expect(all[2]?.stdout).toContain("held: this store is a copy; resume to go on");
    expect(all[3]?.stdout).toContain("2 of its grants held");
    await refreshing;
    expect(refreshes(here), "two at first, and the original's").toBe(102);
    expect(await here.grant("b")).toMatchObject({ state: "active", generation: 102 });

    const resumed = await at(here, copy, "resume", "--all", "--json");
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(JSON.parse(resumed.stdout)).toEqual({ resumed: ["a", "b"], held: [] });
    expect(await at(here, copy, "refresh", "a")).toMatchObject({ code: 0 });
    expect(refreshes(here)).toBe(103);
  }, 120_000);

  test("of the database alone is one too", async () => {
    const here = await begin("a");
    const copy = beside(here, "copy");
    mkdirSync(copy, { mode: 0o700 });
    await backUp(databaseIn(here.home), databaseIn(copy));
    cpSync(join(here.home, "master.key"), join(copy, "master.key"));
    await expectHeld(here, copy, "copied_store", /This store is a copy: its grant is held/);
    expect(await at(here, here.home, "token", "a"), "the original").toMatchObject({ code: 0, stderr: "" });
    const resumed = await at(here, copy, "resume", "a");
    expect(resumed.stderr).toContain("Verdict: The store is a copy; the provider keeps a refresh token");
    expect(await at(here, copy, "token", "a")).toMatchObject({ code: 0 });
  }, 120_000);

  test("is not what is only moved or renamed", async () => {
    const here = await begin("a");
    await here.keeper.close();
    const moved = beside(here, "moved");
    renameSync(here.home, moved);
    expect(await at(here, moved, "token", "a")).toMatchObject({ code: 0, stderr: "" });
    expect(refreshes(here)).toBe(1);
  });
});

describe("an older state of the store", () => {
  const WAYS = {
    "copied over the file": (here: Bench, from: string) => {
      for (const end of ["-wal", "-shm"]) rmSync(`${databaseIn(here.home)}${end}`, { force: true });
      cpSync(from, databaseIn(here.home));
    },
    "put in the file's place": (here: Bench, from: string) => {
      removeDatabase(here.home);
      cpSync(from, databaseIn(here.home));
    },
    "restored by SQLite itself": (here: Bench, from: string) => backUp(from, databaseIn(here.home)),
  };

  test.each(Object.entries(WAYS))(
    "%s: nothing is sent until it is resumed",
    async (_, restore) => {
      const here = await begin("a");
      const older = beside(here, "older.db");
      await backUp(databaseIn(here.home), older);
      await here.keeper.close();
      expect(await at(here, here.home, "token", "a")).toMatchObject({ code: 0, stderr: "" });
      await restore(here, older);
      await expectHeld(
        here,
        here.home,
        "restored_store",
        /This store was restored from an older state: its grant is held/,
      );
      expect(await at(here, here.home, "resume", "--all")).toMatchObject({
        code: 0,
        stdout: "1 grant is resumed.\n",
      });
      expect(await at(here, here.home, "token", "a")).toMatchObject({ code: 0 });
      expect(refreshes(here)).toBe(2);
    },
    120_000,
  );

  test("under a running keeper: it holds everything at its next look and goes on", async () => {
    const here = await begin("a");
    const older = beside(here, "older.db");
    await backUp(databaseIn(here.home), older);
    const keeper = startRun(here);
    await saying(keeper, /1 grant refreshed/);
    const said = saying(keeper, /Warning: This store was restored from an older state: its grant is held/);
    await backUp(older, databaseIn(here.home));
    await said;
    expect(await here.grant("a")).toMatchObject({
      state: "suspended",
      suspension: { reason: "restored_store" },
    });
    keeper.child.kill("SIGTERM");
    expect(await keeper.ended).toMatchObject({ code: 0 });
    expect(refreshes(here), "what was put back was due, and was not sent").toBe(1);
  }, 120_000);

  test("in the place of what a running keeper has open: it ends, and the next one holds everything", async () => {
    const here = await begin("a");
    const older = beside(here, "older.db");
    await backUp(databaseIn(here.home), older);
    await here.keeper.close();
    const keeper = startRun(here);
    await saying(keeper, /1 grant refreshed/);
    removeDatabase(here.home);
    cpSync(older, databaseIn(here.home));
    const ended = await keeper.ended;
    expect(ended.code, ended.stderr).toBe(7);
    expect(ended.stderr).toContain("Another store was put in the place of the one that this keeper has open");
    await expectHeld(here, here.home, "restored_store", /This store was restored/);
    expect(refreshes(here)).toBe(1);
  }, 120_000);
});
