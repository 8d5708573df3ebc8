import { spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Grant } from "../../src/core/grant.ts";
import type { HeldStore, StoreIdentity } from "../../src/keeper/ports.ts";
import type { Database, Row, Transaction } from "../../src/store/database.ts";
import { openIdentity } from "../../src/store/identity.ts";
import { openInstanceMemory } from "../../src/store/instance-memory.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "../../src/store/migrations.ts";
import { isElsewhere, merged, placeInCluster, placeOf, placeOfFile } from "../../src/store/place.ts";
import { processIdentity } from "../../src/store/process-identity.ts";
import { prepareSchema, type StoreFacts } from "../../src/store/schema.ts";
import { createSqlStore } from "../../src/store/sql-store.ts";
import { loadDriver } from "../../src/store/sqlite-driver.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { aGrant, anIntegration, anEvent, AT } from "./samples.ts";
import { clock, random, temporary } from "./sqlite-home.ts";

let home: ReturnType<typeof temporary>;
let file = "";
const databases: Database[] = [];

beforeEach(() => {
  home = temporary();
  // A directory that nobody can make.
  writeFileSync(join(home.path, "file"), "");
  file = join(home.path, "grantkeeper.db");
});

afterEach(async () => {
  for (const database of databases.splice(0)) await database.close();
  home.remove();
});

function connect(path = file): Database {
  const database = openSqlite({ file: path, clock, random, driver: "bundled" });
  databases.push(database);
  return database;
}

interface Opened {
  readonly database: Database;
  readonly identity: StoreIdentity;
  readonly facts: StoreFacts;
  /** What was found, in order. */
  readonly found: HeldStore[];
}

let made = 0;

/** As the wiring does it, for one process. */
async function open(path = file, memory = join(home.path, "instance")): Promise<Opened> {
  const database = connect(path);
  const found: HeldStore[] = [];
  const newInstanceId = (): string => `instance${++made}`;
  const facts = await prepareSchema(database, newInstanceId);
  const parts = {
    database,
    memory: openInstanceMemory(memory),
    place: () => placeOf(database, path),
    newInstanceId,
    now: () => AT,
    actor: "test",
    onHeld: (one: HeldStore) => found.push(one),
  };
  return { database, identity: await openIdentity(parts, facts), facts, found };
}

/** A whole copy in a file of its own, whatever still waits in the write-ahead log. */
function copyTo(path: string, from = file): void {
  const Driver = loadDriver("bundled");
  const database = new Driver(from);
  database.exec(`vacuum into '${path}'`);
  database.close();
}

async function end({ database }: Pick<Opened, "database">): Promise<void> {
  await database.close();
}

function meta(database: Database): Promise<Readonly<Record<string, string>>> {
  return database.read(async ({ query }) => {
    const rows = await query("select key, value from meta");
    return Object.fromEntries(rows.map((row) => [String(row["key"]), String(row["value"])]));
  });
}

async function addGrants(database: Database, ...grants: readonly Partial<Grant>[]): Promise<void> {
  const store = createSqlStore(database, () => undefined);
  await store.addIntegration(anIntegration(), anEvent());
  for (const [i, grant] of grants.entries())
    await store.addGrant(aGrant({ id: `g${i}`, name: `n${i}`, ...grant }), []);
}

async function grantsIn(database: Database): Promise<Grant[]> {
  return createSqlStore(database, () => undefined).grants();
}

