import type { DataSource, Delivery, DeliveryStanding } from "../core/delivery.ts";
import { quote } from "../core/names.ts";
import type { DeliveryStore } from "../keeper/ports.ts";
import { assignments, DATA_SOURCE_COLUMNS, DELIVERY_COLUMNS, rowReader, toColumns } from "./columns.ts";
import type { Database, Row } from "./database.ts";
import { addEvent, addEvents } from "./event-store.ts";
import { insert, readOne, refusingDuplicates } from "./statements.ts";

const asDataSource = rowReader<DataSource>(DATA_SOURCE_COLUMNS);
const asDelivery = rowReader<Delivery>(DELIVERY_COLUMNS);

/** The token that a place should have, of a grant that still has one to give. */
const CURRENT = `case when g.state in ('active', 'reauthorization_required')
    then case d.token when 'access_token' then g.access_fingerprint else g.refresh_fingerprint end end`;

const WITH_GRANT = `select d.*, s.grant_name as grant_name, ${CURRENT} as current_fingerprint,
    case d.token when 'access_token' then g.access_expires_at end as current_ends_at
    from deliveries d
    join data_sources s on s.name = d.data_source
    left join grants g on g.name = s.grant_name`;

function asStanding(row: Row): DeliveryStanding {
  return {
    ...asDelivery(row),
    grant: String(row["grant_name"]),
    currentFingerprint: row["current_fingerprint"] as string | null,
  };
}

/** Data sources and their deliveries in the database. */
export function createDeliveryStore(database: Database): DeliveryStore {
  return {
    ...createDataSources(database),
    ...createAttempts(database),
    addDelivery: (delivery, event) =>
      refusingDuplicates(`A delivery named ${quote(delivery.name)}`, () =>
        database.write(async (transaction) => {
          await insert(transaction, "deliveries", toColumns(DELIVERY_COLUMNS, delivery));
          await addEvent(transaction, event);
        }),
      ),
    delivery: (name) => readOne(database, `${WITH_GRANT} where d.name = $1`, [name], asStanding),
    deliveries: async () => {
      const rows = await database.read(({ query }) => query(`${WITH_GRANT} order by d.name`));
      return rows.map(asStanding);
    },
    removeDelivery: (name, event) =>
      database.write(async (transaction) => {
        await transaction.query("delete from deliveries where name = $1", [name]);
        await addEvent(transaction, event);
      }),
  };
}

function createDataSources(
  database: Database,
): Pick<DeliveryStore, "addDataSource" | "dataSource" | "dataSources" | "removeDataSource"> {
  return {
    addDataSource: (source, event) =>
      refusingDuplicates(`A data source named ${quote(source.name)}`, () =>
        database.write(async (transaction) => {
          await insert(transaction, "data_sources", toColumns(DATA_SOURCE_COLUMNS, source));
          await addEvent(transaction, event);
        }),
      ),
    dataSource: (name) =>
      readOne(database, "select * from data_sources where name = $1", [name], asDataSource),
    dataSources: async () => {
      const rows = await database.read(({ query }) => query("select * from data_sources order by name"));
      return rows.map(asDataSource);
    },
    removeDataSource: (name, event) =>
      database.write(async (transaction) => {
        await transaction.query("delete from data_sources where name = $1", [name]);
        await addEvent(transaction, event);
      }),
  };
}

function createAttempts(
  database: Database,
): Pick<DeliveryStore, "dueDeliveries" | "claimDelivery" | "settleDelivery"> {
  return {
    dueDeliveries: async (now, limit) => {
      const rows = await database.read(({ query }) =>
        query(
          `select * from (${WITH_GRANT}) as standing
            where current_fingerprint is not null
              and current_fingerprint <> coalesce(delivered_fingerprint, '')
              and (next_attempt_at is null or next_attempt_at <= $1)
              and (current_ends_at is null or current_ends_at > $1)
            order by coalesce(next_attempt_at, 0), id limit $2`,
          [now, limit],
        ),
      );
      return rows.map(asStanding);
    },
    claimDelivery: async ({ id, fence }, until) => {
      const claimed = await database.write(({ query }) =>
        query(
          "update deliveries set fence = fence + 1, next_attempt_at = $1 where id = $2 and fence = $3 returning id",
          [until, id, fence],
        ),
      );
      return claimed.length > 0;
    },
    settleDelivery: (id, fence, change, events) =>
      database.write(async (transaction) => {
        const pairs = toColumns(DELIVERY_COLUMNS, change);
        const n = pairs.length;
        const settled = await transaction.query(
          `update deliveries set ${assignments(pairs)} where id = $${n + 1} and fence = $${n + 2} returning id`,
          [...pairs.map(([, value]) => value), id, fence],
        );
        if (settled.length === 0) return false;
        await addEvents(transaction, database.dialect, events);
        return true;
      }),
  };
}
