import type { Grant, GrantStanding } from "../core/grant.ts";
import { quote } from "../core/names.ts";
import { missingScopes } from "../core/scopes.ts";
import type { Claim, Failpoint, GrantStore, GrantWrite, HandOut } from "../keeper/ports.ts";
import { assignments, rowReader, GRANT_COLUMNS, toColumns } from "./columns.ts";
import type { Database, Transaction, Value } from "./database.ts";
import { addEvent } from "./event-store.ts";
import { insert, readOne, refusingDuplicates } from "./statements.ts";

const asGrant = rowReader<Grant>(GRANT_COLUMNS);

/** Grants in the database, their leases, and who was handed their tokens. */
export function createGrantStore(database: Database, failpoint: Failpoint): GrantStore {
  return {
    grant: (name) => readOne(database, "select * from grants where name = $1", [name], asGrant),
    grantById: (id) => readOne(database, "select * from grants where id = $1", [id], asGrant),
    grants: async () => {
      const rows = await database.read(({ query }) => query("select * from grants order by name"));
      return rows.map(asGrant);
    },
    standings: () => readStandings(database),
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

    claim: (wanted) => claim(database, wanted),
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
    recordHandOut: (handOut) => recordHandOut(database, handOut),
  };
}

async function updateGrant(transaction: Transaction, write: GrantWrite): Promise<Grant | null> {
  const { id, expect, change, fenceOut = false } = write;
  const pairs = toColumns(GRANT_COLUMNS, change as Partial<Grant>);
  const values = [...pairs.map(([, value]) => value), id, expect.generation];
  const n = pairs.length;
  const isLeased = expect.leaseFence !== undefined;
  const fenced = isLeased ? ` and lease_fence = $${n + 3}` : "";
  if (expect.leaseFence !== undefined) values.push(expect.leaseFence);
  const fence = fenceOut
    ? ", lease_fence = lease_fence + 1, lease_owner = null, lease_expires_at = null"
    : "";
  const rows = await transaction.query(
    `update grants set ${isLeased ? keepingHeld(pairs) : assignments(pairs)}${fence} where id = $${n + 1} and generation = $${n + 2}${fenced} returning *`,
    values,
  );
  return rows[0] === undefined ? null : asGrant(rows[0]);
}

/** A grant that was suspended while its refresh was under way stays suspended, whatever came of that. */
function keepingHeld(pairs: readonly [string, Value][]): string {
  return assignments(pairs).replace(
    /(^|, )state = (\$\d+)/,
    "$1state = case when state = 'suspended' then state else $2 end",
  );
}

async function claim(
  database: Database,
  { id, owner, now, lease, generation, takeOverFrom }: Claim,
): Promise<Grant | null> {
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
}

async function recordHandOut(
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

/** The functions by which a database makes one JSON text of many rows. */
const AS_ONE_VALUE = {
  sqlite: (columns: string) => `json_group_array(json_array(${columns}))`,
  postgres: (columns: string) => `json_agg(json_build_array(${columns}))::text`,
};

/** What a row of the list has, in this order. Documents come as texts within. */
type StandingRow = readonly [
  name: string,
  state: GrantStanding["state"],
  cause: string | null,
  generation: number,
  accessExpiresAt: number | null,
  refreshExpiresAt: number | null,
  refreshStatus: GrantStanding["refreshStatus"],
  lastError: string | null,
  hasRefreshToken: number | boolean,
  otherScopes: string | null,
  requestedScopes: string | null,
];

const STANDING_NAMES = `name, state, cause, generation, access_expires_at, refresh_expires_at,
  refresh_status, last_error, has_refresh_token, other_scopes, requested`;

/** The scopes come along only where they are not, letter by letter, what was asked for. */
const STANDING_COLUMNS = `name, state, cause, generation, access_expires_at, refresh_expires_at,
  refresh_status, last_error, refresh_token is not null as has_refresh_token,
  nullif(scopes, requested_scopes) as other_scopes, nullif(requested_scopes, scopes) as requested`;

/** All rows as one value: thousands of them then cross from the database into objects in one step. */
async function readStandings(database: Database): Promise<GrantStanding[]> {
  const list = AS_ONE_VALUE[database.dialect](STANDING_NAMES);
  const text = `select ${list} as list from (select ${STANDING_COLUMNS} from grants order by name) as ordered`;
  const rows = await database.read(({ query }) => query(text));
  const standings = JSON.parse(String(rows[0]?.["list"] ?? "[]")) as readonly StandingRow[];
  return standings.map((row) => ({
    name: row[0],
    state: row[1],
    cause: row[2] === null ? null : (JSON.parse(row[2]) as Grant["cause"]),
    generation: row[3],
    accessExpiresAt: row[4],
    refreshExpiresAt: row[5],
    refreshStatus: row[6],
    lastError: row[7] === null ? null : (JSON.parse(row[7]) as Grant["lastError"]),
    hasRefreshToken: Boolean(row[8]),
    hasAllScopes: hasAll(row[9], row[10]),
  }));
}

/** More may have been granted than was asked for, and in another order. */
function hasAll(other: string | null, requested: string | null): boolean {
  if (other === null || requested === null) return true;
  return missingScopes(JSON.parse(requested) as string[], JSON.parse(other) as string[]).length === 0;
}