describe("a place", () => {
  test("stays with a file that is moved or written over, and is another's for a copy", () => {
    writeFileSync(file, "one");
    const before = placeOfFile(file);
    const moved = join(home.path, "moved.db");
    renameSync(file, moved);
    expect(isElsewhere(before, placeOfFile(moved))).toBe(false);
    copyFileSync(moved, file);
    expect(isElsewhere(before, placeOfFile(file))).toBe(true);
    const second = placeOfFile(file);
    copyFileSync(moved, file);
    expect(isElsewhere(second, placeOfFile(file)), "written over: the epoch tells").toBe(false);
    expect(() => placeOfFile(join(home.path, "none.db"))).toThrow(
      expect.objectContaining({ code: "ENOENT" }),
    );
  });

  test.each([
    ["12-34", "12-34", false],
    ["12-34", "13-34", true],
    ["12-34", "12-35", true],
    ["12-?", "12-35", false],
    ["12-34", "12-?", false],
    ["?-?", "12-35", false],
    ["12-?", "13-?", true],
    ["?-34", "12-35", true],
  ])("%s and %s: elsewhere is %s", (one, other, expected) => {
    expect([isElsewhere(one, other), isElsewhere(other, one)]).toEqual([expected, expected]);
  });

  test("keeps what was known where it is not known now", () => {
    expect([merged("12-34", "12-?"), merged("12-?", "12-34"), merged("?-?", "?-1")]).toEqual([
      "12-34",
      "12-34",
      "?-1",
    ]);
  });

  /** A PostgreSQL that answers by what it is asked. */
  function fakeCluster(answer: (text: string) => Row[]): Pick<Database, "read"> {
    return { read: (work) => work({ query: async (text) => answer(text) } satisfies Transaction) };
  }

  test("in a cluster: its identifier and the database's number", async () => {
    const database = fakeCluster((text) => [
      { part: text.includes("pg_control_system") ? "7312345678901234567" : "16384" },
    ]);
    expect(await placeInCluster(database)).toBe("7312345678901234567-16384");
  });

  test("in a cluster that keeps its identifier to itself: the database's number", async () => {
    const database = fakeCluster((text) => {
      if (text.includes("pg_control_system"))
        throw new Error("permission denied for function pg_control_system");
      return [{ part: "16384" }];
    });
    const place = await placeInCluster(database);
    expect(place).toBe("?-16384");
    expect(isElsewhere(place, "7312345678901234567-16384")).toBe(false);
  });

  test("in a cluster that does not answer: the failure, and no place", async () => {
    const database = fakeCluster(() => {
      throw new Error("gone");
    });
    await expect(placeInCluster(database)).rejects.toThrow("gone");
  });
});

describe("the memory of a home", () => {
  test("keeps the highest epoch of each store, over processes, for its user alone", () => {
    const memory = join(home.path, "instance");
    const first = openInstanceMemory(memory);
    expect(first.epochOf("a")).toBeNull();
    first.remember("a", 5);
    first.remember("b", 1);
    openInstanceMemory(memory).remember("a", 3);
    expect(openInstanceMemory(memory).epochOf("a")).toBe(5);
    openInstanceMemory(memory).remember("a", 7);
    expect([first.epochOf("a"), first.epochOf("b")]).toEqual([7, 1]);
    if (process.platform !== "win32") expect(statSync(memory).mode & 0o777).toBe(0o600);
    first.retire("a");
    openInstanceMemory(memory).remember("a", 100);
    expect(openInstanceMemory(memory).epochOf("a"), "over").toBe(Number.MAX_SAFE_INTEGER);
  });

  test("does not grow without end, and forgets what was seen longest ago", () => {
    const memory = join(home.path, "instance");
    const one = openInstanceMemory(memory);
    for (let i = 0; i < 40; i++) one.remember(`s${i}`, 1);
    expect(Object.keys(JSON.parse(readFileSync(memory, "utf8")) as object)).toHaveLength(16);
    const other = openInstanceMemory(memory);
    expect([other.epochOf("s0"), other.epochOf("s39")]).toEqual([null, 1]);
  });

  test.each(["", "{", "[]", "null", '{"a":"7"}', '{"a":7.5}'])("that says %j says nothing", (content) => {
    const memory = join(home.path, "instance");
    writeFileSync(memory, content);
    expect(openInstanceMemory(memory).epochOf("a")).toBeNull();
    openInstanceMemory(memory).remember("a", 2);
    expect(openInstanceMemory(memory).epochOf("a")).toBe(2);
  });

  test("that cannot be written lasts as long as the process", () => {
    const one = openInstanceMemory(join(home.path, "file", "instance"));
    one.remember("a", 2);
    expect(one.epochOf("a")).toBe(2);
  });
});

