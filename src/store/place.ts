import { statSync } from "node:fs";
import type { Database } from "./database.ts";

/** A part of a place that this system does not tell. */
const UNKNOWN = "?";

/**
 * Where a store lies, in two parts joined by `-`: what stays the same while it is used, moved within its file
 * system or renamed, and becomes another when it is copied. `?` stands for what cannot be known.
 */
export type Place = `${string}-${string}`;

/** The place of a SQLite database: inode and time of birth of its file. Throws where there is no such file. */
export function placeOfFile(file: string): Place {
  const { ino, birthtimeNs, ctimeNs } = statSync(file, { bigint: true });
  // Where a file system keeps no time of birth, that of the last change, or zero, is given in its stead.
  const isBirthKnown = birthtimeNs > 0n && birthtimeNs !== ctimeNs;
  return `${ino > 0n ? ino : UNKNOWN}-${isBirthKnown ? birthtimeNs : UNKNOWN}`;
}

const SYSTEM = "select system_identifier::text as part from pg_control_system()";
const DATABASE = "select oid::text as part from pg_database where datname = current_database()";

/** The place of a PostgreSQL database: the cluster's identifier and the database's number in it. */
export async function placeInCluster(database: Pick<Database, "read">): Promise<Place> {
  const part = async (text: string): Promise<string> => {
    const rows = await database.read(({ query }) => query(text));
    return String(rows[0]?.["part"] ?? UNKNOWN);
  };
  // Some hosts keep the cluster's identifier from their tenants; a store that cannot be reached fails at the second.
  const system = await part(SYSTEM).catch(() => UNKNOWN);
  return `${system}-${await part(DATABASE)}`;
}

/** The place of a store: of its file where it has one. */
export async function placeOf(database: Pick<Database, "dialect" | "read">, file: string): Promise<Place> {
  return database.dialect === "sqlite" ? placeOfFile(file) : placeInCluster(database);
}

/** Whether two places are certainly not the same: what only one of them knows tells nothing. */
export function isElsewhere(one: string, other: string): boolean {
  const others = other.split("-");
  return one.split("-").some((part, i) => {
    const its = others[i] ?? UNKNOWN;
    return part !== UNKNOWN && its !== UNKNOWN && part !== its;
  });
}

/** A place with what is known now, else with what was known before. */
export function merged(before: string, now: Place): string {
  const known = before.split("-");
  return now
    .split("-")
    .map((part, i) => (part === UNKNOWN ? (known[i] ?? UNKNOWN) : part))
    .join("-");
}
