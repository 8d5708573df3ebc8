import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { MIGRATIONS, SCHEMA_VERSION } from "../../src/store/migrations.ts";
import { bundleChild } from "../store/bundle-child.ts";
import { temporary } from "../store/sqlite-home.ts";
import { integrityOf, openPlain, start } from "./bench.ts";

const CHILD = await bundleChild("test/store/migrating-child.ts");

let remove = (): void => undefined;
afterEach(() => remove());

/** A database as an older version left it, with a row of its own. */
function makeOld(file: string, version: number): void {
  const database = openPlain(file);
  database.exec("pragma journal_mode = wal");
  if (version > 0) {
    database.exec("create table meta (key text primary key, value text not null)");
    database.exec(
      `insert into meta (key, value) values ('application', 'grantkeeper'), ('schema_version', '${version}'), ('instance_id', 'instance')`,
    );
  }
  for (const { statements } of MIGRATIONS.slice(0, version))
    for (const statement of statements("sqlite")) database.exec(statement);
  if (version > 0) {
    database.exec(`insert into integrations (id, name, provider, client_id, redirect_uri, scopes, generation, created_at, updated_at)
                   values ('i1', 'recorder', 'webex', 'C', 'http://127.0.0.1/', '[]', 1, 1, 1)`);
  }
  database.close();
}

/** All that makes a schema, and the version that the database says it has. */
function look(file: string): { schema: unknown[]; version: unknown; integrations: unknown } {
  const database = openPlain(file);
  try {
    const schema = database.prepare("select type, name, sql from sqlite_master order by type, name").all();
    const hasMeta = schema.some((row) => (row as { name?: unknown }).name === "meta");
    if (!hasMeta) return { schema, version: null, integrations: null };
    const meta = database.prepare("select value from meta where key = 'schema_version'").get();
    const rows = database.prepare("select id, name from integrations").all();
    return { schema, version: meta?.["value"], integrations: rows };
  } finally {
    database.close();
  }
}

test.each(Array.from({ length: SCHEMA_VERSION }, (_, version) => version))(
  "from version %d: kill -9 before each statement leaves all or nothing, and the next start goes on",
  { timeout: 300_000 },
  async (version) => {
    const home = temporary();
    ({ remove } = home);
    let kills = 0;
    for (let n = 1; ; n++) {
      const file = join(home.path, `${n}.db`);
      makeOld(file, version);
      const before = look(file);
      const run = await start(process.execPath, [CHILD, file, String(n)], {}).ended;
      if (run.signal !== "SIGKILL") {
        expect(run.code, run.stderr).toBe(0);
        break;
      }
      kills++;
      expect(look(file), `statement ${n}`).toEqual(before);
      expect(integrityOf(file)).toBe("ok");
      const next = await start(process.execPath, [CHILD, file, "0"], {}).ended;
      expect(next.code, next.stderr).toBe(0);
      expect(look(file)).toMatchObject({
        version: String(SCHEMA_VERSION),
        integrations: version === 0 ? [] : [{ id: "i1", name: "recorder" }],
      });
    }
    // Each statement of each step, the version's, and those that look.
    const statements = MIGRATIONS.slice(version).flatMap((step) => step.statements("sqlite")).length;
    expect(kills).toBeGreaterThan(statements);
  },
);
