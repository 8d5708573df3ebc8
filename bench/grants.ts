import type { Grant } from "../src/core/grant.ts";
import { GRANT_COLUMNS, insertStatement, toColumns } from "../src/store/columns.ts";
import type { Database } from "../src/store/database.ts";

const ROWS_IN_A_TRANSACTION = 10_000;

/** Fills a store with grants, without events: preparation, not work to be measured. */
export async function insertGrants(
  database: Database,
  count: number,
  make: (i: number) => Grant,
): Promise<void> {
  for (let from = 0; from < count; from += ROWS_IN_A_TRANSACTION) {
    await database.write(async ({ query }) => {
      const to = Math.min(count, from + ROWS_IN_A_TRANSACTION);
      for (let i = from; i < to; i++)
        await query(...insertStatement("grants", toColumns(GRANT_COLUMNS, make(i))));
    }, "relaxed");
  }
}