describe("a store that knows nothing of itself", () => {
  test("of the first version: is taken for what it says it is, and migrated", async () => {
    const old = connect();
    await old.write(async ({ query }) => {
      await query("create table meta (key text primary key, value text not null)");
      await query(
        "insert into meta (key, value) values ('application', 'grantkeeper'), ('schema_version', '1'), ('instance_id', 'old')",
      );
      for (const statement of MIGRATIONS[0]?.statements("sqlite") ?? []) await query(statement);
      await query(
        `insert into integrations values ('i1', 'recorder', 'webex', 'c', null, 'http://127.0.0.1:1/', '[]', null, null, 1, 1, 1)`,
      );
      await query(
        `insert into grants (id, name, integration_id, state, requested_scopes, scopes, generation, token_type,
           refresh_status, attempts, presentations, rejections, lease_fence, created_at, updated_at)
         values ('g1', 'meetings', 'i1', 'active', '[]', '[]', 1, 'Bearer', 'idle', 0, 0, 0, 3, 1, 1)`,
      );
    });
    await old.close();
    const { database, found } = await open();
    expect(found).toEqual([]);
    expect(await grantsIn(database)).toMatchObject([{ state: "active", suspension: null, leaseFence: 3 }]);
    expect(await meta(database)).toMatchObject({
      instance_id: "old",
      instance_place: placeOfFile(file),
      instance_epoch: "1",
      schema_version: String(SCHEMA_VERSION),
    });
    expect(openInstanceMemory(join(home.path, "instance")).epochOf("old")).toBe(1);
  });

  test("put back into a home that has seen it counted: is a restored one", async () => {
    const first = await open();
    await addGrants(first.database, {});
    await first.database.write(({ query }) => query("delete from meta where key = 'instance_epoch'"));
    await end(first);
    const second = await open();
    expect(second.found).toMatchObject([{ reason: "restored_store", grants: 1 }]);
  });

  test("a part of its place that becomes known is filled in, and nothing is said", async () => {
    const first = await open();
    const [inode] = placeOfFile(file).split("-");
    await first.database.write(({ query }) =>
      query("update meta set value = $1 where key = 'instance_place'", [`${inode}-?`]),
    );
    await end(first);
    const second = await open();
    expect(second.found).toEqual([]);
    expect(await meta(second.database)).toMatchObject({ instance_place: placeOfFile(file) });
  });
});

