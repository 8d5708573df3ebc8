import type { Grant, GrantStanding } from "../core/grant.ts";
import { missingScopes } from "../core/scopes.ts";
import type { Database } from "./database.ts";

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
  suspension: string | null,
  isRevocationQueued: number | boolean,
];

const STANDING_NAMES = `name, state, cause, generation, access_expires_at, refresh_expires_at,
  refresh_status, last_error, has_refresh_token, other_scopes, requested, suspension,
  is_revocation_queued`;

/** The scopes come along only where they are not, letter by letter, what was asked for. */
const STANDING_COLUMNS = `name, state, cause, generation, access_expires_at, refresh_expires_at,
  refresh_status, last_error, refresh_token is not null as has_refresh_token,
  nullif(scopes, requested_scopes) as other_scopes, nullif(requested_scopes, scopes) as requested,
  suspension, revocation is not null as is_revocation_queued`;

/** All rows as one value: thousands of them then cross from the database into objects in one step. */
export async function readStandings(database: Database): Promise<GrantStanding[]> {
  const list = AS_ONE_VALUE[database.dialect](STANDING_NAMES);
  const text = `select ${list} as list from (select ${STANDING_COLUMNS} from grants order by name) as ordered`;
  const rows = await database.read(({ query }) => query(text));
  const standings = JSON.parse(String(rows[0]?.["list"] ?? "[]")) as readonly StandingRow[];
  return standings.map((row) => ({
    name: row[0],
    state: row[1],
    cause: row[2] === null ? null : (JSON.parse(row[2]) as Grant["cause"]),
    suspension: row[11] === null ? null : (JSON.parse(row[11]) as Grant["suspension"]),
    generation: row[3],
    accessExpiresAt: row[4],
    refreshExpiresAt: row[5],
    refreshStatus: row[6],
    lastError: row[7] === null ? null : (JSON.parse(row[7]) as Grant["lastError"]),
    hasRefreshToken: Boolean(row[8]),
    hasAllScopes: hasAll(row[9], row[10]),
    isRevocationQueued: Boolean(row[12]),
  }));
}

/** More may have been granted than was asked for, and in another order. */
function hasAll(other: string | null, requested: string | null): boolean {
  if (other === null || requested === null) return true;
  return missingScopes(JSON.parse(requested) as string[], JSON.parse(other) as string[]).length === 0;
}
