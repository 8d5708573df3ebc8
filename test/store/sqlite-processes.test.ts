import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type * as sqlite from "@photostructure/sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { integrityOf } from "../reliability/bench.ts";
import type { Database } from "../../src/store/database.ts";
import { createFileSpool } from "../../src/store/spool.ts";
import { createSealer } from "../../src/seal/sealer.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "../../src/store/migrations.ts";
import { claimMasterKey, prepareSchema } from "../../src/store/schema.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { bundleChild } from "./bundle-child.ts";
import { clock, random, temporary } from "./sqlite-home.ts";

const CHILD = await bundleChild("test/store/child.ts");

let home: ReturnType<typeof temporary>;
let file: string;
const open: Database[] = [];

beforeEach(() => {
  home = temporary();
  file = join(home.path, "deep", "store.db");
});

afterEach(async () => {
  for (const database of open.splice(0)) await database.close();
  home.remove();
});

function connect(at = file): Database {
  const database = openSqlite({ file: at, clock, random, driver: "bundled" });
  open.push(database);
  return database;
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function child(...words: string[]): Promise<Ended> {
  const started = spawn(process.execPath, [CHILD, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  started.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
  started.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  return new Promise((resolve) => started.on("close", (code, signal) => resolve({ code, signal, ...said })));
}

async function withCounter(): Promise<Database> {
  const database = connect();
  await database.write(async ({ query }) => {
    await query("create table meta (key text primary key, value text not null)");
    await query("create table counter (n integer not null, text text)");
    await query("insert into counter values (0, '')");
  });
  return database;
}

const counted = async (database: Database) =>
  (await database.read(({ query }) => query("select n from counter")))[0]?.["n"];

describe("several processes on one file", () => {
  test("4 processes, 200 times read, change, write: none is lost, none is locked out", async () => {
    const database = await withCounter();
    const ended = await Promise.all(Array.from({ length: 4 }, () => child("increment", file, "200")));
    expect(ended).toEqual(ended.map(() => ({ code: 0, signal: null, stdout: "done", stderr: "" })));
    expect(await counted(database)).toBe(800);
    expect(integrityOf(file)).toBe("ok");
  });

  test("8 processes make the schema of a new file at once, 10 rounds: one does, all agree", async () => {
    for (let round = 0; round < 10; round++) {
      const fresh = join(home.path, `round-${round}`, "store.db");
      const ended = await Promise.all(Array.from({ length: 8 }, () => child("migrate", fresh)));
      expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(ended.map(() => [0, ""]));
      const answers = new Set(ended.map(({ stdout }) => stdout));
      expect(answers.size).toBe(1);
      expect([...answers][0]).toMatch(new RegExp(`^${SCHEMA_VERSION} \\d+$`));
      expect(integrityOf(fresh)).toBe("ok");
    }
  });

  test("one that is killed inside a transaction leaves nothing of it, and nobody locked out", async () => {
    const database = await withCounter();
    for (const writes of ["1", "5", "200"]) {
      expect(await child("dieInside", file, writes)).toMatchObject({ signal: "SIGKILL", stdout: "" });
      expect(await counted(database)).toBe(0);
      expect(integrityOf(file)).toBe("ok");
    }
    await database.write(({ query }) => query("update counter set n = 1"));
    expect(await counted(database)).toBe(1);
  });
});

describe("durability", () => {
  const synchronous = (database: Database) =>
    database.read(({ query }) => query("pragma synchronous")).then((rows) => rows[0]?.["synchronous"]);

  test("every commit is synced: synchronous is FULL, in WAL mode, with foreign keys", async () => {
    const database = connect();
    expect(await synchronous(database)).toBe(2);
    const pragma = async (name: string) =>
      (await database.read(({ query }) => query(`pragma ${name}`)))[0]?.[name];
    expect(await pragma("journal_mode")).toBe("wal");
    expect(await pragma("foreign_keys")).toBe(1);
  });

  test("a relaxed write is followed by full ones", async () => {
    const database = await withCounter();
    let during: unknown;
    await database.write(async ({ query }) => {
      during = (await query("pragma synchronous"))[0]?.["synchronous"];
      await query("update counter set n = 5");
    }, "relaxed");
    expect(during).toBe(1);
    expect(await synchronous(database)).toBe(2);
    await database.write(async ({ query }) => {
      during = (await query("pragma synchronous"))[0]?.["synchronous"];
    });
    expect(during).toBe(2);
  });
});

describe("a transaction", () => {
  test("that fails is undone, and the next one works", async () => {
    const database = await withCounter();
    const failing = database.write(async ({ query }) => {
      await query("update counter set n = 7");
      throw new TypeError("ours");
    });
    await expect(failing).rejects.toThrow(new TypeError("ours"));
    expect(await counted(database)).toBe(0);
    await expect(database.write(({ query }) => query("update nothing set n = 1"))).rejects.toMatchObject({
      code: "storage_unavailable",
    });
    await database.write(({ query }) => query("update counter set n = 8"));
    expect(await counted(database)).toBe(8);
  });

  test("waits its turn on the one connection", async () => {
    const database = await withCounter();
    await Promise.all(
      Array.from({ length: 50 }, () =>
        database.write(async ({ query }) => {
          const [row] = await query("select n from counter");
          await new Promise((resolve) => setImmediate(resolve));
          await query("update counter set n = $1", [Number(row?.["n"]) + 1]);
        }),
      ),
    );
    expect(await counted(database)).toBe(50);
  });

  test("that cannot begin within the patience says that another program holds the store", async () => {
    await withCounter();
    const holder = connect();
    const waiting = openSqlite({ file, clock, random, driver: "bundled", patience: 50 });
    open.push(waiting);
    let letGo = (): void => undefined;
    const held = holder.write(() => new Promise<void>((resolve) => (letGo = resolve)));
    await expect(waiting.write(async () => undefined)).rejects.toMatchObject({
      code: "storage_unavailable",
      remedy: expect.stringContaining("Another program holds the store"),
    });
    letGo();
    await held;
    await waiting.write(async () => undefined);
  });
});

describe("databases that are not ours to use", () => {
  const digest = () => createHash("sha256").update(readFileSync(file)).digest("hex");

  test("one of another program is refused and left as it is, byte for byte", async () => {
    foreignDatabase(file);
    const before = digest();
    await expect(prepareSchema(connect(), () => "x")).rejects.toMatchObject({
      code: "storage_unavailable",
      message: expect.stringContaining("not Grantkeeper's"),
    });
    await open.at(-1)?.close();
    expect(digest()).toBe(before);
    expect(existsSync(`${file}-wal`)).toBe(false);
  });

  test.each([
    ["create table meta (key text primary key, value text)", "not Grantkeeper's"],
    ["create table meta (other text)", "cannot be used"],
  ])("a table named meta is not enough: %s", async (statement, message) => {
    const database = connect();
    await database.write(({ query }) => query(statement));
    await expect(prepareSchema(database, () => "x")).rejects.toMatchObject({
      code: "storage_unavailable",
      message: expect.stringContaining(message),
    });
  });

  test("a newer schema is refused, and nothing is changed", async () => {
    const database = connect();
    await prepareSchema(database, () => "x");
    await database.write(({ query }) => query("update meta set value = '99' where key = 'schema_version'"));
    await expect(prepareSchema(database, () => "x")).rejects.toMatchObject({
      code: "storage_unavailable",
      message: `The store has schema version 99; this Grantkeeper knows versions up to ${SCHEMA_VERSION}.`,
    });
    const [row] = await database.read(({ query }) =>
      query("select value from meta where key = 'schema_version'"),
    );
    expect(row?.["value"]).toBe("99");
  });

  test("a file that is no database is refused and left as it is", async () => {
    await connect().close();
    mkdirSync(join(home.path, "deep"), { recursive: true });
    writeFileSync(file, "not a database, but long enough to look like one ".repeat(100));
    const before = digest();
    await expect(prepareSchema(connect(), () => "x")).rejects.toMatchObject({ code: "storage_unavailable" });
    expect(digest()).toBe(before);
  });

  test("a schema that fails half-way leaves nothing", async () => {
    const database = connect();
    const cut: Database = {
      ...database,
      write: (work) =>
        database.write((transaction) =>
          work({
            query: (text, values) =>
              text.includes("create table hand_outs")
                ? Promise.reject(new Error("cut"))
                : transaction.query(text, values),
          }),
        ),
    };
    await expect(prepareSchema(cut, () => "x")).rejects.toThrow("cut");
    const tables = await database.read(({ query }) => query("select name from sqlite_master"));
    expect(tables).toEqual([]);
    expect(await prepareSchema(database, () => "y")).toMatchObject({
      schemaVersion: SCHEMA_VERSION,
      instanceId: "y",
    });
    expect(MIGRATIONS).toHaveLength(SCHEMA_VERSION);
  });

  test("the first master key is the store's", async () => {
    const database = connect();
    await prepareSchema(database, () => "x");
    expect(await claimMasterKey(database, "one")).toBe("one");
    expect(await claimMasterKey(database, "two")).toBe("one");
    expect(await prepareSchema(database, () => "x")).toMatchObject({ masterKeyId: "one" });
  });
});

test("files are 0600 and directories 0700 under umask 000", async () => {
  const before = process.umask(0o000);
  try {
    const database = connect();
    await prepareSchema(database, () => "x");
    const spool = createFileSpool(join(home.path, "spool"), createSealer(random.bytes(32)), () => 1);
    await spool.put({
      id: "a",
      kind: "save",
      write: { id: "g", expect: { generation: 1 }, change: {}, events: [] },
    });
    const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
    for (const path of [
      file,
      `${file}-wal`,
      `${file}-shm`,
      join(home.path, "spool", "000000000000001-a.sealed"),
    ]) {
      expect([path, modeOf(path)]).toEqual([path, "600"]);
    }
    for (const path of [join(home.path, "deep"), join(home.path, "spool")]) {
      expect([path, modeOf(path)]).toEqual([path, "700"]);
    }
  } finally {
    process.umask(before);
  }
});

/** As most programs make theirs: no WAL. */
function foreignDatabase(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const { DatabaseSync } = createRequire(import.meta.url)("@photostructure/sqlite") as typeof sqlite;
  const database = new DatabaseSync(path);
  database.exec("create table accounts (id integer primary key, name text)");
  database.exec("insert into accounts values (1, 'x')");
  database.close();
}
