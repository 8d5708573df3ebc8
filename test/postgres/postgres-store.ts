import type { Database } from "../../src/store/database.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { prepareSchema } from "../../src/store/schema.ts";
import { createSqlStore } from "../../src/store/sql-store.ts";
import { clock, random } from "../store/sqlite-home.ts";
import type { StoreUnderTest } from "../store/store-contract.ts";

/** Connects as the application does. */
export function connect(url: string, more: { answerTimeout?: number; password?: string } = {}): Database {
  return openPostgres({ url, clock, random, ...more });
}

/**
 * The store over PostgreSQL, as the contract wants it, in a schema that is made anew. `direct` is a
 * connection of the superuser to the same database that `url` names.
 */
export async function postgresUnderTest(url: string, direct = url): Promise<StoreUnderTest> {
  const databases: Database[] = [];
  const another = (): Database => {
    const database = connect(url);
    databases.push(database);
    return database;
  };
  const admin = connect(direct);
  await admin.write(async ({ query }) => {
    await query("drop schema if exists public cascade");
    await query("create schema public");
  });
  const database = another();
  await prepareSchema(database, () => "instance");
  const count = async (text: string, values: (string | number)[] = []): Promise<number> => {
    const rows = await admin.read(({ query }) => query(text, values));
    return Number(rows[0]?.["n"] ?? 0);
  };
  return {
    store: createSqlStore(database, () => undefined),
    another: async () => createSqlStore(another(), () => undefined),
    interrupted: async (work) => createSqlStore(another(), work),
    handOuts: (grantId, generation, consumer) =>
      count("select times as n from hand_outs where grant_id = $1 and generation = $2 and consumer = $3", [
        grantId,
        generation,
        consumer,
      ]),
    parked: () => count("select count(*) as n from parked_token_sets"),
    damage: async (statement) => {
      await admin.write(({ query }) => query(statement));
    },
    passLeases: async (ms) => {
      await admin.write(({ query }) =>
        query("update grants set lease_expires_at = lease_expires_at - $1", [ms]),
      );
    },
    end: async () => {
      for (const one of [admin, ...databases]) await one.close();
    },
  };
}
