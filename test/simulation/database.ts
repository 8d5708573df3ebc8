import { GrantkeeperError } from "../../src/core/errors.ts";
import {
  type Database,
  type Row,
  type Transaction,
  UniqueViolation,
  type Value,
} from "../../src/store/database.ts";
import { loadDriver } from "../../src/store/sqlite-driver.ts";
import type { Chance } from "./chance.ts";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

/** How the store does at the moment. */
export interface StoreWeather {
  /** Nothing gets through. */
  isDown: boolean;
  /** Share of transactions that fail: at their begin, at a statement, at the commit, or after it, its word lost. */
  failing: number;
  /** How long, in ms, the slow ones take; 0 for none. */
  slow: number;
}

/** What one transaction has made true. */
export interface Committed {
  readonly by: Process;
  readonly events: readonly (readonly Value[])[];
  /** Rows of grants as they are now. */
  readonly grants: readonly Row[];
  readonly parked: readonly (readonly Value[])[];
}

export interface SharedDatabase {
  /** A process's own connection. */
  readonly connect: (process: Process) => Database;
  /** Beside everything: no fault, no time. For the world itself and for whoever judges it. */
  readonly look: (text: string, values?: readonly Value[]) => Row[];
  /** Counts what was committed. */
  readonly version: () => number;
  readonly close: () => void;
}

interface Prepared {
  readonly all: (values: readonly Value[]) => Row[];
  readonly kind: "event" | "grant" | "parked" | "other";
}

interface Setting {
  readonly world: World;
  readonly chance: Chance;
  readonly weather: StoreWeather;
  readonly onCommit: (committed: Committed) => void;
  /** Sees every value that is about to be written or asked by. */
  readonly onValues: (values: readonly Value[]) => void;
}

/**
 * A SQLite in memory that several processes share, as they share a file: the statements are the real ones,
 * transactions come one after another, and what fails is chosen by the seed.
 */
export function createSharedDatabase(setting: Setting): SharedDatabase {
  const DatabaseSync = loadDriver("auto");
  const handle = new DatabaseSync(":memory:");
  handle.exec("pragma foreign_keys = on");
  const statements = new Map<string, Prepared>();
  const { world, chance, weather, onCommit, onValues } = setting;
  let version = 0;
  let last: Promise<unknown> = Promise.resolve();

  const prepared = (text: string): Prepared => {
    const known = statements.get(text);
    if (known !== undefined) return known;
    const statement = handle.prepare(text);
    statement.setReturnArrays(true);
    const names = statement.columns().map(({ name }) => name);
    const all = (values: readonly Value[]): Row[] => {
      const rows = (values.length === 0
        ? statement.all()
        : statement.all(named(values))) as unknown as Value[][];
      return rows.map((row) => asObject(names, row));
    };
    const made = { all, kind: kindOf(text) };
    statements.set(text, made);
    return made;
  };

  /** A statement says only what its caller needs of the rows it wrote; whoever judges them sees them whole. */
  const wholeRows = (rows: readonly Row[]): Row[] =>
    rows.flatMap(({ id = null }) => prepared("select * from grants where id = $1").all([id]));

  const inTurn = <T>(run: () => Promise<T>): Promise<T> => {
    const turn = last.then(run);
    last = turn.catch(() => undefined);
    return turn;
  };

  const transact = async <T>(
    process: Process,
    begin: string,
    work: (t: Transaction) => Promise<T>,
  ): Promise<T> => {
    const events: (readonly Value[])[] = [];
    const grants: Row[] = [];
    const parked: (readonly Value[])[] = [];
    const fault = chance.happens(weather.failing) ? chance.one(FAULTS) : null;
    if (weather.isDown || fault === "begin") throw unavailable("the store cannot be reached");
    handle.exec(begin);
    try {
      const query = async (text: string, values: readonly Value[] = []): Promise<Row[]> => {
        process.point();
        if (process.isDead) throw new Error("ended within a transaction");
        if (fault === "statement" && chance.happens(0.5)) throw unavailable("a statement failed");
        onValues(values);
        const { all, kind } = prepared(text);
        const rows = all(values);
        if (kind === "event") events.push(values);
        else if (kind === "grant") grants.push(...wholeRows(rows));
        else if (kind === "parked") parked.push(values);
        return rows;
      };
      const result = await work({ query });
      if (process.isDead) throw new Error("ended within a transaction");
      if (fault === "commit") throw unavailable("the commit failed");
      handle.exec("commit");
      if (begin !== "begin") {
        version++;
        onCommit({ by: process, events, grants, parked });
      }
      if (fault === "word") throw unavailable("the connection broke after the commit");
      return result;
    } catch (error) {
      if (handle.isTransaction) handle.exec("rollback");
      throw translate(error);
    }
  };

  const delay = async (process: Process): Promise<void> => {
    const ms = weather.slow > 0 && chance.happens(0.5) ? chance.between(0, weather.slow) : 0;
    if (ms > 0) await process.sleep(ms);
    else if (chance.happens(0.2)) await process.sleep(chance.spread(0.2, 20));
  };

  const connect = (process: Process): Database => {
    const run = <T>(begin: string, work: (t: Transaction) => Promise<T>): Promise<T> =>
      process.effect(async () => {
        await delay(process);
        const result = await inTurn(() => transact(process, begin, work));
        await delay(process);
        return result;
      });
    return {
      dialect: "sqlite",
      place: "memory",
      leaseClock: () => Math.floor(world.now()),
      read: (work) => run("begin", work),
      write: (work) => run("begin immediate", work),
      close: () => Promise.resolve(),
    };
  };

  return {
    connect,
    look: (text, values = []) => prepared(text).all(values),
    version: () => version,
    close: () => handle.close(),
  };
}

const PLACES = Array.from({ length: 64 }, (_, i) => `$${i + 1}`);

function named(values: readonly Value[]): Record<string, Value> {
  const parameters: Record<string, Value> = {};
  for (let i = 0; i < values.length; i++) parameters[PLACES[i] ?? ""] = values[i] ?? null;
  return parameters;
}

function asObject(names: readonly string[], values: readonly Value[]): Row {
  const row: Record<string, Value> = {};
  for (let i = 0; i < names.length; i++) row[names[i] ?? ""] = values[i] ?? null;
  return row;
}

const FAULTS = ["begin", "statement", "commit", "word"] as const;

function kindOf(text: string): Prepared["kind"] {
  const start = text.trimStart();
  if (start.startsWith("insert into events")) return "event";
  if (start.startsWith("insert into parked_token_sets")) return "parked";
  return start.startsWith("update grants") && /returning (\*|id, )/.test(start) ? "grant" : "other";
}

function unavailable(what: string): GrantkeeperError {
  return new GrantkeeperError("storage_unavailable", `The simulated store fails: ${what}.`);
}

function translate(error: unknown): unknown {
  const message = error instanceof Error ? error.message : "";
  return /UNIQUE constraint failed/i.test(message) ? new UniqueViolation(message) : error;
}
