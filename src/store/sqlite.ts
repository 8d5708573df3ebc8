import { chmodSync, closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { uptime } from "node:os";
import { dirname } from "node:path";
import { GrantkeeperError } from "../core/errors.ts";
import type { Clock, Random } from "../keeper/ports.ts";
import { emptyRecord } from "./columns.ts";
import {
  type Database,
  type Durability,
  type Row,
  type Transaction,
  UniqueViolation,
  type Value,
} from "./database.ts";
import { type Driver, loadDriver } from "./sqlite-driver.ts";

interface SqliteOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly random: Random;
  /** `bundled` forces the package's SQLite; otherwise Node's own is taken where it is recent enough. */
  readonly driver?: "auto" | "bundled";
  /** How long a busy database is waited for, in ms. */
  readonly patience?: number;
  /** The clock of leases, in ms; the time since the machine was started where absent. */
  readonly leaseClock?: () => number;
}

/** SQLite's own wait is short: it blocks the event loop and starves all but one of several waiters. */
const BUSY_TIMEOUT = 25;
const PATIENCE = 30_000;

/**
 * Opens (and where needed makes) a SQLite database in WAL mode with `synchronous=FULL`: a commit is on
 * disk when it returns. The file is 0600, its directory 0700, whatever the umask.
 */
export function openSqlite(options: SqliteOptions): Database {
  const { file, clock, random, driver = "auto", patience = PATIENCE, leaseClock = sinceBoot } = options;
  const DatabaseSync = loadDriver(driver);
  let handle: Handle | null = null;
  /** The file that was there when it was first opened; nothing is written where another lies now. */
  let opened: string | null = null;
  let last: Promise<unknown> = Promise.resolve();

  const connected = async (): Promise<Handle> => {
    if (handle !== null) return handle;
    if (opened !== null && fileAt(file) !== opened) throw replaced(file);
    handle = await whileBusy(() => connect(DatabaseSync, file));
    opened ??= fileAt(file);
    return handle;
  };

  /** Tries again, with jitter and without blocking the event loop, while another process holds the database. */
  const whileBusy = async <T>(attempt: () => T): Promise<T> => {
    const giveUpAt = clock.monotonic() + patience;
    for (;;) {
      try {
        return attempt();
      } catch (error) {
        if (!isBusy(error) || clock.monotonic() > giveUpAt) throw error;
        await clock.sleep(1 + Math.floor(random.fraction() * 20));
      }
    }
  };

  const transact = async <T>(
    begin: "begin" | "begin immediate",
    durability: Durability,
    work: (t: Transaction) => Promise<T>,
  ): Promise<T> => {
    try {
      const current = await connected();
      if (begin === "begin immediate" && fileAt(file) !== opened) throw replaced(file);
      current.setDurability(durability);
      await whileBusy(() => current.exec(begin));
      return await finish(current, work);
    } catch (error) {
      if (mayHaveLostWrites(error)) handle = closeQuietly(handle);
      throw translate(error, file);
    }
  };

  /** One transaction at a time on the one connection. */
  const inTurn = <T>(run: () => Promise<T>): Promise<T> => {
    const turn = last.then(run);
    last = turn.catch(() => undefined);
    return turn;
  };

  return {
    dialect: "sqlite",
    leaseClock,
    place: file,
    read: (work) => inTurn(() => transact("begin", "full", work)),
    write: (work, durability = "full") => inTurn(() => transact("begin immediate", durability, work)),
    close: () =>
      inTurn(async () => {
        handle = closeQuietly(handle);
      }),
  };
}

/** Which file lies there: the connection keeps its own, also when that was deleted or moved away. */
function fileAt(file: string): string {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "none" : `${stat.dev}-${stat.ino}`;
}

/** What is written into a file that has no name any more is lost; so a claim fails, and what was delivered is spooled. */
function replaced(file: string): GrantkeeperError {
  return new GrantkeeperError(
    "storage_unavailable",
    `The store ${file} was replaced or moved away while it was open.`,
    { remedy: "End all that has it open, and start again." },
  );
}

/** Goes on while the machine sleeps, is the same for all its processes, and is not the wall clock. */
function sinceBoot(): number {
  return Math.floor(uptime() * 1000);
}

async function finish<T>(handle: Handle, work: (t: Transaction) => Promise<T>): Promise<T> {
  try {
    const result = await work({ query: async (text, values = []) => handle.query(text, values) });
    handle.exec("commit");
    return result;
  } catch (error) {
    handle.rollBack();
    throw error;
  }
}

type Handle = ReturnType<typeof connect>;
type Statement = ReturnType<InstanceType<Driver>["prepare"]>;

