import { createRequire } from "node:module";
import type * as sqlite from "@photostructure/sqlite";

type Driver = typeof sqlite.DatabaseSync;

function withDatabase<T>(file: string, readOnly: boolean, work: (database: InstanceType<Driver>) => T): T {
  const load = createRequire(import.meta.url);
  const { DatabaseSync } = load("@photostructure/sqlite") as { DatabaseSync: Driver };
  const database = new DatabaseSync(file, { readOnly, timeout: 5000 });
  try {
    return work(database);
  } finally {
    database.close();
  }
}

/** Makes a server's tables. */
export function makeDatabase(file: string, statements: string): void {
  withDatabase(file, false, (database) => database.exec(statements));
}

/** Reads one row of a server's database while the server is at work: columns with numbers. */
export function readCounts(file: string, query: string, ...values: string[]): Record<string, number> {
  const row = withDatabase(file, true, (database) => database.prepare(query).get(...values)) ?? {};
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)]));
}
