import { GrantkeeperError } from "../core/errors.ts";
import type { EventDraft } from "../core/events.ts";
import type { HandOut, HandOutCount, HandOutRecord } from "../keeper/ports.ts";
import type { Database, Transaction } from "./database.ts";
import { addEvents } from "./event-store.ts";
import { createGroupCommit, type NextTurn } from "./group-commit.ts";

/**
 * Writes down who was given which generation: durably the first time, counted afterwards. Resolves with true for
 * the first; rejects with `not_found` where the grant was removed meanwhile. All that are ready at the same moment
 * share their commits: whoever waited for one refresh wants its token at the same moment as all others.
 */
export function createHandOutRecorder(
  database: Database,
  nextTurn?: NextTurn,
): (handOut: HandOut) => Promise<boolean> {
  const count = inGroups(database, countTogether, nextTurn);
  const addFirst = inGroups(database, addFirsts, nextTurn);
  return async (handOut) => {
    // Counting needs no sync to disk, and it would cost every reader one; the first hand-out has it.
    if ((await count(handOut)) === "counted") return false;
    const result = await addFirst(handOut);
    if (result === "no_grant") throw new GrantkeeperError("not_found", "The grant was removed meanwhile.");
    return result === "first";
  };
}

/** What became of a hand-out; `unknown`: it is the first of its generation and consumer, as far as can be seen. */
type Recorded = "counted" | "unknown" | "first" | "no_grant";

/** Hand-outs of one generation to one consumer that are written down together. */
interface Group extends HandOutCount {
  /** The one that is the first, if any of them is. */
  readonly handOut: HandOut;
}

/** Lets everything that is ready go through `work` in one transaction: a group for all hand-outs that are alike. */
function inGroups(
  database: Database,
  work: (database: Database, groups: readonly Group[]) => Promise<ReadonlyMap<string, Recorded>>,
  nextTurn: NextTurn | undefined,
): (handOut: HandOut) => Promise<Recorded> {
  let jobs = 0;
  const line = createGroupCommit<{ readonly handOut: HandOut; readonly job: number }, Recorded>({
    // Those that are alike go together, and need not wait for each other's commits.
    keyOf: ({ job }) => String(job),
    commit: async (batch) => {
      const groups = groupsOf(batch.map(({ handOut }) => handOut));
      const results = await work(database, [...groups.values()]);
      return batch.map(({ handOut }) => {
        const result = results.get(keyOf(handOut)) ?? "unknown";
        const isTheFirst = groups.get(keyOf(handOut))?.handOut === handOut;
        return result === "first" && !isTheFirst ? "counted" : result;
      });
    },
    ...(nextTurn && { nextTurn }),
  });
  return (handOut) => line({ handOut, job: jobs++ });
}

function groupsOf(handOuts: readonly HandOut[]): ReadonlyMap<string, Group> {
  const groups = new Map<string, Group>();
  for (const handOut of handOuts) {
    const key = keyOf(handOut);
    const group = groups.get(key);
    const { grantId, generation, consumer, at } = handOut;
    groups.set(
      key,
      group === undefined
        ? { grantId, generation, consumer, handOut, times: 1, at }
        : { ...group, times: group.times + 1, at: Math.max(group.at, at) },
    );
  }
  return groups;
}

function keyOf({ grantId, generation, consumer }: Omit<HandOutCount, "times" | "at">): string {
  return `${grantId} ${generation} ${consumer}`;
}

/** Two replicas that write the same rows in the same order do not wait for each other in a circle. */
function inOrder<T extends HandOutCount>(counts: readonly T[]): T[] {
  return counts.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

async function countTogether(
  database: Database,
  groups: readonly Group[],
): Promise<ReadonlyMap<string, Recorded>> {
  const counts = groups.map(({ grantId, generation, consumer, times, at }) => ({
    grantId,
    generation,
    consumer,
    times,
    at,
  }));
  const counted = await database.write(
    (transaction) => countIn(transaction, database.dialect, counts),
    "relaxed",
  );
  return new Map(counted.map((key) => [key, "counted"]));
}

function addFirsts(database: Database, groups: readonly Group[]): Promise<ReadonlyMap<string, Recorded>> {
  const { dialect } = database;
  return database.write(async (transaction) => {
    const results = new Map<string, Recorded>();
    const events: EventDraft[] = [];
    for (const group of inOrder(groups)) {
      const { grantId, generation, consumer, handOut, times, at } = group;
      const [row] = await transaction.query(firstStatement(dialect), [
        grantId,
        generation,
        consumer,
        handOut.at,
        at,
        times,
      ]);
      const isFirst = row?.["times"] === times;
      if (isFirst) events.push(handOut.firstEvent);
      results.set(keyOf(group), row === undefined ? "no_grant" : isFirst ? "first" : "counted");
    }
    await addEvents(transaction, dialect, events);
    return results;
  });
}

/** Of a grant that was removed meanwhile there is nothing to write down; one that is there stays until the commit. */
function firstStatement(dialect: Database["dialect"]): string {
  return `insert into hand_outs (grant_id, generation, consumer, first_at, last_at, times)
   select id, cast($2 as bigint), $3, cast($4 as bigint), cast($5 as bigint), cast($6 as bigint)
     from grants where id = $1${dialect === "postgres" ? " for key share" : ""}
   on conflict (grant_id, generation, consumer) do update set times = hand_outs.times + $6, last_at = $5
   returning times`;
}

/** Adds what was counted in memory, in one commit that needs no sync. */
export async function countHandOuts(database: Database, counts: readonly HandOutCount[]): Promise<void> {
  if (counts.length === 0) return;
  await database.write((transaction) => countIn(transaction, database.dialect, counts), "relaxed");
}

/** The keys of those whose first hand-out is on record, and which therefore were counted. */
async function countIn(
  { query }: Transaction,
  dialect: Database["dialect"],
  given: readonly HandOutCount[],
): Promise<string[]> {
  const counts = inOrder(given);
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