function connect(DatabaseSync: Driver, file: string) {
  makePrivate(file);
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT });
  const statements = new Map<string, Prepared>();
  let durability: Durability = "full";
  try {
    // The mode is written into the file: a database that may be someone else's keeps its own.
    if (isOursOrNew(database)) database.exec("pragma journal_mode = wal");
    database.exec("pragma synchronous = full");
    database.exec("pragma foreign_keys = on");
    // What `returning` gathers would else be a file each time: five times the cost of the change itself.
    database.exec("pragma temp_store = memory");
    // Pages are written back to the file, and that synced, after 16 MB of log and not after 4.
    database.exec("pragma wal_autocheckpoint = 4000");
    database.exec("pragma cache_size = -16000");
  } catch (error) {
    database.close();
    throw error;
  }
  const prepared = (text: string): Prepared => {
    const known = statements.get(text);
    if (known !== undefined) return known;
    const made = prepare(database, text);
    statements.set(text, made);
    return made;
  };
  return {
    exec: (text: string) => database.exec(text),
    query: (text: string, values: readonly Value[]) => {
      const { statement, order, names, empty } = prepared(text);
      const found: unknown[] = statement.all(...order.map((i) => values[i] ?? null));
      return names === null
        ? (found as Row[])
        : (found as Value[][]).map((row) => asObject(names, empty, row));
    },
    setDurability: (wanted: Durability) => {
      if (wanted === durability) return;
      database.exec(`pragma synchronous = ${wanted === "full" ? "full" : "normal"}`);
      durability = wanted;
    },
    rollBack: () => {
      // SQLite has rolled back by itself after some errors; asking again is then an error of its own.
      if (database.isTransaction) database.exec("rollback");
    },
    close: () => database.close(),
  };
}

/** Whether it is empty, or has the table that tells whose it is. */
function isOursOrNew(database: InstanceType<Driver>): boolean {
  const tables = database.prepare("select name from sqlite_master where type = 'table'").all() as Row[];
  return tables.length === 0 || tables.some(({ name }) => name === "meta");
}

interface Prepared {
  readonly statement: Statement;
  /** Which value stands at each place, from 0. */
  readonly order: readonly number[];
  /** Its columns, where rows come as arrays. */
  readonly names: readonly string[] | null;
  /** A row of nulls. */
  readonly empty: Row;
}

/**
 * Values are bound by place, and rows come as arrays: an object across the language border, field by field,
 * takes five times as long.
 */
function prepare(database: InstanceType<Driver>, text: string): Prepared {
  const order: number[] = [];
  const statement = database.prepare(
    text.replace(/\$(\d+)/g, (_place, number: string) => {
      order.push(Number(number) - 1);
      return "?";
    }),
  );
  if (typeof statement.setReturnArrays !== "function") return { statement, order, names: null, empty: {} };
  statement.setReturnArrays(true);
  const names = statement.columns().map(({ name }) => name);
  return { statement, order, names, empty: emptyRecord(names) };
}

function asObject(names: readonly string[], empty: Row, values: readonly Value[]): Row {
  const row: Record<string, Value> = { ...empty };
  for (let i = 0; i < names.length; i++) row[names[i] ?? ""] = values[i] ?? null;
  return row;
}

function closeQuietly(handle: Handle | null): null {
  handle?.close();
  return null;
}

/** SQLite makes its side files with the database file's mode, so that is set before SQLite sees it. */
function makePrivate(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    closeSync(openSync(file, "wx", 0o600));
    chmodSync(file, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** The package's `all()` throws without an error code, so the message is looked at as well. */
function isBusy(error: unknown): boolean {
  return hasCode(error, 5) || /database is locked|database table is locked/i.test(messageOf(error));
}

/** After a failed write or sync, a later success on the same handle proves nothing. */
function mayHaveLostWrites(error: unknown): boolean {
  return [10, 11, 13].some((code) => hasCode(error, code)) || /disk|malformed|i\/o/i.test(messageOf(error));
}

function hasCode(error: unknown, primary: number): boolean {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === "number" && (code & 0xff) === primary;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "";
}

function translate(error: unknown, file: string): unknown {
  if (error instanceof GrantkeeperError || error instanceof UniqueViolation) return error;
  const message = messageOf(error);
  if (/UNIQUE constraint failed/i.test(message)) return new UniqueViolation(message);
  if (!isFromDatabase(error)) return error;
  return new GrantkeeperError("storage_unavailable", `The store ${file} cannot be used: ${message}.`, {
    remedy: remedyFor(message, file),
    cause: error,
  });
}

function isFromDatabase(error: unknown): boolean {
  const { code, errcode, syscall } = error as { code?: unknown; errcode?: unknown; syscall?: unknown };
  const text = messageOf(error);
  return (
    errcode !== undefined ||
    syscall !== undefined ||
    (typeof code === "string" && /SQLITE/.test(code)) ||
    /database|disk|constraint|sqlite|table/i.test(text)
  );
}

function remedyFor(message: string, file: string): string {
  if (/not a database|malformed/i.test(message)) {
    return `${file} is damaged or not a store of Grantkeeper. Move it away, or restore a backup.`;
  }
  if (/readonly|permission|EACCES|EROFS|unable to open/i.test(message)) {
    return `Make ${file} and its directory writable for this user, or set GRANTKEEPER_HOME to a directory that is.`;
  }
  if (/full|ENOSPC/i.test(message)) return "Free some disk space and try again. Nothing was lost.";
  if (/locked/i.test(message)) return "Another program holds the store. End it, or try again later.";
  return "Check the disk and the file's permissions, then try again.";
}
