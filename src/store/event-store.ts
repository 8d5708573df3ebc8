import type { Event, EventData, EventDraft, EventType } from "../core/events.ts";
import type { EventStore } from "../keeper/ports.ts";
import type { Database, Row, Transaction } from "./database.ts";
import { insert } from "./statements.ts";

/** The audit in the database. */
export function createEventStore(database: Database): EventStore {
  return {
    record: (event) => database.write((transaction) => addEvent(transaction, event)),
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
  await insert(transaction, "events", [
    ["at", event.at],
    ["type", event.type],
    ["actor", event.actor],
    ["grant_id", event.grantId],
    ["grant_name", event.grant],
    ["integration", event.integration],
    ["generation", event.generation],
    ["data", JSON.stringify(event.data)],
  ]);
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
