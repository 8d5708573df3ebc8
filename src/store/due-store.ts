import type { Grant } from "../core/grant.ts";
import type { DueQuery, GrantStore } from "../keeper/ports.ts";
import { GRANT_COLUMNS, rowReader } from "./columns.ts";
import type { Database, Transaction, Value } from "./database.ts";
import { addEvent } from "./event-store.ts";

const asGrant = rowReader<Grant>(GRANT_COLUMNS);

/** Of more due grants than this only the longest due are put in order of their deadlines. */
const MOST_ORDERED = 20_000;

/** The condition of the index `grants_due`, word by word: whoever leaves one out reads the whole table. */
const CAN_BE_DUE = "next_attempt_at is not null and state in ('active', 'reauthorization_required')";

/** Dead, and tried for the last time: that its week was over may have been the clock's mistake. */
const GIVEN_UP =
  "(next_attempt_at is null and state = 'reauthorization_required' and refresh_token is not null)";

type DueStore = Pick<
  GrantStore,
  "due" | "nextDueAt" | "revoking" | "leased" | "countSuspects" | "hurry" | "hurryFromTheFuture"
>;

/** What is to be done next, found by indexes that hold little else. */
export function createDueStore(database: Database): DueStore {
  const list = async (text: string, values: readonly Value[] = []): Promise<Grant[]> => {
    const rows = await database.read(({ query }) => query(text, values));
    return rows.map(asGrant);
  };
  return {
    due: (query) => list(...dueStatement(query, database)),
    nextDueAt: async (after = Number.MIN_SAFE_INTEGER) => {
      const rows = await database.read(({ query }) =>
        query(
          `select next_attempt_at as at from grants
            where ${CAN_BE_DUE} and lease_owner is null and next_attempt_at > $1
            order by next_attempt_at limit 1`,
          [after],
        ),
      );
      return (rows[0]?.["at"] as number | undefined) ?? null;
    },
    revoking: (now, limit) =>
      list(
        "select * from grants where revoke_at is not null and revoke_at <= $1 order by revoke_at limit $2",
        [now, limit],
      ),
    leased: () => list("select * from grants where lease_owner is not null"),
    countSuspects: async (integrations, from, to) => {
      const rows = await database.read(({ query }) =>
        query(
          `select count(*) as n from grants
            where suspect_since is not null and suspect_since between $1 and $2
              and integration_id in (${places(integrations, 3)})`,
          [from, to, ...integrations],
        ),
      );
      return Number(rows[0]?.["n"] ?? 0);
    },
    hurry: (integrations, now, sparesDoubtful) =>
      database.write((transaction) => hurry(transaction, integrations, now, sparesDoubtful)),
    hurryFromTheFuture: (now, event) =>
      database.write(async (transaction) => {
        const rows = await transaction.query(
          `update grants set next_attempt_at = $1
            where (access_issued_at > $2 or last_attempt_at > $2) and lease_owner is null
              and ((${CAN_BE_DUE} and next_attempt_at > $1) or ${GIVEN_UP}) returning id`,
          [now, now + CLOCK_TOLERANCE],
        );
        if (rows.length > 0) {
          await addEvent(transaction, { ...event, data: { ...event.data, grants: rows.length } });
        }
        return rows.length;
      }),
  };
}

/** As in the core's `isFromTheFuture`. */
const CLOCK_TOLERANCE = 60_000;

function dueStatement({ now, limit, except }: DueQuery, database: Database): [string, Value[]] {
  const values: Value[] = [now, limit];
  const clock = database.leaseClock();
  // A value and not a part of the text: each text is prepared once and kept.
  const leaseNow = typeof clock === "number" ? `$${values.push(clock)}` : clock.sql;
  const unwanted =
    except.length === 0 ? "" : ` and integration_id not in (${places(except, values.length + 1)})`;
  // What ends first goes first; a grant whose token has no known end, after those that have one.
  return [
    `select * from grants where id in (
       select id from grants where ${CAN_BE_DUE} and next_attempt_at <= $1 and refresh_token is not null
          and (lease_owner is null or lease_expires_at <= ${leaseNow})${unwanted}
        order by next_attempt_at limit ${MOST_ORDERED})
      order by coalesce(access_expires_at, ${Number.MAX_SAFE_INTEGER}), id limit $2`,
    [...values, ...except],
  ];
}

/** Makes grants of these integrations that fail for a reason of their provider's due now. */
export async function hurry(
  { query }: Transaction,
  integrations: readonly string[],
  now: number,
  sparesDoubtful: boolean,
): Promise<number> {
  if (integrations.length === 0) return 0;
  const spared = sparesDoubtful ? " and presentations = 0" : "";
  const rows = await query(
    `update grants set next_attempt_at = $1, quiet_until = null
      where attempts > 0 and integration_id in (${places(integrations, 2)}) and state = 'active'
        and suspect_since is null and lease_owner is null and next_attempt_at > $1${spared} returning id`,
    [now, ...integrations],
  );
  return rows.length;
}

/** `$3, $4, …` for a list of values. */
function places(values: readonly unknown[], from: number): string {
  return values.map((_, i) => `$${from + i}`).join(", ");
}
