import type { AuthorizationRequest } from "../core/authorization-request.ts";
import { GrantkeeperError } from "../core/errors.ts";
import type { Event, EventData, EventDraft, EventType } from "../core/events.ts";
import type { Grant } from "../core/grant.ts";
import type { Integration } from "../core/integration.ts";
import { quote } from "../core/names.ts";
import type { Failpoint, GrantWrite, Store } from "../keeper/ports.ts";
import {
  assignments,
  fromRow,
  GRANT_COLUMNS,
  insertStatement,
  INTEGRATION_COLUMNS,
  REQUEST_COLUMNS,
  toColumns,
} from "./columns.ts";
import { type Database, type Row, type Transaction, UniqueViolation, type Value } from "./database.ts";

/** The store over either database: one text for each statement. */
export function createSqlStore(database: Database, failpoint: Failpoint): Store {
  const readOne = async <T>(text: string, values: Value[], read: (row: Row) => T): Promise<T | null> => {
    const rows = await database.read(({ query }) => query(text, values));
    return rows[0] === undefined ? null : read(rows[0]);
  };

  return {
    integration: (name) => readOne("select * from integrations where name = $1", [name], asIntegration),
    integrationById: (id) => readOne("select * from integrations where id = $1", [id], asIntegration),
    integrations: async () => {
      const rows = await database.read(({ query }) => query("select * from integrations order by name"));
      return rows.map(asIntegration);
    },
    addIntegration: (integration, event) =>
      refusingDuplicates(`An integration named ${quote(integration.name)}`, () =>
        database.write(async (transaction) => {
          await insert(transaction, "integrations", toColumns(INTEGRATION_COLUMNS, integration));
          await addEvent(transaction, event);
        }),
      ),
    changeIntegration: (integration, events) =>
      database.write(async (transaction) => {
        const pairs = toColumns(INTEGRATION_COLUMNS, {
          ...integration,
          generation: integration.generation + 1,
        });
        const n = pairs.length;
        const rows = await transaction.query(
          `update integrations set ${assignments(pairs)} where id = $${n + 1} and generation = $${n + 2} returning *`,
          [...pairs.map(([, value]) => value), integration.id, integration.generation],
        );
        if (rows[0] === undefined) return null;
        for (const event of events) await addEvent(transaction, event);
        return asIntegration(rows[0]);
      }),
    setIncident: (id, incident, events) =>
      database.write(async (transaction) => {
        const value = incident && JSON.stringify(incident);
        await transaction.query("update integrations set incident = $1 where id = $2", [value, id]);
        for (const event of events) await addEvent(transaction, event);
      }),
    removeIntegration: (id, event) =>
      database.write(async (transaction) => {
        const using = await transaction.query(
          "select name from grants where integration_id = $1 order by name",
          [id],
        );
        if (using.length > 0) throw stillUsed(using.map((row) => String(row["name"])));
        await transaction.query("delete from integrations where id = $1", [id]);
        await addEvent(transaction, event);
      }),

    grant: (name) => readOne("select * from grants where name = $1", [name], asGrant),
    grantById: (id) => readOne("select * from grants where id = $1", [id], asGrant),
    grants: async () => {
      const rows = await database.read(({ query }) => query("select * from grants order by name"));
      return rows.map(asGrant);
    },
    addGrant: (grant, events) =>
      refusingDuplicates(`A grant named ${quote(grant.name)}`, () =>
        database.write(async (transaction) => {
          await insert(transaction, "grants", toColumns(GRANT_COLUMNS, grant));
          for (const event of events) await addEvent(transaction, event);
        }),
      ),
    changeGrant: (write) =>
      database.write(async (transaction) => {
        const changed = await updateGrant(transaction, write);
        if (changed === null) return null;
        for (const event of write.events) await addEvent(transaction, event);
        failpoint("in_save");
        return changed;
      }),
    removeGrant: (id, event) =>
      database.write(async (transaction) => {
        await transaction.query(
          "delete from authorization_requests where grant_name = (select name from grants where id = $1)",
          [id],
        );
        await transaction.query("delete from grants where id = $1", [id]);
        await addEvent(transaction, event);
      }),

    claim: async ({ id, owner, now, lease, generation, takeOverFrom }) => {
      const rows = await database.write(({ query }) =>
        query(
          `update grants
              set lease_owner = $1, lease_fence = lease_fence + 1, lease_expires_at = $2,
                  presentations = presentations + 1, refresh_status = 'in_flight', last_attempt_at = $3
            where id = $4 and generation = $5 and state in ('active', 'reauthorization_required')
              and refresh_token is not null
              and (lease_expires_at is null or lease_expires_at <= $3 or lease_owner = $6)
        returning *`,
          [owner, now + lease, now, id, generation, takeOverFrom],
        ),
      );
      return rows[0] === undefined ? null : asGrant(rows[0]);
    },
    park: (parked, event) =>
      database.write(async (transaction) => {
        await insert(transaction, "parked_token_sets", [
          ["id", parked.id],
          ["grant_id", parked.grantId],
          ["tokens", parked.tokens],
          ["reason", parked.reason],
          ["at", parked.at],
        ]);
        await addEvent(transaction, event);
      }),
    recordHandOut: async ({ grantId, generation, consumer, at, firstEvent }) => {
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
    },

    addAuthorizationRequest: (request, pending, event) =>
      refusingDuplicates(`A grant named ${quote(request.grant)}`, () =>
        database.write(async (transaction) => {
          if (pending !== null) await insert(transaction, "grants", toColumns(GRANT_COLUMNS, pending));
          // Requests nobody came back for hold nothing of value; they go when the next one is made.
          await transaction.query("delete from authorization_requests where expires_at < $1", [
            request.createdAt - KEEP_EXPIRED_REQUESTS,
          ]);
          await insert(transaction, "authorization_requests", toColumns(REQUEST_COLUMNS, request));
          await addEvent(transaction, event);
        }),
      ),
    authorizationRequest: (stateHash) =>
      readOne("select * from authorization_requests where state_hash = $1", [stateHash], asRequest),
    useAuthorizationRequest: (stateHash, now) =>
      database.write(async ({ query }) => {
        const rows = await query("select * from authorization_requests where state_hash = $1", [stateHash]);
        if (rows[0] === undefined) return null;
        await query(
          "update authorization_requests set used_at = coalesce(used_at, $1) where state_hash = $2",
          [now, stateHash],
        );
        return asRequest(rows[0]);
      }),
    openAuthorizationRequests: async (grant, now) => {
      const rows = await database.read(({ query }) =>
        query(
          `select * from authorization_requests
            where grant_name = $1 and used_at is null and expires_at > $2 order by created_at desc`,
          [grant, now],
        ),
      );
      return rows.map(asRequest);
    },

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
    close: () => database.close(),
  };
}

