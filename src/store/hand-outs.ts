import type { HandOut, HandOutCount, HandOutRecord } from "../keeper/ports.ts";
import type { Database, Transaction } from "./database.ts";
import { addEvents } from "./event-store.ts";
import { createGroupCommit, type NextTurn } from "./group-commit.ts";

/**
 * Writes down who was given which generation: durably the first time, counted afterwards. Resolves with true for
 * the first. All that are ready at the same moment share their commits: whoever waited for one refresh wants its
 * token at the same moment as all others.
 */
export function createHandOutRecorder(
  database: Database,
  nextTurn?: NextTurn,
): (handOut: HandOut) => Promise<boolean> {
  let jobs = 0;
  const record = createGroupCommit<{ readonly handOut: HandOut; readonly n: number }, boolean>({
    keyOf: ({ n }) => String(n),
    commit: (batch) =>
      recordTogether(
        database,
        batch.map(({ handOut }) => handOut),
      ),
    ...(nextTurn && { nextTurn }),
  });
  return (handOut) => record({ handOut, n: jobs++ });
}

/** Who of some was the first of its generation and consumer. */
async function recordTogether(database: Database, handOuts: readonly HandOut[]): Promise<boolean[]> {
  const groups = new Map<string, { readonly first: HandOut; times: number; at: number }>();
  for (const handOut of handOuts) {
    const key = keyOf(handOut);
    const group = groups.get(key) ?? { first: handOut, times: 0, at: 0 };
    groups.set(key, { ...group, times: group.times + 1, at: Math.max(group.at, handOut.at) });
  }
  const counts = [...groups.values()].map(({ first: { grantId, generation, consumer }, times, at }) => ({
    grantId,
    generation,
    consumer,
    times,
    at,
  }));
  // Counting needs no sync to disk, and it would cost every reader one; the first hand-out has it.
  const counted = new Set(
    await database.write((transaction) => countIn(transaction, database.dialect, counts), "relaxed"),
  );
  const rest = [...groups].filter(([key]) => !counted.has(key)).map(([, group]) => group);
  if (rest.length === 0) return handOuts.map(() => false);
  const firsts = new Set(await database.write((transaction) => addFirsts(transaction, database, rest)));
  return handOuts.map((handOut) => firsts.has(handOut));
}

function keyOf({ grantId, generation, consumer }: Omit<HandOutCount, "times" | "at">): string {
  return `${grantId} ${generation} ${consumer}`;
}

interface Group {
  readonly first: HandOut;
  readonly times: number;
  readonly at: number;
}

async function addFirsts(
  transaction: Transaction,
  { dialect }: Database,
  groups: readonly Group[],
): Promise<HandOut[]> {
  const firsts: HandOut[] = [];
  for (const { first, times, at } of groups.toSorted((a, b) => (keyOf(a.first) < keyOf(b.first) ? -1 : 1))) {
    const { grantId, generation, consumer } = first;
    const [row] = await transaction.query(
      `insert into hand_outs (grant_id, generation, consumer, first_at, last_at, times)
       values ($1, $2, $3, $4, $5, $6)
       on conflict (grant_id, generation, consumer) do update set times = hand_outs.times + $6, last_at = $5
       returning times`,
      [grantId, generation, consumer, first.at, at, times],
    );
    if (row?.["times"] === times) firsts.push(first);
  }
  await addEvents(
    transaction,
    dialect,
    firsts.map(({ firstEvent }) => firstEvent),
  );
  return firsts;
}

/** Adds what was counted in memory, in one commit that needs no sync. */
export async function countHandOuts(database: Database, counts: readonly HandOutCount[]): Promise<void> {
  if (counts.length === 0) return;
  await database.write((transaction) => countIn(transaction, database.dialect, counts), "relaxed");
}

/**
 * The keys of those whose first hand-out is on record, and which therefore were counted. Everything is written in
 * the order of the keys: two replicas that write the same rows do not wait for each other in a circle.
 */
async function countIn(
  { query }: Transaction,
  dialect: Database["dialect"],
  given: readonly HandOutCount[],
): Promise<string[]> {
  const counts = given.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  if (dialect === "postgres") {
    const rows = await query(COUNT_ALL, [JSON.stringify(counts)]);
    await query(USE_ALL, [JSON.stringify(counts)]);
    return rows.map((row) =>
      keyOf({
        grantId: String(row["grant_id"]),
        generation: Number(row["generation"]),
        consumer: String(row["consumer"]),
      }),
    );
  }
  const counted: string[] = [];
  for (const count of counts) {
    const { grantId, generation, consumer, times, at } = count;
    const rows = await query(COUNT_ONE, [times, at, grantId, generation, consumer]);
    if (rows.length > 0) counted.push(keyOf(count));
    await query(USE_ONE, [at, grantId]);
  }
  return counted;
}

const COUNT_ONE = `update hand_outs set times = times + $1, last_at = $2
  where grant_id = $3 and generation = $4 and consumer = $5 returning times`;
const USE_ONE = "update grants set last_used_at = $1 where id = $2";

const COUNT_ALL = `update hand_outs as h set times = h.times + c.times, last_at = c.at
  from json_to_recordset($1::json) as c("grantId" text, generation bigint, consumer text, times bigint, at bigint)
 where h.grant_id = c."grantId" and h.generation = c.generation and h.consumer = c.consumer
 returning h.grant_id, h.generation, h.consumer`;
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
