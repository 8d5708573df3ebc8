import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { SCHEMA_VERSION } from "../../src/store/migrations.ts";
import { claimMasterKey, prepareSchema } from "../../src/store/schema.ts";
import { PROGRAM } from "../cli/support.ts";
import { connect } from "./postgres-store.ts";
import type { ServerInUse } from "./server.ts";
import { describeWith, sharedPostgres } from "./server-of-the-run.ts";

const open: Database[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function database(url: string): Database {
  const made = connect(url);
  open.push(made);
  return made;
}

/** Everything in a database that a change of its schema or rows would show in. */
async function picture(server: ServerInUse, name: string): Promise<unknown> {
  const results = await server.run(
    name,
    "select relname, relkind, relfilenode from pg_class where relnamespace = 'public'::regnamespace order by 1",
    "select table_name, column_name, data_type from information_schema.columns where table_schema = 'public' order by 1, 2",
    "select n_tup_ins, n_tup_upd, n_tup_del from pg_stat_xact_all_tables where schemaname = 'public' order by relname",
  );
  return results.map(({ rows }) => rows as unknown);
}

describeWith(await sharedPostgres(), "the schema on PostgreSQL", (server) => {
  test("three replicas make it at once, 20 rounds: one does, all agree", async () => {
    const url = await server.fresh("raced");
    for (let round = 0; round < 20; round++) {
      await server.empty("raced");
      const replicas = [1, 2, 3].map(() => database(url));
      const facts = await Promise.all(replicas.map((one, i) => prepareSchema(one, () => `replica ${i}`)));
      expect(new Set(facts.map(({ instanceId }) => instanceId)).size).toBe(1);
      expect(facts.map(({ schemaVersion }) => schemaVersion)).toEqual(facts.map(() => SCHEMA_VERSION));
      expect(facts.filter(({ migratedFrom }) => migratedFrom === 0)).toHaveLength(1);
      const keys = await Promise.all(replicas.map((one, i) => claimMasterKey(one, `key ${i}`)));
      expect(new Set(keys).size).toBe(1);
      for (const one of open.splice(0)) await one.close();
    }
  });

  test("so do three processes of the program", async () => {
    const home = mkdtempSync(join(tmpdir(), "gk-migrate-"));
    try {
      const url = await server.fresh("raced");
      for (let round = 0; round < 5; round++) {
        await server.empty("raced");
        const env = {
          ...process.env,
          GRANTKEEPER_HOME: home,
          GRANTKEEPER_DATABASE_URL: url,
        };
        const said = await Promise.all([1, 2, 3].map(() => migrate(env)));
        const found = said.map((text) => (JSON.parse(text) as { migrated_from: number }).migrated_from);
        expect(found.toSorted((a, b) => a - b)).toEqual([0, SCHEMA_VERSION, SCHEMA_VERSION]);
      }
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });

  test("a database of another program is refused and left as it is, whoever owns its tables", async () => {
    const url = await server.fresh("foreign_one");
    await server.run(
      "foreign_one",
      "create table accounts (id integer primary key, name text)",
      "insert into accounts values (1, 'x')",
      "drop role if exists stranger",
      "create role stranger login password 'Canary-of-a-stranger-77'",
      "grant create on schema public to stranger",
    );
    const before = await picture(server, "foreign_one");
    const other = url.replace(/\/\/.*@/, "//stranger:Canary-of-a-stranger-77@");
    for (const one of [url, other]) {
      await expect(prepareSchema(database(one), () => "x")).rejects.toMatchObject({
        code: "storage_unavailable",
        message: expect.stringContaining("not Grantkeeper's"),
      });
    }
    expect(await picture(server, "foreign_one")).toEqual(before);
  });

  test("a newer schema is refused, and nothing is changed", async () => {
    const url = await server.fresh("newer");
    await prepareSchema(database(url), () => "x");
    await server.run("newer", "update meta set value = '99' where key = 'schema_version'");
    const before = await picture(server, "newer");
    await expect(prepareSchema(database(url), () => "x")).rejects.toMatchObject({
      code: "storage_unavailable",
      message: `The store has schema version 99; this Grantkeeper knows versions up to ${SCHEMA_VERSION}.`,
    });
    expect(await picture(server, "newer")).toEqual(before);
  });

  test("a schema that fails half-way leaves nothing", async () => {
    const url = await server.fresh("half");
    const whole = database(url);
    const cut: Database = {
      ...whole,
      write: (work, ...more) =>
        whole.write(
          (transaction) =>
            work({
              query: (text, values) =>
                text.includes("create table hand_outs")
                  ? Promise.reject(new Error("cut"))
                  : transaction.query(text, values),
            }),
          ...more,
        ),
    };
    await expect(prepareSchema(cut, () => "x")).rejects.toThrow("cut");
    expect(
      (
        await server.run("half", "select relname from pg_class where relnamespace = 'public'::regnamespace")
      )[0]?.rows,
    ).toEqual([]);
    expect(await prepareSchema(whole, () => "y")).toMatchObject({ instanceId: "y", migratedFrom: 0 });
  });

  test("a schema of its own in a database that others use", async () => {
    const url = await server.fresh("housing");
    await server.run("housing", "create table accounts (id integer)", "create schema gk");
    const own = database(`${url}?options=-c%20search_path%3Dgk`);
    expect(await prepareSchema(own, () => "x")).toMatchObject({ migratedFrom: 0 });
    const [tables] = await server.run(
      "housing",
      "select 1 from information_schema.tables where table_schema = 'gk'",
    );
    expect(tables?.rowCount).toBeGreaterThan(5);
  });

  test("what an extension has put there is nobody's", async () => {
    const url = await server.fresh("extended");
    // As an extension's own tables are marked; which extensions there are depends on the server.
    await server.run(
      "extended",
      "create table of_extension (id integer)",
      "alter extension plpgsql add table of_extension",
    );
    expect(await prepareSchema(database(url), () => "x")).toMatchObject({ migratedFrom: 0 });
  });
});

function migrate(env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(process.execPath, [PROGRAM, "migrate", "--json"], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  return new Promise((resolve) => child.once("close", () => resolve(said)));
}
