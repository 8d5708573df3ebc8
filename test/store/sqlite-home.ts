import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock, Random } from "../../src/keeper/ports.ts";
import type { Database } from "../../src/store/database.ts";
import { prepareSchema } from "../../src/store/schema.ts";
import { createSqlStore } from "../../src/store/sql-store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import type { StoreUnderTest } from "./store-contract.ts";

export const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  alarm: (ms, work) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};

export const random: Random = { fraction: () => Math.random(), bytes: (length) => randomBytes(length) };

/** A directory that goes after the test. */
export function temporary(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "grantkeeper-store-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** The store over SQLite, as the contract wants it. */
export async function sqliteUnderTest(driver: "auto" | "bundled"): Promise<StoreUnderTest> {
  const { path, remove } = temporary();
  const databases: Database[] = [];
  const connect = (): Database => {
    const database = openSqlite({ file: join(path, "store.db"), clock, random, driver });
    databases.push(database);
    return database;
  };
  const database = connect();
  await prepareSchema(database, () => "instance");
  const count = async (text: string, values: (string | number)[] = []): Promise<number> => {
    const rows = await connect().read(({ query }) => query(text, values));
    return Number(rows[0]?.["n"] ?? 0);
  };
  return {
    store: createSqlStore(database, () => undefined),
    another: async () => createSqlStore(connect(), () => undefined),
    interrupted: async (work) => createSqlStore(connect(), work),
    handOuts: (grantId, generation, consumer) =>
      count("select times as n from hand_outs where grant_id = $1 and generation = $2 and consumer = $3", [
        grantId,
        generation,
        consumer,
      ]),
    parked: () => count("select count(*) as n from parked_token_sets"),
    damage: async (statement) => {
      await connect().write(({ query }) => query(statement));
    },
    passLeases: async (ms) => {
      await connect().write(({ query }) =>
        query("update grants set lease_expires_at = lease_expires_at - $1", [ms]),
      );
    },
    end: async () => {
      for (const one of databases) await one.close();
      remove();
    },
  };
}