/** A used or expired request is kept a day, so that a late callback is told what happened to it. */
const KEEP_EXPIRED_REQUESTS = 24 * 60 * 60 * 1000;

async function updateGrant(transaction: Transaction, write: GrantWrite): Promise<Grant | null> {
  const { id, expect, change, fenceOut = false } = write;
  const pairs = toColumns(GRANT_COLUMNS, change as Partial<Grant>);
  const values = [...pairs.map(([, value]) => value), id, expect.generation];
  const n = pairs.length;
  const fenced = expect.leaseFence === undefined ? "" : ` and lease_fence = $${n + 3}`;
  if (expect.leaseFence !== undefined) values.push(expect.leaseFence);
  const fence = fenceOut
    ? ", lease_fence = lease_fence + 1, lease_owner = null, lease_expires_at = null"
    : "";
  const rows = await transaction.query(
    `update grants set ${assignments(pairs)}${fence} where id = $${n + 1} and generation = $${n + 2}${fenced} returning *`,
    values,
  );
  return rows[0] === undefined ? null : asGrant(rows[0]);
}

async function insert(
  transaction: Transaction,
  table: string,
  pairs: readonly [string, Value][],
): Promise<void> {
  const [text, values] = insertStatement(table, pairs);
  await transaction.query(text, values);
}

async function addEvent(transaction: Transaction, event: EventDraft): Promise<void> {
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

function asGrant(row: Row): Grant {
  return fromRow<Grant>(GRANT_COLUMNS, row);
}

function asIntegration(row: Row): Integration {
  return fromRow<Integration>(INTEGRATION_COLUMNS, row);
}

function asRequest(row: Row): AuthorizationRequest {
  return fromRow<AuthorizationRequest>(REQUEST_COLUMNS, row);
}

async function refusingDuplicates<T>(what: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    if (!(cause instanceof UniqueViolation)) throw cause;
    throw new GrantkeeperError("conflict", `${what} already exists.`, {
      remedy: "Choose another name, or remove the old one first.",
      cause,
    });
  }
}

function stillUsed(grants: readonly string[]): GrantkeeperError {
  const some = grants.slice(0, 3).join(", ") + (grants.length > 3 ? ", …" : "");
  const count = grants.length === 1 ? "1 grant still needs it" : `${grants.length} grants still need it`;
  return new GrantkeeperError("conflict", `The integration is in use: ${count} (${some}).`, {
    remedy: "Remove those grants first: grantkeeper remove NAME.",
  });
}
