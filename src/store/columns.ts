import type { ApiKey } from "../core/api-key.ts";
import type { AuthorizationRequest } from "../core/authorization-request.ts";
import type { DataSource, Delivery } from "../core/delivery.ts";
import type { Grant } from "../core/grant.ts";
import type { Integration } from "../core/integration.ts";
import type { Session, SignInLink } from "../core/session.ts";
import type { Row, Value } from "./database.ts";

/** How a field stands in its column: as a text or a whole number, or as JSON text: a document or a list. */
export type Form = "text" | "number" | "json" | "list";

/** Field by field: the column and its form. The types make a forgotten field a compile error. */
type Columns<T> = { readonly [Field in keyof T]-?: readonly [column: string, form: Form] };

export const INTEGRATION_COLUMNS = {
  id: ["id", "text"],
  name: ["name", "text"],
  provider: ["provider", "text"],
  clientId: ["client_id", "text"],
  clientSecret: ["client_secret", "text"],
  redirectUri: ["redirect_uri", "text"],
  scopes: ["scopes", "list"],
  baseUrl: ["base_url", "text"],
  baseUrlFrom: ["base_url_from", "text"],
  incident: ["incident", "json"],
  generation: ["generation", "number"],
  createdAt: ["created_at", "number"],
  updatedAt: ["updated_at", "number"],
} satisfies Columns<Integration>;

export const GRANT_COLUMNS = {
  id: ["id", "text"],
  name: ["name", "text"],
  integrationId: ["integration_id", "text"],
  state: ["state", "text"],
  cause: ["cause", "json"],
  suspension: ["suspension", "json"],
  account: ["account", "json"],
  requestedScopes: ["requested_scopes", "list"],
  scopes: ["scopes", "list"],
  generation: ["generation", "number"],
  tokenType: ["token_type", "text"],
  accessToken: ["access_token", "text"],
  accessFingerprint: ["access_fingerprint", "text"],
  accessIssuedAt: ["access_issued_at", "number"],
  accessExpiresAt: ["access_expires_at", "number"],
  refreshToken: ["refresh_token", "text"],
  refreshFingerprint: ["refresh_fingerprint", "text"],
  refreshExpiresAt: ["refresh_expires_at", "number"],
  tokenFence: ["token_fence", "number"],
  refreshStatus: ["refresh_status", "text"],
  nextAttemptAt: ["next_attempt_at", "number"],
  quietUntil: ["quiet_until", "number"],
  attempts: ["attempts", "number"],
  lastAttemptAt: ["last_attempt_at", "number"],
  lastError: ["last_error", "json"],
  presentations: ["presentations", "number"],
  rejections: ["rejections", "number"],
  suspectSince: ["suspect_since", "number"],
  revokedToken: ["revoked_token", "text"],
  revokeAt: ["revoke_at", "number"],
  revocation: ["revocation", "json"],
  leaseOwner: ["lease_owner", "text"],
  leaseFence: ["lease_fence", "number"],
  leaseExpiresAt: ["lease_expires_at", "number"],
  createdAt: ["created_at", "number"],
  updatedAt: ["updated_at", "number"],
  lastRefreshedAt: ["last_refreshed_at", "number"],
  lastUsedAt: ["last_used_at", "number"],
} satisfies Columns<Grant>;

export const REQUEST_COLUMNS = {
  stateHash: ["state_hash", "text"],
  grant: ["grant_name", "text"],
  integrationId: ["integration_id", "text"],
  codeVerifier: ["code_verifier", "text"],
  redirectUri: ["redirect_uri", "text"],
  scopes: ["scopes", "list"],
  returnTo: ["return_to", "text"],
  createdAt: ["created_at", "number"],
  expiresAt: ["expires_at", "number"],
  usedAt: ["used_at", "number"],
} satisfies Columns<AuthorizationRequest>;

export const API_KEY_COLUMNS = {
  id: ["id", "text"],
  name: ["name", "text"],
  digest: ["digest", "text"],
  scopes: ["scopes", "list"],
  // A list that was damaged is read as one of no grants, not as none.
  grants: ["grants", "list"],
  createdAt: ["created_at", "number"],
  expiresAt: ["expires_at", "number"],
  lastUsedAt: ["last_used_at", "number"],
  revokedAt: ["revoked_at", "number"],
} satisfies Columns<ApiKey>;

