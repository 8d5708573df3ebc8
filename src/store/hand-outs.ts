import type { HandOut, HandOutCount, HandOutRecord } from "../keeper/ports.ts";
import type { Database } from "./database.ts";
import { addEvent } from "./event-store.ts";

/** Writes down who was given which generation: durably the first time, counted afterwards. True: the first. */
export async function recordHandOut(
  database: Database,
  { grantId, generation, consumer, at, firstEvent }: HandOut,
): Promise<boolean> {
  // Counting needs no sync to disk, and it would cost every reader one; the first hand-out has it.
  const counted = await database.write(async ({ query }) => {
    await query("update grants set last_used_at = $1 where id = $2", [at, grantId]);
    return query(
      `update hand_outs set times = times + 1, last_at = $1
        where grant_id = $2 and generation = $3 and consumer = $4 returning times`,
      [at, grantId, generation, consumer],
    );
  }, "relaxed");
  if (counted.length > 0) return false;
  return database.write(async (transaction) => {
    const first = await transaction.query(
      `insert into hand_outs (grant_id, generation, consumer, first_at, last_at, times)
       values ($1, $2, $3, $4, $4, 1)
       on conflict (grant_id, generation, consumer) do update set times = hand_outs.times + 1, last_at = $4
       returning times`,
      [grantId, generation, consumer, at],
    );
    if (first[0]?.["times"] !== 1) return false;
    await addEvent(transaction, firstEvent);
    return true;
  });
}

/** Adds what was counted in memory, in one commit that needs no sync. */
export async function countHandOuts(database: Database, counts: readonly HandOutCount[]): Promise<void> {
  if (counts.length === 0) return;
  await database.write(async ({ query }) => {
    if (database.dialect === "postgres") {
      await query(COUNT_ALL, [JSON.stringify(counts)]);
      await query(USE_ALL, [JSON.stringify(counts)]);
      return;
    }
    for (const { grantId, generation, consumer, times, at } of counts) {
      await query(COUNT_ONE, [times, at, grantId, generation, consumer]);
      await query(USE_ONE, [at, grantId]);
    }
  }, "relaxed");
}

const COUNT_ONE = `update hand_outs set times = times + $1, last_at = $2
  where grant_id = $3 and generation = $4 and consumer = $5`;
const USE_ONE = "update grants set last_used_at = $1 where id = $2";

const COUNT_ALL = `update hand_outs as h set times = h.times + c.times, last_at = c.at
  from json_to_recordset($1::json) as c("grantId" text, generation bigint, consumer text, times bigint, at bigint)
 where h.grant_id = c."grantId" and h.generation = c.generation and h.consumer = c.consumer`;
const USE_ALL = `update grants as g set last_used_at = c.at
  from (select "grantId" as id, max(at) as at from json_to_recordset($1::json) as r("grantId" text, at bigint)
         group by 1) as c
 where g.id = c.id`;

/** Who was handed a grant's tokens: the latest generations first. */
export async function readHandOuts(database: Database, grantId: string): Promise<HandOutRecord[]> {
  const rows = await database.read(({ query }) =>
    query(
      `select generation, consumer, times, first_at, last_at from hand_outs where grant_id = $1
        order by generation desc, last_at desc, consumer limit 100`,
      [grantId],
    ),
  );
  return rows.map((row) => ({
    generation: Number(row["generation"]),
    consumer: String(row["consumer"]),
    times: Number(row["times"]),
    firstAt: Number(row["first_at"]),
    lastAt: Number(row["last_at"]),
  }));
}
