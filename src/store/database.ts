/** One value of a row: the two databases have these in common. */
export type Value = string | number | null;
export type Row = Readonly<Record<string, Value>>;

/** Statements within one transaction. `text` has `$1`, `$2`, … for `values`; one text serves both databases. */
export interface Transaction {
  readonly query: (text: string, values?: readonly Value[]) => Promise<Row[]>;
}

/** How surely a commit is on disk when it returns. `relaxed` may lose the last moments to a power cut. */
export type Durability = "full" | "relaxed";

/** How long a transaction may wait and work. `long` is for changes of the schema, on tables of any size. */
export type Patience = "usual" | "long";

/**
 * A database, as far as the store needs one. Transactions of several processes, and on PostgreSQL those of
 * one process too, run side by side, and the database keeps them apart; SQLite runs those of one process
 * one after another. A busy database is waited for.
 *
 * Every method throws `GrantkeeperError` `storage_unavailable` for what the database itself refuses, but
 * for `UniqueViolation`, which the store turns into its own words. Where the answer to a commit was lost,
 * what it wrote may be there all the same.
 */
export interface Database {
  readonly dialect: "sqlite" | "postgres";
  /** Where it is, in words for people: a file, or database and server. Holds no password. */
  readonly place: string;
  /**
   * The clock of leases, in milliseconds: one for all who share the database, and no wall clock that
   * somebody may set. A number where this process can read it, else an expression of SQL.
   */
  readonly leaseClock: () => number | { readonly sql: string };
  /** Read-only statements, one consistent state. */
  readonly read: <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>;
  /**
   * Read and write; committed when the promise resolves, undone when `work` throws. `work` may be run
   * again from its start, when the database ended it in favour of another transaction.
   */
  readonly write: <T>(
    work: (transaction: Transaction) => Promise<T>,
    durability?: Durability,
    patience?: Patience,
  ) => Promise<T>;
  readonly close: () => Promise<void>;
}

/** A unique index refused a row. */
export class UniqueViolation extends Error {
  override readonly name = "UniqueViolation";
}
