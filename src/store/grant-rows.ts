import type { Grant } from "../core/grant.ts";
import type { Claim } from "../keeper/ports.ts";
import { assignments, GRANT_COLUMNS, rowReader, toColumns } from "./columns.ts";
import type { Database, Row, Transaction, Value } from "./database.ts";
import { CHANGED_COLUMNS, CLAIMED_COLUMNS, type RowChange } from "./grant-row-change.ts";
import { claimSet, updateSets } from "./grant-row-sets.ts";

const asGrant = rowReader<Grant>(GRANT_COLUMNS);

/** The rows that were written, by id. */
export type WrittenRows = ReadonlyMap<string, Grant>;

/** Takes leases; where a row is not as expected, or somebody holds it, it is left alone. */
export async function claimRows(
  transaction: Transaction,
  database: Database,
  claims: readonly Claim[],
): Promise<WrittenRows> {
  if (claims.length === 0) return new Map();
  const clock = database.leaseClock();
  const rows =
    typeof clock === "number"
      ? await oneByOne(claims, (claim) => claimOne(transaction, claim, clock))
      : await claimSet(transaction, clock.sql, claims);
  const seen = new Map(claims.map((claim) => [claim.id, claim]));
  return byId(rows, (row) => claimedGrant(row, seen.get(String(row["id"]))));
}

/** Changes rows; of each only where generation, and fence where one is given, are as expected. */
export async function updateRows(
  transaction: Transaction,
  database: Database,
  changes: readonly RowChange[],
): Promise<WrittenRows> {
  if (changes.length === 0) return new Map();
  const rows =
    database.dialect === "postgres"
      ? await updateSets(transaction, changes)
      : await oneByOne(changes, (change) => updateOne(transaction, change));
  const seen = new Map(changes.map((change) => [change.write.id, change]));
  return byId(rows, (row) => changedGrant(row, seen.get(String(row["id"]))));
}

/** In an embedded database a statement costs no round trip, and a prepared one is the fastest there is. */
async function oneByOne<T>(items: readonly T[], run: (item: T) => Promise<Row[]>): Promise<Row[]> {
  const rows: Row[] = [];
  for (const item of items) rows.push(...(await run(item)));
  return rows;
}

function byId(rows: readonly Row[], read: (row: Row) => Grant): WrittenRows {
  return new Map(rows.map((row) => [String(row["id"]), read(row)]));
}

function claimedGrant(row: Row, claim: Claim | undefined): Grant {
  if (claim?.seen === undefined) return asGrant(row);
  return {
    ...claim.seen,
    state: row["state"] as Grant["state"],
    leaseOwner: claim.owner,
    leaseFence: claim.fence + 1,
    leaseExpiresAt: row["lease_expires_at"] as number | null,
    nextAttemptAt: claim.dueAgainAt ?? claim.seen.nextAttemptAt,
    presentations: claim.seen.presentations + 1,
    refreshStatus: "in_flight",
    lastAttemptAt: claim.now,
  };
}

function changedGrant(row: Row, change: RowChange | undefined): Grant {
  if (change?.seen === undefined) return asGrant(row);
  const { state, suspension, account, lastUsedAt } = asGrant(row);
  return { ...change.seen, ...change.write.change, state, suspension, account, lastUsedAt };
}

function claimOne({ query }: Transaction, claim: Claim, leaseNow: number): Promise<Row[]> {
  const { id, owner, now, lease, generation, fence, takeOverFrom, dueAgainAt, seen } = claim;
  const due = dueAgainAt === null ? [] : [dueAgainAt];
  return query(
    `update grants
        set lease_owner = $1, lease_fence = lease_fence + 1, lease_expires_at = $2,${dueAgainAt === null ? "" : " next_attempt_at = $9,"}
            presentations = presentations + 1, refresh_status = 'in_flight', last_attempt_at = $3
      where id = $4 and generation = $5 and lease_fence = $6 and state in ('active', 'reauthorization_required')
        and refresh_token is not null
        and (lease_owner is null or lease_expires_at <= $8 or lease_owner = $7)
  returning ${seen === undefined ? "*" : CLAIMED_COLUMNS.join(", ")}`,
    [owner, leaseNow + lease, now, id, generation, fence, takeOverFrom, leaseNow, ...due],
  );
}

function updateOne({ query }: Transaction, { write, seen }: RowChange): Promise<Row[]> {
  const { id, expect, change, fenceOut = false } = write;
  const pairs = toColumns(GRANT_COLUMNS, change as Partial<Grant>);
  const values = [...pairs.map(([, value]) => value), id, expect.generation];
  const n = pairs.length;
  const isLeased = expect.leaseFence !== undefined;
  const fenced = isLeased ? ` and lease_fence = $${n + 3}` : "";
  if (expect.leaseFence !== undefined) values.push(expect.leaseFence);
  const fence = fenceOut ? `, ${FENCED_OUT}` : "";
  return query(
    `update grants set ${isLeased ? keepingHeld(pairs) : assignments(pairs)}${fence}
      where id = $${n + 1} and generation = $${n + 2}${fenced}
  returning ${seen === undefined ? "*" : CHANGED_COLUMNS.join(", ")}`,
    values,
  );
}

/** Ends whatever lease there is: its fence is no longer the row's. */
const FENCED_OUT = "lease_fence = lease_fence + 1, lease_owner = null, lease_expires_at = null";

/** A grant that was suspended while its refresh was under way stays suspended, whatever came of that. */
function keepingHeld(pairs: readonly [string, Value][]): string {
  return pairs
    .map(([column], i) =>
      column === "state"
        ? `state = case when state = 'suspended' then state else $${i + 1} end`
        : `${column} = $${i + 1}`,
    )
    .join(", ");
}
