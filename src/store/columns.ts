import type { AuthorizationRequest } from "../core/authorization-request.ts";
import type { Grant } from "../core/grant.ts";
import type { Integration } from "../core/integration.ts";
import type { Row, Value } from "./database.ts";

/** How a field stands in its column: as it is, or as JSON text. */
type Form = "plain" | "json";

/** Field by field: the column and its form. The types make a forgotten field a compile error. */
type Columns<T> = { readonly [Field in keyof T]-?: readonly [column: string, form: Form] };

export const INTEGRATION_COLUMNS = {
  id: ["id", "plain"],
  name: ["name", "plain"],
  provider: ["provider", "plain"],
  clientId: ["client_id", "plain"],
  clientSecret: ["client_secret", "plain"],
  redirectUri: ["redirect_uri", "plain"],
  scopes: ["scopes", "json"],
  baseUrl: ["base_url", "plain"],
  incident: ["incident", "json"],
  generation: ["generation", "plain"],
  createdAt: ["created_at", "plain"],
  updatedAt: ["updated_at", "plain"],
} satisfies Columns<Integration>;

export const GRANT_COLUMNS = {
  id: ["id", "plain"],
  name: ["name", "plain"],
  integrationId: ["integration_id", "plain"],
  state: ["state", "plain"],
  cause: ["cause", "json"],
  account: ["account", "json"],
  requestedScopes: ["requested_scopes", "json"],
  scopes: ["scopes", "json"],
  generation: ["generation", "plain"],
  tokenType: ["token_type", "plain"],
  accessToken: ["access_token", "plain"],
  accessFingerprint: ["access_fingerprint", "plain"],
  accessIssuedAt: ["access_issued_at", "plain"],
  accessExpiresAt: ["access_expires_at", "plain"],
  refreshToken: ["refresh_token", "plain"],
  refreshFingerprint: ["refresh_fingerprint", "plain"],
  refreshExpiresAt: ["refresh_expires_at", "plain"],
  refreshStatus: ["refresh_status", "plain"],
  nextAttemptAt: ["next_attempt_at", "plain"],
  quietUntil: ["quiet_until", "plain"],
  attempts: ["attempts", "plain"],
  lastAttemptAt: ["last_attempt_at", "plain"],
  lastError: ["last_error", "json"],
  presentations: ["presentations", "plain"],
  rejections: ["rejections", "plain"],
  suspectSince: ["suspect_since", "plain"],
  leaseOwner: ["lease_owner", "plain"],
  leaseFence: ["lease_fence", "plain"],
  leaseExpiresAt: ["lease_expires_at", "plain"],
  createdAt: ["created_at", "plain"],
  updatedAt: ["updated_at", "plain"],
  lastRefreshedAt: ["last_refreshed_at", "plain"],
  lastUsedAt: ["last_used_at", "plain"],
} satisfies Columns<Grant>;

export const REQUEST_COLUMNS = {
  stateHash: ["state_hash", "plain"],
  grant: ["grant_name", "plain"],
  integrationId: ["integration_id", "plain"],
  codeVerifier: ["code_verifier", "plain"],
  redirectUri: ["redirect_uri", "plain"],
  scopes: ["scopes", "json"],
  createdAt: ["created_at", "plain"],
  expiresAt: ["expires_at", "plain"],
  usedAt: ["used_at", "plain"],
} satisfies Columns<AuthorizationRequest>;

/** Makes the function that turns a row into its record. What the schema guarantees is not checked again. */
export function rowReader<T extends object>(columns: Columns<T>): (row: Row) => T {
  const fields = Object.entries<readonly [string, Form]>(columns);
  return (row) => {
    const record: Record<string, unknown> = {};
    for (const [field, [column, form]] of fields) {
      const value = row[column] ?? null;
      record[field] = form === "json" && typeof value === "string" ? parseJson(value) : value;
    }
    return record as T;
  };
}

const PARSED_KEPT = 64;
const parsed = new Map<string, unknown>();

/** Thousands of rows have the same few lists of scopes; records are read-only, so they can share them. */
function parseJson(text: string): unknown {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const value: unknown = JSON.parse(text);
  if (parsed.size >= PARSED_KEPT) parsed.clear();
  parsed.set(text, value);
  return value;
}

/** Some of a record's fields as columns and values, in the order given. */
export function toColumns<T extends object>(columns: Columns<T>, fields: Partial<T>): [string, Value][] {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([field, value]) => {
      const [column, form] = columns[field as keyof T];
      const stored = form === "json" && value !== null ? JSON.stringify(value) : value;
      return [column, stored as Value];
    });
}

/** `insert into table (a, b) values ($1, $2)` with its values. */
export function insertStatement(table: string, pairs: readonly [string, Value][]): [string, Value[]] {
  const names = pairs.map(([column]) => column).join(", ");
  const places = pairs.map((_, i) => `$${i + 1}`).join(", ");
  return [`insert into ${table} (${names}) values (${places})`, pairs.map(([, value]) => value)];
}

/** `a = $1, b = $2`, for an update whose further values begin at `$<pairs + 1>`. */
export function assignments(pairs: readonly [string, Value][]): string {
  return pairs.map(([column], i) => `${column} = $${i + 1}`).join(", ");
}
