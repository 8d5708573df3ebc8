import type { Grant } from "../core/grant.ts";
import type { Claim } from "../keeper/ports.ts";
import { GRANT_COLUMNS, rowReader } from "./columns.ts";
import type { Database, Row, Transaction } from "./database.ts";
import {
  CHANGED_COLUMNS,
  CLAIMED_COLUMNS,
  type ChangeShape,
  type RowChange,
  shapeOf,
  valuesOf,
} from "./grant-row-change.ts";
import { claimSet, updateSets } from "./grant-row-sets.ts";

const asGrant = rowReader<Grant>(GRANT_COLUMNS);
/** As `CHANGED_COLUMNS` has them. */
const changedOf = rowReader<Pick<Grant, "state" | "suspension" | "account" | "lastUsedAt">>({
  state: GRANT_COLUMNS.state,
  suspension: GRANT_COLUMNS.suspension,
  account: GRANT_COLUMNS.account,
  lastUsedAt: GRANT_COLUMNS.lastUsedAt,
});

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
  return { ...change.seen, ...change.write.change, ...changedOf(row) };
}

function claimOne({ query }: Transaction, claim: Claim, leaseNow: number): Promise<Row[]> {
  const { id, owner, now, lease, generation, fence, takeOverFrom, dueAgainAt, seen } = claim;
  const due = dueAgainAt === null ? [] : [dueAgainAt];
  const text = claimText(dueAgainAt !== null, seen !== undefined);
  return query(text, [owner, leaseNow + lease, now, id, generation, fence, takeOverFrom, leaseNow, ...due]);
}

const claimText = textBy(
  (setsDue: boolean, isSeen: boolean) => `${setsDue} ${isSeen}`,
  (setsDue, isSeen) => `update grants
        set lease_owner = $1, lease_fence = lease_fence + 1, lease_expires_at = $2,${setsDue ? " next_attempt_at = $9," : ""}
            presentations = presentations + 1, refresh_status = 'in_flight', last_attempt_at = $3
      where id = $4 and generation = $5 and lease_fence = $6 and state in ('active', 'reauthorization_required')
        and refresh_token is not null
        and (lease_owner is null or lease_expires_at <= $8 or lease_owner = $7)
  returning ${isSeen ? CLAIMED_COLUMNS.join(", ") : "*"}`,
);

function updateOne({ query }: Transaction, { write, seen }: RowChange): Promise<Row[]> {
  const { id, expect, change, fenceOut = false } = write;
  const { leaseFence } = expect;
  const shape = shapeOf(change);
  const text = updateText(shape, leaseFence !== undefined, fenceOut, seen !== undefined);
  const fence = leaseFence === undefined ? [] : [leaseFence];
  return query(text, [...valuesOf(change, shape), id, expect.generation, ...fence]);
}

/** Ends whatever lease there is: its fence is no longer the row's. */
const FENCED_OUT = "lease_fence = lease_fence + 1, lease_owner = null, lease_expires_at = null";

const updateText = textBy(
  ({ fields }: ChangeShape, isLeased: boolean, fenceOut: boolean, isSeen: boolean) =>
    `${isLeased} ${fenceOut} ${isSeen} ${fields}`,
  ({ columns }, isLeased, fenceOut, isSeen) => {
    const n = columns.length;
    const sets = columns.map((column, i) => `${column} = ${newValue(column, `$${i + 1}`, isLeased)}`);
    if (fenceOut) sets.push(FENCED_OUT);
    return `update grants set ${sets.join(", ")}
      where id = $${n + 1} and generation = $${n + 2}${isLeased ? ` and lease_fence = $${n + 3}` : ""}
  returning ${isSeen ? CHANGED_COLUMNS.join(", ") : "*"}`;
  },
);

/** A grant that was suspended while its refresh was under way stays suspended, whatever came of that. */
function newValue(column: string, value: string, isLeased: boolean): string {
  return column === "state" && isLeased
    ? `case when state = 'suspended' then state else ${value} end`
    : value;
}

/** Texts that are made once: of a new one each time, every character is read again to find its statement. */
function textBy<Words extends readonly unknown[]>(
  keyOf: (...words: Words) => string,
  make: (...words: Words) => string,
): (...words: Words) => string {
  const texts = new Map<string, string>();
  return (...words) => {
    const key = keyOf(...words);
    const known = texts.get(key);
    if (known !== undefined) return known;
    const text = make(...words);
    texts.set(key, text);
    return text;
  };
}
