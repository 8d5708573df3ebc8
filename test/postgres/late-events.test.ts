/** Numbers are drawn before they are committed: whoever reads by number must not pass one that is still to come. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { addEvent } from "../../src/store/event-store.ts";
import { anEvent } from "../store/samples.ts";
import { prepareSchema } from "../../src/store/schema.ts";
import { createSqlStore } from "../../src/store/sql-store.ts";
import type { Database } from "../../src/store/database.ts";
import { connect } from "./postgres-store.ts";
import { describeWith, sharedPostgres } from "./server-of-the-run.ts";

describeWith(await sharedPostgres(), "events that are committed late", (server) => {
  let database: Database;
  beforeAll(async () => {
    database = connect(await server.fresh("late_events"));
    await prepareSchema(database, () => "instance");
  });
  afterAll(() => database.close());

  test("a page ends before the gap, and goes on when it is filled or given up", async () => {
    const store = createSqlStore(database, () => undefined);
    const record = (at: number) => store.record(anEvent({ at }));
    const page = async () => {
      const upTo = await store.settledEvent();
      return (await store.eventPage({ after: 0, upTo, types: null, grants: null, limit: 100 })).map(
        ({ seq }) => seq,
      );
    };
    const now = Date.now();
    await record(now);
    const [first = 0] = await page();
    let commit = (): void => undefined;
    const mayCommit = new Promise<void>((resolve) => (commit = resolve));
    let drawn = (): void => undefined;
    const isDrawn = new Promise<void>((resolve) => (drawn = resolve));
    const late = database.write(async (transaction) => {
      await addEvent(transaction, anEvent({ at: now, type: "suspended" }));
      drawn();
      await mayCommit;
    });
    await isDrawn;
    await record(now);
    await record(now);
    expect(await page()).toEqual([first]);
    commit();
    await late;
    expect(await page()).toEqual([first, first + 1, first + 2, first + 3]);
    // One that is undone leaves its number free for ever: it is waited for a quarter of a minute, and no longer.
    await expect(
      database.write(async (transaction) => {
        await addEvent(transaction, anEvent({ at: now }));
        throw new Error("undone");
      }),
    ).rejects.toThrow("undone");
    await record(now);
    expect(await page()).toEqual([first, first + 1, first + 2, first + 3]);
    await database.write(({ query }) => query("update events set recorded_at = recorded_at - 15001"));
    expect(await page()).toEqual([first, first + 1, first + 2, first + 3, first + 5]);
  });
});
