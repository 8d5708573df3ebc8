import type { Event, EventData, EventDraft, EventType } from "../core/events.ts";
import type { EventStore } from "../keeper/ports.ts";
import type { Database, Row, Transaction } from "./database.ts";
import { readEventPage, readSettledEvent } from "./event-page.ts";

/** The audit in the database. */
export function createEventStore(database: Database): EventStore {
  return {
    record: (event) => database.write((transaction) => addEvent(transaction, event)),
    lastEvent: async () => {
      const rows = await database.read(({ query }) => query("select max(seq) as seq from events"));
      return Number(rows[0]?.["seq"] ?? 0);
    },
    eventPage: (query) => readEventPage(database, query, asEvent),
    settledEvent: () => readSettledEvent(database),
    changesAfter: async (seq, limit) => {
      const rows = await database.read(({ query }) =>
        query("select seq, type, grant_id from events where seq > $1 order by seq limit $2", [seq, limit]),
      );
      return rows.map((row) => ({
        seq: Number(row["seq"]),
        type: row["type"] as EventType,
        grantId: row["grant_id"] as string | null,
      }));
    },
    events: async ({ grantId, after = 0, limit }) => {
      const rows = await database.read(({ query }) =>
        grantId === undefined
          ? query("select * from events where seq > $1 order by seq limit $2", [after, limit])
          : query("select * from events where grant_id = $1 and seq > $2 order by seq limit $3", [
              grantId,
              after,
              limit,
            ]),
      );
      return rows.map(asEvent);
    },
  };
}

/** Writes an event within the transaction that makes it true. */
export async function addEvent(transaction: Transaction, event: EventDraft): Promise<void> {
  const { at, type, actor, grantId, grant, integration, generation, data } = event;
  await transaction.query(
    `insert into events (at, type, actor, grant_id, grant_name, integration, generation, data)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [at, type, actor, grantId, grant, integration, generation, JSON.stringify(data)],
  );
}

/** The same for many at once: one statement where each would be a round trip. */
export async function addEvents(
  transaction: Transaction,
  dialect: Database["dialect"],
  events: readonly EventDraft[],
): Promise<void> {
  if (dialect === "sqlite" || events.length < 2) {
    for (const event of events) await addEvent(transaction, event);
    return;
  }
  await transaction.query(
    `insert into events (at, type, actor, grant_id, grant_name, integration, generation, data)
     select at, type, actor, "grantId", "grant", integration, generation, data::text
       from json_to_recordset($1::json) as e(at bigint, type text, actor text, "grantId" text, "grant" text,
         integration text, generation bigint, data json)`,
    [JSON.stringify(events)],
  );
}

function asEvent(row: Row): Event {
  return {
    seq: Number(row["seq"]),
    at: Number(row["at"]),
    type: row["type"] as EventType,
    actor: String(row["actor"]),
    grantId: row["grant_id"] as string | null,
    grant: row["grant_name"] as string | null,
    integration: row["integration"] as string | null,
    generation: row["generation"] as number | null,
    data: JSON.parse(String(row["data"])) as EventData,
  };
}
