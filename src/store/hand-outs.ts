import type { HandOut } from "../keeper/ports.ts";
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
