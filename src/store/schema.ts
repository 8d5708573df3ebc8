import { GrantkeeperError } from "../core/errors.ts";
import type { Database, Transaction } from "./database.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "./migrations.ts";

/** Facts of a store that belong to no row: its schema version, its instance, the master key it is sealed under. */
export interface StoreFacts {
  readonly schemaVersion: number;
  readonly instanceId: string;
  /** Null until the first secret is sealed. */
  readonly masterKeyId: string | null;
}

const EXISTS = {
  sqlite: "select name from sqlite_master where type = 'table'",
  postgres: "select table_name as name from information_schema.tables where table_schema = current_schema()",
};

/**
 * Reads a store's facts, making or migrating the schema first where that is needed. Migration and version
 * are one transaction, so that a crash or a second process at the same moment leaves either all or nothing.
 * @throws {GrantkeeperError} `storage_unavailable` for a database that is not ours or comes from a newer version.
 */
export async function prepareSchema(database: Database, newInstanceId: () => string): Promise<StoreFacts> {
  const before = await database.read((transaction) => readFacts(transaction, database.dialect));
  if (before !== null && before.schemaVersion === SCHEMA_VERSION) return before;
  return database.write(async (transaction) => {
    const facts = await readFacts(transaction, database.dialect);
    await migrate(transaction, database.dialect, facts?.schemaVersion ?? 0, newInstanceId);
    const after = await readFacts(transaction, database.dialect);
    if (after === null) throw new Error("the schema was made and cannot be read");
    return after;
  });
}

/** Remembers under which master key the store is sealed; the first one to do so wins. Returns that key's id. */
export async function claimMasterKey(database: Database, keyId: string): Promise<string> {
  return database.write(async ({ query }) => {
    await query("insert into meta (key, value) values ('master_key_id', $1) on conflict (key) do nothing", [
      keyId,
    ]);
    const rows = await query("select value from meta where key = 'master_key_id'");
    return String(rows[0]?.["value"]);
  });
}

async function readFacts(transaction: Transaction, dialect: Database["dialect"]): Promise<StoreFacts | null> {
  const tables = await transaction.query(EXISTS[dialect]);
  const names = new Set(tables.map((row) => row["name"]));
  if (!names.has("meta")) {
    if (names.size > 0) throw notOurs();
    return null;
  }
  const rows = await transaction.query("select key, value from meta");
  const facts = new Map(rows.map((row) => [row["key"], String(row["value"])]));
  const schemaVersion = Number(facts.get("schema_version"));
  const instanceId = facts.get("instance_id");
  if (facts.get("application") !== "grantkeeper" || instanceId === undefined) throw notOurs();
  if (!(schemaVersion <= SCHEMA_VERSION)) throw newer(schemaVersion);
  return { schemaVersion, instanceId, masterKeyId: facts.get("master_key_id") ?? null };
}

async function migrate(
  { query }: Transaction,
  dialect: Database["dialect"],
  from: number,
  newInstanceId: () => string,
): Promise<void> {
  if (from === 0) {
    await query("create table meta (key text primary key, value text not null)");
    await query(
      "insert into meta (key, value) values ('application', 'grantkeeper'), ('schema_version', '0'), ('instance_id', $1)",
      [newInstanceId()],
    );
  }
  for (const migration of MIGRATIONS.filter(({ version }) => version > from)) {
    for (const statement of migration.statements(dialect)) await query(statement);
  }
  await query("update meta set value = $1 where key = 'schema_version'", [String(SCHEMA_VERSION)]);
}

function notOurs(): GrantkeeperError {
  return new GrantkeeperError(
    "storage_unavailable",
    "The database holds tables that are not Grantkeeper's.",
    {
      remedy: "Name another database, or an empty one. Nothing was changed.",
    },
  );
}

function newer(version: number): GrantkeeperError {
  return new GrantkeeperError(
    "storage_unavailable",
    `The store has schema version ${version}; this Grantkeeper knows versions up to ${SCHEMA_VERSION}.`,
    { remedy: "Use the newer Grantkeeper that wrote it. Nothing was changed." },
  );
}
