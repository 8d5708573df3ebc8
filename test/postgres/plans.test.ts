/** What the statements of a refresh cost with many grants: the plans of a real server; and two stores that want the same rows. */
import { afterAll, expect, test } from "vitest";
import type { Grant } from "../../src/core/grant.ts";
import type { GrantWrite, Store } from "../../src/keeper/ports.ts";
import type { Database, Transaction } from "../../src/store/database.ts";
import { prepareSchema } from "../../src/store/schema.ts";
import { createSqlStore } from "../../src/store/sql-store.ts";
import { IS_LONG } from "../reliability/bench.ts";
import { aClaim, aGrant, anEvent, anIntegration, AT } from "../store/samples.ts";
import { connect } from "./postgres-store.ts";
import { describeWith, sharedPostgres } from "./server-of-the-run.ts";

const ROWS = IS_LONG ? 1_000_000 : 100_000;
const ROUNDS = 200;
const SHARED = 24;

const closing: Database[] = [];
afterAll(async () => {
  for (const one of closing) await one.close();
});

describeWith(await sharedPostgres(), "many grants on PostgreSQL", (server) => {
  const open = async (name: string): Promise<Database> => {
    const database = connect(await server.fresh(name));
    closing.push(database);
    await prepareSchema(database, () => "instance");
    return database;
  };

  test(`of ${ROWS} no statement of a refresh reads the whole table`, { timeout: 600_000 }, async () => {
    const database = await open("many");
    const plain = createSqlStore(database, () => undefined);
    await plain.addIntegration(anIntegration(), anEvent({ type: "integration_added" }));
    const sample = aGrant({
      state: "active",
      presentations: 0,
      suspectSince: null,
      attempts: 0,
      revokeAt: null,
    });
    await plain.addGrant(sample, []);
    await copyRows(database, ROWS);
    await server.run("many", "analyze");
    const plans: [text: string, plan: string][] = [];
    const store = createSqlStore(explaining(database, plans), () => undefined);

    const due = await store.due({ now: AT + 500, limit: 512, except: [] });
    expect(due, "by their deadlines").toHaveLength(501);
    expect(await store.nextDueAt(AT + 500)).toBe(AT + 501);
    const claims = due.slice(0, 200).map((grant) => claimOf(grant, "here"));
    const claimed = await Promise.all(claims.map((claim) => store.claim(claim)));
    expect(claimed.filter((one) => one !== null)).toHaveLength(200);
    expect(await store.leased()).toHaveLength(200);
    const saved = await Promise.all(
      claimed.flatMap((grant) => (grant === null ? [] : [store.changeGrant(writeOf(grant), grant)])),
    );
    expect(saved.filter((one) => one !== null)).toHaveLength(200);
    await store.revoking(AT + 500, 16);
    await store.grantById("g7");
    await store.grant("g7");

    const ofGrants = plans.filter(([text]) => /\bgrants\b/.test(text));
    expect(ofGrants.length).toBeGreaterThanOrEqual(7);
    for (const [text, plan] of ofGrants) expect(plan, text).not.toMatch(/Seq Scan on (public\.)?grants/);
    const byIndex = (wanted: RegExp): string => ofGrants.find(([text]) => wanted.test(text))?.[1] ?? "";
    expect(byIndex(/order by next_attempt_at limit 1$/m)).toContain("grants_due");
    expect(byIndex(/order by coalesce/)).toContain("grants_due");
    expect(byIndex(/where lease_owner is not null/)).toContain("grants_leased");
    expect(byIndex(/order by revoke_at/)).toContain("grants_revoking");
  });

  test(
    `two stores that claim and save the same ${SHARED} grants in opposite orders, ${ROUNDS} rounds: each is claimed once, nothing fails`,
    { timeout: 600_000 },
    async () => {
      const database = await open("contended");
      const stores = ["one", "two"].map((owner) => {
        const own = connect(server.url("contended"));
        closing.push(own);
        return { owner, store: createSqlStore(own, () => undefined) };
      });
      const plain = createSqlStore(database, () => undefined);
      await plain.addIntegration(anIntegration(), anEvent({ type: "integration_added" }));
      for (let n = 1; n <= SHARED; n++) {
        await plain.addGrant(aGrant({ id: `g${n}`, name: `g${n}`, state: "active" }), []);
      }
      const claimsOf = { one: 0, two: 0 } as Record<string, number>;
      for (let round = 1; round <= ROUNDS; round++) {
        const grants = await plain.grants();
        const turns = stores.map(({ owner, store }, i) => ({
          owner,
          store,
          grants: i === 0 ? grants : grants.toReversed(),
        }));
        const all = await Promise.all(
          turns.map(({ owner, store, grants: mine }) => claimAll(store, mine, owner)),
        );
        const won = all.map((claimed) => claimed.filter((one) => one !== null));
        const ids = won.flat().map(({ id }) => id);
        expect(new Set(ids).size, `round ${round}: none twice`).toBe(ids.length);
        // What one store was just writing the other one passed over: it is free, and the next look finds it.
        turns.forEach(({ owner }, i) => (claimsOf[owner] = (claimsOf[owner] ?? 0) + (won[i]?.length ?? 0)));
        const leased = won.flat();
        const saves = await Promise.all(
          turns.map(({ store }, i) => saveAll(store, i === 0 ? leased : leased.toReversed(), i)),
        );
        const times = saves.flat().flatMap((grant) => (grant === null ? [] : [grant.id]));
        expect(new Set(times).size, `round ${round}: each is saved`).toBe(leased.length);
        expect(times, `round ${round}: by one of them`).toHaveLength(leased.length);
      }
      const [counted] = await server.run(
        "postgres",
        "select deadlocks::int as n from pg_stat_database where datname = 'contended'",
      );
      expect(counted?.rows, "no circle had to be broken").toEqual([{ n: 0 }]);
      expect(claimsOf["one"]).toBeGreaterThan(0);
      expect(claimsOf["two"]).toBeGreaterThan(0);
    },
  );
});