describe("a copy", () => {
  async function copyOf(opened: Opened): Promise<string> {
    await end(opened);
    const copy = join(home.path, "copy.db");
    copyTo(copy);
    return copy;
  }

  test("holds every grant that has tokens, ends every lease, and becomes a store of its own", async () => {
    const first = await open();
    const held = { reason: "person", at: 5 } as const;
    await addGrants(
      first.database,
      { state: "active", leaseOwner: "someone", leaseExpiresAt: 9e15, leaseFence: 4 },
      { state: "reauthorization_required" },
      { state: "suspended", suspension: held },
      { state: "suspended", suspension: null },
      { state: "pending" },
      { state: "revoked", revokeAt: AT },
    );
    await createSqlStore(first.database, () => undefined).beat({ id: "a/b/c/1/2", startedAt: 1, now: AT });
    const before = await meta(first.database);
    const copy = await copyOf(first);

    const second = await open(copy, join(home.path, "elsewhere"));
    expect(second.found).toEqual([{ reason: "copied_store", grants: 4, inUseBy: null }]);
    const byStore = { reason: "copied_store", at: AT };
    expect(await grantsIn(second.database)).toMatchObject([
      { state: "suspended", suspension: byStore, leaseOwner: null, leaseExpiresAt: null, leaseFence: 5 },
      { state: "suspended", suspension: byStore },
      { state: "suspended", suspension: { ...byStore, wasHeld: true } },
      { state: "suspended", suspension: { ...byStore, wasHeld: true } },
      { state: "pending", suspension: null },
      // The original tells the provider; this one only where a person says so.
      { state: "revoked", suspension: null, revokeAt: null, revocation: { attempts: 24 } },
    ]);
    const after = await meta(second.database);
    expect(after["instance_id"]).not.toBe(before["instance_id"]);
    expect(after).toMatchObject({ instance_place: placeOfFile(copy), instance_epoch: "2" });
    const rows = await second.database.read(({ query }) => query("select id from keepers"));
    expect(rows, "the names of the other store's keepers").toEqual([]);
    const events = await createSqlStore(second.database, () => undefined).events({ limit: 10 });
    expect(events.at(-1)).toMatchObject({
      type: "store_copied",
      actor: "test",
      grantId: null,
      data: { reason: "copied_store", grants: 4 },
    });

    // Once: it knows its place now. The original never learnt of it.
    await end(second);
    expect((await open(copy, join(home.path, "elsewhere"))).found).toEqual([]);
    const original = await open();
    expect(original.found).toEqual([]);
    expect(await meta(original.database)).toMatchObject({ instance_id: before["instance_id"] });
  });

  test("of a copy: a grant that a person held stays told from the rest", async () => {
    const first = await open();
    await addGrants(first.database, {}, { state: "suspended", suspension: { reason: "person", at: 5 } });
    const copy = await copyOf(first);
    await end(await open(copy));
    const again = join(home.path, "again.db");
    copyTo(again, copy);
    const third = await open(again);
    expect(third.found).toMatchObject([{ grants: 2 }]);
    const suspensions = (await grantsIn(third.database)).map(({ suspension }) => suspension);
    expect(suspensions.map((one) => one?.wasHeld === true)).toEqual([false, true]);
  });

  test("opened by several at once is held once", async () => {
    const first = await open();
    await addGrants(first.database, {});
    const copy = await copyOf(first);
    const all = await Promise.all([1, 2, 3, 4].map(() => open(copy)));
    expect(all.flatMap(({ found }) => found)).toHaveLength(1);
    const [one] = all;
    const events = await createSqlStore(one?.database ?? connect(copy), () => undefined).events({
      limit: 10,
    });
    expect(events.filter(({ type }) => type === "store_copied")).toHaveLength(1);
    expect(await Promise.all(all.map(({ identity }) => identity.confirm()))).toEqual([
      "ours",
      "ours",
      "ours",
      "ours",
    ]);
  });

  test.runIf(existsSync("/proc/self/stat"))(
    "whose original is in use says by whom, and one whose is not does not",
    async () => {
      const first = await open();
      await addGrants(first.database, {});
      const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
      try {
        await createSqlStore(first.database, () => undefined).beat({
          id: processIdentity(child.pid),
          startedAt: 1,
          now: AT,
        });
        const copy = await copyOf(first);
        const second = await open(copy);
        expect(second.found).toEqual([{ reason: "copied_store", grants: 1, inUseBy: child.pid }]);
        const events = await createSqlStore(second.database, () => undefined).events({ limit: 10 });
        expect(events.at(-1)?.data).toMatchObject({ in_use_by: String(child.pid) });
      } finally {
        child.kill("SIGKILL");
      }
    },
  );

  test("that cannot be written is not used", async () => {
    const first = await open();
    await addGrants(first.database, {});
    const copy = await copyOf(first);
    const database = connect(copy);
    const failing: Database = { ...database, write: () => Promise.reject(new Error("read-only")) };
    const facts = await prepareSchema(failing, () => "unused");
    const parts = {
      database: failing,
      memory: openInstanceMemory(join(home.path, "m")),
      now: () => AT,
      actor: "test",
    };
    const opening = openIdentity(
      { ...parts, place: () => placeOf(failing, copy), newInstanceId: () => "new", onHeld: () => undefined },
      facts,
    );
    await expect(opening).rejects.toThrow("read-only");
  });
});

