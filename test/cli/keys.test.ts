import { createHash, randomBytes } from "node:crypto";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type * as sqlite from "@photostructure/sqlite";
import { filesUnder } from "./canaries.ts";
import { connectedHome, registeredHome } from "./connected.ts";
import {
  addSecret,
  documentOf,
  type Ended,
  folder,
  given,
  json,
  newHome,
  PROGRAM,
  run,
  startProgram,
  takeOpenFiles,
  textAt,
} from "./support.ts";

/** Commands that read, write and send. */
const COMMANDS: readonly (readonly string[])[] = [
  ["status"],
  ["token", "meetings"],
  ["refresh", "meetings"],
  ["suspend", "meetings"],
  ["reveal", "meetings", "refresh_token"],
  ["integration", "list"],
  ["connect", "meetings", "--no-browser"],
  ["doctor"],
];

/** Contents of every file of a home. */
function digest(home: string): Record<string, string> {
  const hashed = filesUnder(home).map(({ where, text }) => [
    where,
    createHash("sha256").update(text, "latin1").digest("hex"),
  ]);
  return Object.fromEntries(hashed) as Record<string, string>;
}

/** Each command exits 7 in these words, and the home is as it was. */
async function allRefuse(
  home: string,
  says: RegExp,
  env: Record<string, string> = {},
  commands = COMMANDS,
): Promise<void> {
  const before = digest(home);
  for (const words of commands) {
    const ended: Ended = await run(words, { home, env });
    expect(ended.exitCode, `${words.join(" ")}: ${ended.stdout}${ended.stderr}`).toBe(7);
    expect((ended.stdout + ended.stderr).replace(/\s+/g, " ")).toMatch(says);
  }
  expect(digest(home)).toEqual(before);
}

function newKey(): string {
  const key = randomBytes(32).toString("base64");
  addSecret("master_key", key);
  return key;
}

async function keyIdOf(home: string): Promise<string> {
  const checks = (await json(["doctor"], { home }))["checks"];
  const found = Array.isArray(checks) ? checks.find((check) => textAt(check, "name") === "master key") : null;
  return textAt(found, "detail");
}

describe("the master key", () => {
  test("another one: exit 7 with both key ids, and no file is changed", async () => {
    const { home, emulator } = await connectedHome({ byCommand: true });
    const id = await keyIdOf(home);
    expect(id).toMatch(/^[0-9a-f]{8}$/);
    const requests = emulator.requests().length;
    const says = new RegExp(`sealed under master key ${id}, but the key given is [0-9a-f]{8}`);
    await allRefuse(home, says, { GRANTKEEPER_MASTER_KEY: newKey() });
    const ended = await run(["token", "meetings", "--json"], {
      home,
      env: { GRANTKEEPER_MASTER_KEY_FILE: given("other.key", newKey()) },
    });
    expect(documentOf(ended)).toMatchObject({ error: { code: "master_key_unusable" } });
    expect(emulator.requests().length, "nothing was sent").toBe(requests);
    expect((await run(["token", "meetings"], { home })).exitCode).toBe(0);
  });

  test("a key file that is gone: exit 7 with its id, and none is made in its place", async () => {
    const { home } = await connectedHome({ byCommand: true });
    const id = await keyIdOf(home);
    const file = join(home, "master.key");
    const key = readFileSync(file, "utf8");
    addSecret("master_key", key.trim());
    rmSync(file);
    await allRefuse(home, new RegExp(`sealed under master key ${id}, and no key was found`));
    expect(existsSync(file)).toBe(false);
    expect((await run(["token", "meetings"], { home, env: { GRANTKEEPER_MASTER_KEY: key } })).exitCode).toBe(
      0,
    );
    const env = { GRANTKEEPER_MASTER_KEY_FILE: given("kept.key", key) };
    expect((await run(["token", "meetings"], { home, env })).exitCode).toBe(0);
  });

  test.each([
    ["words", "correct horse battery staple"],
    ["too short", Buffer.alloc(16, 1).toString("base64")],
    ["too long", Buffer.alloc(48, 1).toString("base64")],
    ["hex", "ab".repeat(32)],
    ["with a letter too many", `${Buffer.alloc(32, 7).toString("base64")}x`],
  ])("garbage, %s: exit 7, the value is not repeated", async (_, value) => {
    const { home } = await registeredHome({ byCommand: true });
    addSecret("master_key", value);
    await allRefuse(home, /does not hold a master key/, { GRANTKEEPER_MASTER_KEY: value }, [["status"]]);
    writeFileSync(join(home, "master.key"), value);
    await allRefuse(home, /does not hold a master key/, {}, [["status"], ["token", "x"]]);
  });

  test("a file that others can read: exit 7 and what to do", async () => {
    const { home } = await connectedHome({ byCommand: true });
    const file = join(home, "master.key");
    chmodSync(file, 0o644);
    await allRefuse(home, /can be used by others \(mode 0644\).*chmod 600/);
    expect(takeOpenFiles().every((line) => line.startsWith(file))).toBe(true);
    chmodSync(file, 0o600);
    expect((await run(["token", "meetings"], { home })).exitCode).toBe(0);
  });

  test("a named file that is not there: exit 7, and no home is made", async () => {
    const home = newHome();
    const ended = await run(["status"], { home, env: { GRANTKEEPER_MASTER_KEY_FILE: "/nonexistent/key" } });
    expect(ended.exitCode).toBe(7);
    expect(ended.stderr).toContain("/nonexistent/key does not exist");
  });

  test("twelve first commands at once make one key", async () => {
    const home = newHome();
    const all = await Promise.all(Array.from({ length: 12 }, () => run(["status", "--json"], { home })));
    expect(all.map(({ exitCode }) => exitCode)).toEqual(all.map(() => 0));
    expect(await keyIdOf(home)).toMatch(/^[0-9a-f]{8}$/);
  });
});