/** More rows like the first one, each due a millisecond after the one before. */
async function copyRows(database: Database, rows: number): Promise<void> {
  await database.write(
    async ({ query }) => {
      const columns = (
        await query(
          `select column_name as name from information_schema.columns
            where table_name = 'grants' and table_schema = current_schema()
              and column_name not in ('id', 'name', 'next_attempt_at')`,
        )
      ).map(({ name }) => String(name));
      await query("update grants set next_attempt_at = $1", [AT]);
      await query(
        `insert into grants (id, name, next_attempt_at, ${columns.join(", ")})
         select 'g' || n, 'g' || n, $1::bigint + n, ${columns.map((column) => `first.${column}`).join(", ")}
           from generate_series(2, $2::bigint) n, (select * from grants limit 1) first`,
        [AT - 1, rows],
      );
    },
    "full",
    "long",
  );
}

/** Asks for the plan of each statement, with its own values, before it is carried out. */
function explaining(database: Database, plans: [string, string][]): Database {
  const asking = ({ query }: Transaction): Transaction => ({
    query: async (text, values) => {
      if (/^\s*(select|with|update)/i.test(text)) {
        const lines = await query(`explain ${text}`, values);
        plans.push([text, lines.map((line) => String(line["QUERY PLAN"])).join("\n")]);
      }
      return query(text, values);
    },
  });
  return {
    ...database,
    read: (work) => database.read((transaction) => work(asking(transaction))),
    write: (work, ...how) => database.write((transaction) => work(asking(transaction)), ...how),
  };
}

function claimOf(grant: Grant, owner: string) {
  return {
    ...aClaim(),
    id: grant.id,
    owner,
    generation: grant.generation,
    fence: grant.leaseFence,
    takeOverFrom: null,
    seen: grant,
  };
}

function claimAll(store: Store, grants: readonly Grant[], owner: string): Promise<(Grant | null)[]> {
  return Promise.all(grants.map((grant) => store.claim(claimOf(grant, owner))));
}

/** Both stores try to save what was claimed: rows of two shapes, so that there is more than one statement. */
function saveAll(store: Store, grants: readonly Grant[], turn: number): Promise<(Grant | null)[]> {
  return Promise.all(
    grants.map((grant, i) => {
      const write = writeOf(grant);
      const change = (i + turn) % 2 === 0 ? write.change : { ...write.change, scopes: ["a"] };
      return store.changeGrant({ ...write, change }, grant);
    }),
  );
}

function writeOf(grant: Grant): GrantWrite {
  return {
    id: grant.id,
    expect: { generation: grant.generation, leaseFence: grant.leaseFence },
    change: {
      generation: grant.generation + 1,
      nextAttemptAt: AT + 10_000_000,
      leaseOwner: null,
      leaseExpiresAt: null,
      presentations: 0,
    },
    events: [anEvent()],
  };
}