describe("an older state of the same store", () => {
  /** What a restore into the very same file leaves there; real ones are in `test/reliability`. */
  async function goBack(epoch: string, instanceId?: string): Promise<void> {
    const database = connect();
    await database.write(async ({ query }) => {
      await query("update meta set value = $1 where key = 'instance_epoch'", [epoch]);
      if (instanceId !== undefined)
        await query("update meta set value = $1 where key = 'instance_id'", [instanceId]);
    });
    await database.close();
  }

  function putInPlace(backup: string): void {
    for (const name of [file, `${file}-wal`, `${file}-shm`]) rmSync(name, { force: true });
    copyFileSync(backup, file);
  }

  /** A backup from before something was sent, and the store after it. */
  async function backedUp(): Promise<string> {
    const first = await open();
    await addGrants(first.database, {});
    await end(first);
    const backup = join(home.path, "backup.db");
    copyTo(backup);
    const second = await open();
    await second.identity.beforeSending();
    await end(second);
    return backup;
  }

  test("in the same file", async () => {
    await backedUp();
    await goBack("1");
    const { found, database } = await open();
    expect(found).toEqual([{ reason: "restored_store", grants: 1, inUseBy: null }]);
    expect(await grantsIn(database)).toMatchObject([{ suspension: { reason: "restored_store", at: AT } }]);
  });

  test("put in its place", async () => {
    putInPlace(await backedUp());
    expect((await open()).found).toMatchObject([{ reason: "restored_store" }]);
  });

  test("put back a second time, though the store goes by another name meanwhile", async () => {
    await backedUp();
    const { database } = await open();
    const { instance_id: first = "", instance_epoch: newest = "" } = await meta(database);
    await goBack("1");
    await end(await open());
    await goBack(newest, first);
    expect((await open()).found, "as new as it ever was, but the home has left it").toMatchObject([
      { reason: "restored_store" },
    ]);
  });

  test("nothing was sent since: nothing is wrong with it", async () => {
    const first = await open();
    await addGrants(first.database, {});
    await end(first);
    await end(await open());
    await goBack("1");
    expect((await open()).found).toEqual([]);
  });

  test("the epoch counts once for a process, and once for whatever it sent since", async () => {
    const { identity, database } = await open();
    const epoch = async (): Promise<number> => Number((await meta(database))["instance_epoch"]);
    await identity.beforeSending();
    await identity.beforeSending();
    expect(await epoch()).toBe(2);
    await identity.advance();
    expect(await epoch(), "a backup from between the sendings has 2").toBe(3);
    await identity.advance();
    expect(await epoch()).toBe(3);
    const other = await open();
    await other.identity.advance();
    expect(await epoch()).toBe(4);
    expect([await identity.confirm(), await other.identity.confirm()]).toEqual(["ours", "ours"]);
  });

  test("of a home that cannot remember is found out by the process that saw it", async () => {
    const { identity, database, found } = await open(file, join(home.path, "file", "instance"));
    await addGrants(database, {});
    await identity.advance();
    await database.write(({ query }) => query("update meta set value = '1' where key = 'instance_epoch'"));
    await identity.advance();
    expect(await identity.confirm()).toBe("held");
    expect(found).toMatchObject([{ reason: "restored_store", grants: 1 }]);
  });
});

describe("while it is open", () => {
  test("put back, and counted before the next look: it is still found", async () => {
    const { identity, database, found } = await open();
    await addGrants(database, {});
    await identity.advance();
    await database.write(({ query }) => query("update meta set value = '1' where key = 'instance_epoch'"));
    await identity.beforeSending();
    await identity.advance();
    expect(await identity.confirm()).toBe("held");
    expect(found).toMatchObject([{ reason: "restored_store" }]);
    expect(await identity.confirm(), "it goes on as what it is now").toBe("ours");
    await identity.advance();
    expect(await identity.confirm()).toBe("ours");
  });

  test("another process held it: known, and the old name is over", async () => {
    const { identity, database, found, facts } = await open();
    await addGrants(database, {});
    const other = await open();
    await other.database.write(({ query }) =>
      query("update meta set value = '0' where key = 'instance_epoch'"),
    );
    expect(await other.identity.confirm()).toBe("held");
    expect(await identity.confirm()).toBe("ours");
    expect([found.length, other.found.length]).toEqual([0, 1]);
    expect(openInstanceMemory(join(home.path, "instance")).epochOf(facts.instanceId)).toBe(
      Number.MAX_SAFE_INTEGER,
    );
  });

  test("another file in its place, or none: nothing is written any more", async () => {
    const { identity, database } = await open();
    await addGrants(database, {});
    const moved = join(home.path, "moved.db");
    renameSync(file, moved);
    expect(await identity.confirm()).toBe("replaced");
    await expect(database.write(({ query }) => query("delete from grants"))).rejects.toMatchObject({
      code: "storage_unavailable",
      message: expect.stringContaining("replaced or moved away"),
    });
    expect(existsSync(file), "and nothing is made there").toBe(false);
    copyFileSync(moved, file);
    chmodSync(file, 0o600);
    expect(await identity.confirm()).toBe("replaced");
    await expect(database.write(({ query }) => query("delete from grants"))).rejects.toMatchObject({
      code: "storage_unavailable",
    });
    expect(await grantsIn(database), "the connection still reads its own").toHaveLength(1);
  });
});