export const SESSION_COLUMNS = {
  id: ["id", "text"],
  digest: ["digest", "text"],
  person: ["person", "text"],
  role: ["role", "text"],
  createdAt: ["created_at", "number"],
  expiresAt: ["expires_at", "number"],
  lastUsedAt: ["last_used_at", "number"],
  endedAt: ["ended_at", "number"],
} satisfies Columns<Session>;

export const SIGN_IN_LINK_COLUMNS = {
  digest: ["digest", "text"],
  person: ["person", "text"],
  role: ["role", "text"],
  createdAt: ["created_at", "number"],
  expiresAt: ["expires_at", "number"],
  usedAt: ["used_at", "number"],
} satisfies Columns<SignInLink>;

export const DATA_SOURCE_COLUMNS = {
  name: ["name", "text"],
  grant: ["grant_name", "text"],
  description: ["description", "text"],
  createdAt: ["created_at", "number"],
} satisfies Columns<DataSource>;

export const DELIVERY_COLUMNS = {
  id: ["id", "text"],
  name: ["name", "text"],
  dataSource: ["data_source", "text"],
  target: ["target", "json"],
  addressFrom: ["address_from", "text"],
  token: ["token", "text"],
  format: ["format", "text"],
  secret: ["secret", "text"],
  deliveredFingerprint: ["delivered_fingerprint", "text"],
  deliveredGeneration: ["delivered_generation", "number"],
  deliveredAt: ["delivered_at", "number"],
  attempts: ["attempts", "number"],
  nextAttemptAt: ["next_attempt_at", "number"],
  lastError: ["last_error", "json"],
  proof: ["proof", "text"],
  fence: ["fence", "number"],
  createdAt: ["created_at", "number"],
} satisfies Columns<Delivery>;

/**
 * Makes the function that turns a row into its record. What the schema guarantees is not checked again. A
 * document that was damaged is read as none: a grant must not die, nor keep others from their turn, for that.
 */
export function rowReader<T extends object>(columns: Columns<T>): (row: Row) => T {
  const fields = Object.entries<readonly [string, Form]>(columns).map(
    ([field, [column, form]]) => [field, column, form] as const,
  );
  const empty = emptyRecord(fields.map(([field]) => field));
  return (row) => {
    const record: Record<string, unknown> = { ...empty };
    for (const [field, column, form] of fields) {
      const value = row[column] ?? null;
      record[field] = isDocument(form) && typeof value === "string" ? parseJson(value, form) : value;
    }
    return record as T;
  };
}

/**
 * A record of nulls to copy: one that is made field by field, under names that are only known at run time,
 * turns into a table of names and values inside V8, and whoever reads or copies it then pays for that.
 */
export function emptyRecord(names: readonly string[]): Readonly<Record<string, null>> {
  const text = JSON.stringify(Object.fromEntries(names.map((name) => [name, null])));
  return JSON.parse(text) as Record<string, null>;
}

function isDocument(form: Form): form is "json" | "list" {
  return form === "json" || form === "list";
}

const PARSED_KEPT = 64;
/** By form: of a text that is no JSON, one makes nothing and the other an empty list. */
const parsed = { json: new Map<string, unknown>(), list: new Map<string, unknown>() };

/** Thousands of rows have the same few lists of scopes; records are read-only, so they can share them. */
function parseJson(text: string, form: "json" | "list"): unknown {
  const kept = parsed[form];
  const known = kept.get(text);
  if (known !== undefined) return known;
  const value = parseOrNothing(text, form);
  if (kept.size >= PARSED_KEPT) kept.clear();
  kept.set(text, value);
  return value;
}

function parseOrNothing(text: string, form: "json" | "list"): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return form === "list" && !Array.isArray(value) ? [] : value;
  } catch {
    return form === "list" ? [] : null;
  }
}

/** Some of a record's fields as columns and values, in the order given. */
export function toColumns<T extends object>(columns: Columns<T>, fields: Partial<T>): [string, Value][] {
  const pairs: [string, Value][] = [];
  for (const field of Object.keys(fields) as (keyof T)[]) {
    const value = fields[field];
    if (value === undefined) continue;
    const [column, form] = columns[field];
    pairs.push([column, toValue(value, form)]);
  }
  return pairs;
}

/** A field as its column has it. */
export function toValue(value: unknown, form: Form): Value {
  return isDocument(form) && value !== null ? JSON.stringify(value) : (value as Value);
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
