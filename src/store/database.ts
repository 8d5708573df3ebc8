/** One value of a row: the two databases have these in common. */
export type Value = string | number | null;
export type Row = Readonly<Record<string, Value>>;

/** Statements within one transaction. `text` has `$1`, `$2`, … for `values`; one text serves both databases. */
export interface Transaction {
  readonly query: (text: string, values?: readonly Value[]) => Promise<Row[]>;
}

/** How surely a commit is on disk when it returns. `relaxed` may lose the last moments to a power cut. */
export type Durability = "full" | "relaxed";

/**
 * A database, as far as the store needs one. Transactions of one process run one after another, those of
 * several processes are serialised by the database; a busy database is waited for.
 *
 * Every method throws `GrantkeeperError` `storage_unavailable` for what the database itself refuses, but
 * for `UniqueViolation`, which the store turns into its own words.
 */
export interface Database {
  readonly dialect: "sqlite" | "postgres";
  /** Read-only statements, one consistent state. */
  readonly read: <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>;
  /** Read and write; committed when the promise resolves, undone when `work` throws. */
  readonly write: <T>(work: (transaction: Transaction) => Promise<T>, durability?: Durability) => Promise<T>;
  readonly close: () => Promise<void>;
}

/** A unique index refused a row. */
export class UniqueViolation extends Error {
  override readonly name = "UniqueViolation";
}
