import { GrantkeeperError } from "../core/errors.ts";
import type { Database, Transaction } from "./database.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "./migrations.ts";

/** Any number that nobody else takes in this database: who holds it may change the schema. */
const SCHEMA_LOCK = 7_263_541_980_211;

/** A store's facts, and what was done to its schema. */
export interface PreparedStore extends StoreFacts {
  /** The version that was found: 0 where there was no store. */
  readonly migratedFrom: number;
}

/** Facts of a store that belong to no row: its schema version, its instance, the master key it is sealed under. */
export interface StoreFacts {
  readonly schemaVersion: number;
  readonly instanceId: string;
  /** Null until the first secret is sealed. */
  readonly masterKeyId: string | null;
  /** Where the store lay when it was last opened (`place.ts`); null in a store that never knew. */
  readonly place: string | null;
  /** Counts up as the store is used for sending; null in a store that never counted. */
  readonly epoch: number | null;
}

/** Rows of `meta` that tell a store from its copies. */
export const META = { instanceId: "instance_id", place: "instance_place", epoch: "instance_epoch" } as const;

const EXISTS = {
  sqlite: "select name from sqlite_master where type = 'table'",
  // Also those that this role may not look into, but not what an extension has put there.
  postgres: `select c.relname as name from pg_catalog.pg_class c
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace
              where n.nspname = current_schema() and c.relkind in ('r', 'p', 'f', 'm')
                and not exists (select 1 from pg_catalog.pg_depend d
                                 where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`,
};

/**
 * Reads a store's facts, making or migrating the schema first where that is needed. Migration and version
 * are one transaction, so that a crash or a second process at the same moment leaves either all or nothing.
 * @throws {GrantkeeperError} `storage_unavailable` for a database that is not ours or comes from a newer version.
 */
export async function prepareSchema(database: Database, newInstanceId: () => string): Promise<PreparedStore> {
  const before = await database.read((transaction) => readFacts(transaction, database.dialect));
  if (before?.schemaVersion === SCHEMA_VERSION) return { ...before, migratedFrom: SCHEMA_VERSION };
  const change = async (transaction: Transaction): Promise<PreparedStore> => {
    await waitForOthers(transaction, database.dialect);
    const facts = await readFacts(transaction, database.dialect);
    const found = facts?.schemaVersion ?? 0;
    if (found < SCHEMA_VERSION) await migrate(transaction, database.dialect, found, newInstanceId);
    const after = await readFacts(transaction, database.dialect);
    if (after === null) throw new Error("the schema was made and cannot be read");
    return { ...after, migratedFrom: found };
  };
  return database.write(change, "full", "long");
}

/**
 * On SQLite a transaction that writes is alone. On PostgreSQL whoever changes the schema waits until nobody
 * else does, and then sees what they have done; the lock goes with the transaction.
 */
async function waitForOthers({ query }: Transaction, dialect: Database["dialect"]): Promise<void> {
  if (dialect === "postgres") await query("select pg_advisory_xact_lock($1)", [SCHEMA_LOCK]);
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

/**
 * Whoever changes what a store is known by comes after everybody who does the same: on SQLite a transaction
 * that writes is alone anyway. Without it, what was read may be old when it is written back.
 */
export async function lockFacts({ query }: Transaction, dialect: Database["dialect"]): Promise<void> {
  if (dialect === "postgres") await query("select 1 from meta where key = $1 for update", [META.instanceId]);
}

/** The facts as they are now; null where there is no schema yet. */
export async function readFacts(
  transaction: Transaction,
  dialect: Database["dialect"],
): Promise<StoreFacts | null> {
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
  const epoch = facts.get(META.epoch);
  return {
    schemaVersion,
    instanceId,
    masterKeyId: facts.get("master_key_id") ?? null,
    place: facts.get(META.place) ?? null,
    epoch: epoch === undefined ? null : Number(epoch),
  };
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
