import type { Grant } from "../core/grant.ts";
import type { Claim } from "../keeper/ports.ts";
import { type Form, GRANT_COLUMNS, toColumns } from "./columns.ts";
import type { Row, Transaction } from "./database.ts";
import { CHANGED_COLUMNS, CLAIMED_COLUMNS, type RowChange } from "./grant-row-change.ts";

/**
 * The same as row by row, for a database that is a round trip away: many rows with one statement, their
 * values sent as one JSON text. Rows are locked in the order of their ids, so that two replicas that want the
 * same ones do not wait for each other in a circle.
 */

/** Takes leases. A row that another replica is just writing is passed over: it is not free. */
export async function claimSet(
  { query }: Transaction,
  now: string,
  claims: readonly Claim[],
): Promise<Row[]> {
  const wanted = claims.map((claim) => ({
    id: claim.id,
    owner: claim.owner,
    at: claim.now,
    lease: claim.lease,
    generation: claim.generation,
    fence: claim.fence,
    relieved: claim.takeOverFrom,
    due: claim.dueAgainAt,
  }));
  return query(
    `with wanted as (
       select * from json_to_recordset($1::json) as w(id text, owner text, at bigint, lease bigint,
         generation bigint, fence bigint, relieved text, due bigint)),
     free as (
       select grants.id from grants join wanted on wanted.id = grants.id
        where grants.generation = wanted.generation and grants.lease_fence = wanted.fence
          and grants.state in ('active', 'reauthorization_required') and grants.refresh_token is not null
          and (grants.lease_owner is null or grants.lease_expires_at <= ${now}
               or grants.lease_owner = wanted.relieved)
        order by grants.id for update of grants skip locked)
     update grants
        set lease_owner = wanted.owner, lease_fence = lease_fence + 1, lease_expires_at = ${now} + wanted.lease,
            next_attempt_at = coalesce(wanted.due, next_attempt_at), presentations = presentations + 1, refresh_status = 'in_flight',
            last_attempt_at = wanted.at
       from wanted, free
      where wanted.id = free.id and grants.id = free.id
  returning ${columnsOf(
    CLAIMED_COLUMNS,
    claims.every(({ seen }) => seen !== undefined),
  )}`,
    [JSON.stringify(wanted)],
  );
}

function columnsOf(few: readonly string[], areSeen: boolean): string {
  return areSeen ? few.map((column) => `grants.${column}`).join(", ") : "grants.*";
}

/** Changes rows: one statement for each set of columns that is changed together. */
export async function updateSets(transaction: Transaction, changes: readonly RowChange[]): Promise<Row[]> {
  const { query } = transaction;
  const shapes = new Map<string, RowChange[]>();
  for (const change of changes) {
    const shape = shapeOf(change);
    const alike = shapes.get(shape);
    if (alike === undefined) shapes.set(shape, [change]);
    else alike.push(change);
  }
  if (shapes.size > 1) await lockInOrder(transaction, changes);
  const rows: Row[] = [];
  for (const alike of shapes.values()) rows.push(...(await query(...updateStatement(alike))));
  return rows;
}

/** Each statement locks its own rows in order; of several, the second one's may come before the first one's. */
async function lockInOrder({ query }: Transaction, changes: readonly RowChange[]): Promise<void> {
  const ids = changes.map(({ write }) => write.id);
  await query(
    `select 1 from grants where id in (select json_array_elements_text($1::json)) order by id for update`,
    [JSON.stringify(ids)],
  );
}

function shapeOf({ write, seen }: RowChange): string {
  const { change, expect, fenceOut = false } = write;
  return [Object.keys(change).join(), expect.leaseFence !== undefined, fenceOut, seen !== undefined].join();
}

const TYPES: Readonly<Record<Form, string>> = { text: "text", number: "bigint", json: "text", list: "text" };
const FORMS = new Map<string, Form>(Object.values(GRANT_COLUMNS).map(([column, form]) => [column, form]));

function updateStatement(alike: readonly RowChange[]): [string, string[]] {
  const [one] = alike;
  if (one === undefined) throw new Error("a shape without writes");
  const { write: first, seen } = one;
  const columns = toColumns(GRANT_COLUMNS, first.change as Partial<Grant>).map(([column]) => column);
  const isLeased = first.expect.leaseFence !== undefined;
  const records = alike.map(({ write: { id, expect, change } }) => [
    ["w_id", id],
    ["w_generation", expect.generation],
    ["w_fence", expect.leaseFence ?? null],
    ...toColumns(GRANT_COLUMNS, change as Partial<Grant>),
  ]);
  const types = columns.map((column) => `${column} ${TYPES[FORMS.get(column) ?? "text"]}`);
  const fence = isLeased ? " and grants.lease_fence = w.w_fence" : "";
  const sets = columns.map((column) => `${column} = ${newValue(column, isLeased)}`);
  if (first.fenceOut === true)
    sets.push("lease_fence = grants.lease_fence + 1", "lease_owner = null", "lease_expires_at = null");
  const text = `with w as (
      select * from json_to_recordset($1::json)
        as r(${["w_id text", "w_generation bigint", "w_fence bigint", ...types].join(", ")})),
    held as (
      select grants.id from grants join w on w.w_id = grants.id
       where grants.generation = w.w_generation${fence} order by grants.id for update of grants)
    update grants set ${sets.join(", ")} from w, held
     where w.w_id = held.id and grants.id = held.id and grants.generation = w.w_generation${fence}
 returning ${columnsOf(CHANGED_COLUMNS, seen !== undefined)}`;
  return [text, [JSON.stringify(records.map((record) => Object.fromEntries(record)))]];
}

/** A grant that was suspended while its refresh was under way stays suspended, whatever came of that. */
function newValue(column: string, isLeased: boolean): string {
  if (column !== "state" || !isLeased) return `w.${column}`;
  return "case when grants.state = 'suspended' then grants.state else w.state end";
}
