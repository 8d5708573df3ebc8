import { GrantkeeperError } from "../core/errors.ts";
import { insertStatement } from "./columns.ts";
import { type Database, type Row, type Transaction, UniqueViolation, type Value } from "./database.ts";

/** The first row of a query, read; null where there is none. */
export async function readOne<T>(
  database: Database,
  text: string,
  values: Value[],
  read: (row: Row) => T,
): Promise<T | null> {
  const rows = await database.read(({ query }) => query(text, values));
  return rows[0] === undefined ? null : read(rows[0]);
}

/** Inserts one row. */
export async function insert(
  transaction: Transaction,
  table: string,
  pairs: readonly [string, Value][],
): Promise<void> {
  const [text, values] = insertStatement(table, pairs);
  await transaction.query(text, values);
}

/** A taken name as a conflict in words. */
export async function refusingDuplicates<T>(what: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    if (!(cause instanceof UniqueViolation)) throw cause;
    throw new GrantkeeperError("conflict", `${what} already exists.`, {
      remedy: "Choose another name, or remove the old one first.",
      cause,
    });
  }
}
