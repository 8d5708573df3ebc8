import type { Event } from "../core/events.ts";
import type { EventPageQuery } from "../keeper/ports.ts";
import type { Database, Row } from "./database.ts";

/** Events after a number, oldest or newest first. One text serves every choice, so that it is prepared once. */
export async function readEventPage(
  database: Database,
  { after, upTo, types, grants, limit, newestFirst = false }: EventPageQuery,
  asEvent: (row: Row) => Event,
): Promise<Event[]> {
  const list = (words: readonly string[] | null): string | null =>
    words === null ? null : JSON.stringify(words);
  const rows = await database.read(({ query }) =>
    query(PAGE[database.dialect][newestFirst ? "desc" : "asc"], [
      after,
      upTo,
      list(types),
      list(grants),
      limit,
    ]),
  );
  return rows.map(asEvent);
}

/** How a list of words stands in a statement: whether it is there, and what is in it. */
type Listed = (place: string) => string;

const pageBy = (order: "asc" | "desc", list: Listed, words: Listed): string =>
  `select * from events
    where seq > $1 and seq <= $2
      and (${list("$3")} is null or type in (${words("$3")}))
      and (${list("$4")} is null or grant_name in (${words("$4")}))
    order by seq ${order} limit $5`;

const page = (list: Listed, words: Listed) => ({
  asc: pageBy("asc", list, words),
  desc: pageBy("desc", list, words),
});

const PAGE = {
  sqlite: page(
    (place) => place,
    (place) => `select value from json_each(${place})`,
  ),
  postgres: page(
    (place) => `${place}::text`,
    (place) => `select json_array_elements_text(${place}::json)`,
  ),
};

/** Numbers that are looked at for gaps: what is older than so many others is settled. */
const LOOKED_AT = 1000;

/**
 * The number up to which no event can appear any more. PostgreSQL draws numbers before it commits, so one that
 * is missing may still come, behind greater ones that are there; SQLite gives them in the order of commits. A
 * number that is missing for a quarter of a minute, on the database's own clock, belonged to a transaction
 * that was undone.
 */
export async function readSettledEvent(database: Database): Promise<number> {
  if (database.dialect === "sqlite") {
    const rows = await database.read(({ query }) => query("select max(seq) as seq from events"));
    return Number(rows[0]?.["seq"] ?? 0);
  }
  const rows = await database.read(({ query }) => query(NEWEST, [LOOKED_AT]));
  const newest = rows
    .map((row) => ({ seq: Number(row["seq"]), isFresh: row["is_fresh"] === 1 }))
    .toReversed();
  for (const [i, { seq, isFresh }] of newest.entries()) {
    const before = newest[i - 1];
    if (before !== undefined && seq !== before.seq + 1 && isFresh) return before.seq;
  }
  return newest.at(-1)?.seq ?? 0;
}

const NEWEST = `select seq,
    case when recorded_at > extract(epoch from clock_timestamp()) * 1000 - 15000 then 1 else 0 end as is_fresh
  from events order by seq desc limit $1`;
