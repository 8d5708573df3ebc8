import type { Socket } from "node:net";
import { Pool, type PoolClient } from "pg";
import type { Clock, Random } from "../keeper/ports.ts";
import type { Database, Durability, Transaction } from "./database.ts";
import { clientConfig } from "./postgres-connection.ts";
import { offersNoTls, translate } from "./postgres-errors.ts";
import { attempt, type Begin } from "./postgres-transaction.ts";
import { placeOf, type PostgresTarget, readPostgresUrl } from "./postgres-url.ts";

interface PostgresOptions {
  /** `postgres://…`, as `readPostgresUrl` takes it. */
  readonly url: string;
  /** For a URL without one. */
  readonly password?: string | null;
  readonly clock: Clock;
  readonly random: Random;
  /** The most connections of this process. */
  readonly connections?: number;
  /** How long an answer is waited for, in ms, before the connection is given up. */
  readonly answerTimeout?: number;
}

/** Leases run on the database's clock, which is one for all replicas. */
const CLOCK = "(extract(epoch from clock_timestamp()) * 1000)::bigint";

const CONNECTIONS = 10;
const ANSWER_TIMEOUT = 10_000;
/** For a change of the schema. */
const LONG_TIMEOUT = 600_000;
const IDLE_CONNECTION = 60_000;
/** Seconds: a connection does not outlive a change of the server's address for long. */
const CONNECTION_LIFE = 1_800;
/** More than there may be idle connections that died unnoticed. */
const TRIES = CONNECTIONS + 2;

/**
 * Opens a PostgreSQL database. Nothing is connected before the first transaction. All settings hold for
 * one transaction and go along with its `begin`, and no statement is prepared by name: a proxy that pools
 * transactions may stand in between.
 * @throws {GrantkeeperError} `invalid_request` for a URL that cannot be used.
 */
export function openPostgres(options: PostgresOptions): Database {
  const { url, password = null, clock, random, connections = CONNECTIONS } = options;
  const { answerTimeout = ANSWER_TIMEOUT } = options;
  const target = readPostgresUrl(url, password);
  const pool = createPool(target, connections);

  /** Again, with jitter, where another transaction was in the way or an idle connection had died. */
  const transact = async <T>(begin: Begin, work: (transaction: Transaction) => Promise<T>): Promise<T> => {
    for (let tried = 1; ; tried++) {
      const client = await pool.connect().catch((error: unknown) => {
        throw translate(error, target);
      });
      const outcome = await attempt(client, begin, work, target);
      if ("done" in outcome) return outcome.done;
      if (!outcome.mayTryAgain || tried === TRIES) throw outcome.error;
      await clock.sleep(Math.floor(random.fraction() * 10 * tried));
    }
  };

  return {
    dialect: "postgres",
    place: placeOf(target),
    leaseClock: () => ({ sql: CLOCK }),
    read: (work) => transact(reading(answerTimeout), work),
    write: (work, durability = "full", patience = "usual") =>
      transact(writing(patience === "long" ? LONG_TIMEOUT : answerTimeout, durability), work),
    close: () => pool.end(),
  };
}

function reading(answer: number): Begin {
  const text = `begin isolation level repeatable read, read only; ${limits(answer)}`;
  return { text, answer, isReadOnly: true };
}

/**
 * `full` is at least what SQLite gives: on this server's disk before the commit returns. A server that is
 * set to more than that (to its standbys' disks) is left at it.
 */
function writing(answer: number, durability: Durability): Begin {
  const syncing =
    durability === "full"
      ? "select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off'"
      : "set local synchronous_commit = off";
  return {
    text: `begin isolation level read committed; ${limits(answer)}; ${syncing}`,
    answer,
    isReadOnly: false,
  };
}

/** The server's own limits come first: they end a statement in order, and the connection stays. */
function limits(answer: number): string {
  return [
    `set local statement_timeout = ${Math.ceil(answer * 0.8)}`,
    `set local lock_timeout = ${Math.ceil(answer * 0.5)}`,
    `set local idle_in_transaction_session_timeout = ${answer * 3}`,
  ].join("; ");
}

/** Connections that are kept, with TLS or, where the server has none and need not have it, without. */
function createPool(target: PostgresTarget, max: number) {
  const clients = new Set<PoolClient>();
  const poolOf = (withTls: boolean): Pool => {
    const pool = new Pool({
      ...clientConfig(target, withTls),
      max,
      // What need not wait for an answer is sent along with what does.
      pipeline: true,
      idleTimeoutMillis: IDLE_CONNECTION,
      maxLifetimeSeconds: CONNECTION_LIFE,
      allowExitOnIdle: true,
    });
    // An idle connection that breaks has left the pool already; nothing was asked on it.
    pool.on("error", () => undefined);
    pool.on("connect", (client) => {
      client.on("error", () => undefined);
      clients.add(client);
    });
    pool.on("remove", (client) => clients.delete(client));
    return pool;
  };
  let current = poolOf(true);
  return {
    connect: async (): Promise<PoolClient> => {
      const tried = current;
      try {
        return await tried.connect();
      } catch (error) {
        if (!target.tlsIsOptional || !offersNoTls(error)) throw error;
        if (current === tried) current = poolOf(false);
        return current.connect();
      }
    },
    end: async (): Promise<void> => {
      if (current.ending) return;
      await current.end();
      // A server that stands still never answers the good-bye, and must not keep this process from ending.
      for (const { connection } of clients) (connection.stream as Socket).unref();
    },
  };
}