describe("the home", () => {
  test("is made private under any umask, above it nothing is touched", async () => {
    const parent = join(folder(), "given", "deep", "deeper");
    const home = join(parent, "gk");
    await json(["status"], { home });
    expect(statSync(home).mode & 0o777).toBe(0o700);
    for (const name of ["grantkeeper.db", "master.key"])
      expect(statSync(join(home, name)).mode & 0o777, name).toBe(0o600);
  });

  test("a home that was there with a wider mode: the secrets in it are private all the same", async () => {
    const home = newHome();
    mkdirSync(home, { mode: 0o755 });
    await json(["status"], { home });
    expect(takeOpenFiles().filter((line) => !line.startsWith(`${home} `))).toEqual([]);
    const doctor = await run(["doctor"], { home });
    takeOpenFiles();
    expect(doctor.exitCode).toBe(7);
    expect(doctor.stdout).toContain(`chmod -R go-rwx ${home}`);
  });

  test.each([
    [
      "not a database at all",
      () => Buffer.from("this is not a database, it is a text of some length\n".repeat(40)),
    ],
    ["cut in the middle", (whole: Buffer) => whole.subarray(0, 5000)],
    [
      "overwritten in the middle",
      (whole: Buffer) => Buffer.concat([whole.subarray(0, 100), Buffer.alloc(whole.length - 100, 0x5a)]),
    ],
  ])("a database file that is damaged, %s: exit 7 and what to do", async (_, damage) => {
    const { home } = await connectedHome({ byCommand: true });
    const file = join(home, "grantkeeper.db");
    writeFileSync(file, damage(readFileSync(file)));
    await allRefuse(home, /damaged or not a store of Grantkeeper/, {}, COMMANDS.slice(0, 3));
  });

  test("a database that is not ours: exit 7, and it is not changed", async () => {
    const home = newHome();
    mkdirSync(home, { mode: 0o700 });
    const file = join(home, "grantkeeper.db");
    const { DatabaseSync } = createRequire(import.meta.url)("@photostructure/sqlite") as typeof sqlite;
    const other = new DatabaseSync(file);
    other.exec("create table recipes (name text); insert into recipes values ('soup')");
    other.close();
    chmodSync(file, 0o600);
    await allRefuse(home, /holds tables that are not Grantkeeper's/, {}, [["status"], ["token", "x"]]);
  });

  const asNobody = process.getuid?.() === 0 && spawnSync("setpriv", ["--version"]).status === 0;

  test.runIf(asNobody)("of another user, or read-only: refused, and who can mend it", async () => {
    const { home } = await connectedHome({ byCommand: true });
    const key = readFileSync(join(home, "master.key"), "utf8").trim();
    const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", process.execPath, PROGRAM];
    const asOther = (words: readonly string[], env: Record<string, string> = {}, where = home) =>
      startProgram("setpriv", [...nobody, ...words], { home: where, env }, ["access_token"]).ended;
    chmodSync(folder(), 0o755);
    const closed = await asOther(["status"]);
    expect(closed.exitCode).toBe(7);
    expect(closed.stderr).toMatch(/cannot be read[^]*directory of this user/);
    chmodSync(home, 0o755);
    const before = digest(home);
    const withoutKey = await asOther(["token", "meetings"]);
    expect(withoutKey.exitCode, withoutKey.stderr).toBe(7);
    chmodSync(join(home, "grantkeeper.db"), 0o644);
    for (const words of [["token", "meetings"], ["refresh", "meetings"], ["status"]]) {
      const readOnly = await asOther(words, { GRANTKEEPER_MASTER_KEY: key });
      expect(readOnly.exitCode, readOnly.stdout + readOnly.stderr).toBe(7);
      expect(readOnly.stderr).toMatch(/writable for this user/);
    }
    const nowhere = await asOther(["status"], {}, "/etc/nowhere/home");
    expect(nowhere.exitCode, nowhere.stderr).toBe(7);
    expect(digest(home)).toEqual(before);
    takeOpenFiles();
  });
});
