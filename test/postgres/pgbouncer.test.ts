import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { storeContract } from "../store/store-contract.ts";
import { findPgbouncer, type Pgbouncer, startPgbouncer } from "./pgbouncer.ts";
import { connect, postgresUnderTest } from "./postgres-store.ts";
import { describeWith, sharedPostgres } from "./server-of-the-run.ts";

const server = await sharedPostgres();
const found = findPgbouncer();
const both = typeof server === "string" ? server : typeof found === "string" ? found : { ...found, server };

describeWith(both, "behind a pgbouncer that pools transactions", ({ program, server: behind }) => {
  let proxy: Pgbouncer;
  let direct: string;
  beforeAll(async () => {
    direct = await behind.fresh("pooled");
    proxy = await startPgbouncer(program, behind);
  });
  afterAll(() => proxy.remove());

  storeContract("the store", () => postgresUnderTest(proxy.url("pooled"), direct));

  describe("transactions", () => {
    test("of many connections on three of the server's do not disturb each other", async () => {
      await behind.run(
        "pooled",
        "create table counter (n integer not null)",
        "insert into counter values (0)",
      );
      const clients: Database[] = Array.from({ length: 3 }, () => connect(proxy.url("pooled")));
      const settings = new Set<unknown>();
      const add = (database: Database) =>
        database.write(async ({ query }) => {
          const [row] = await query("select n from counter for update");
          await query("update counter set n = $1", [Number(row?.["n"]) + 1]);
        });
      const look = async (database: Database) => {
        const [row] = await database.write(({ query }) => query("show synchronous_commit"), "relaxed");
        settings.add(row?.["synchronous_commit"]);
      };
      await Promise.all(
        clients.flatMap((one) => Array.from({ length: 40 }, () => [add(one), look(one)]).flat()),
      );
      const [row] = await behind
        .run("pooled", "select n from counter")
        .then(([result]) => result?.rows ?? []);
      expect(row).toEqual({ n: 120 });
      expect([...settings]).toEqual(["off"]);
      for (const one of clients) await one.close();
    });

    test("leave nothing behind on a connection of the server", async () => {
      const client = connect(proxy.url("pooled"));
      await client.write(({ query }) => query("select 1"), "relaxed");
      await expect(client.write(() => Promise.reject(new Error("ours")))).rejects.toThrow("ours");
      const names = ["statement_timeout", "lock_timeout", "synchronous_commit", "transaction_read_only"];
      const untouched = await behind.run("pooled", ...names.map((name) => `show ${name}`));
      const plain = new Client({ connectionString: proxy.url("pooled") });
      await plain.connect();
      for (const [i, name] of names.entries()) {
        for (let turn = 0; turn < 3; turn++) {
          expect((await plain.query(`show ${name}`)).rows).toEqual(untouched[i]?.rows);
        }
      }
      await plain.end();
      await client.close();
    });
  });
});
