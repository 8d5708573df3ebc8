import type { Database } from "./database.ts";

interface Migration {
  readonly version: number;
  readonly statements: (dialect: Database["dialect"]) => readonly string[];
}

/** Event numbers must never be used twice, also after the newest events were deleted. */
const COUNTING_KEY = {
  sqlite: "integer primary key autoincrement",
  postgres: "bigint generated always as identity primary key",
};

/**
 * The schema, step by step; a step that has been released is never edited. Times are epoch milliseconds
 * in `bigint`, lists and small documents are JSON in `text`, sealed values are `text`.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    statements: (dialect) => [
      `create table integrations (
         id text primary key,
         name text not null unique,
         provider text not null,
         client_id text not null,
         client_secret text,
         redirect_uri text not null,
         scopes text not null,
         base_url text,
         incident text,
         generation bigint not null,
         created_at bigint not null,
         updated_at bigint not null
       )`,
      `create table grants (
         id text primary key,
         name text not null unique,
         integration_id text not null references integrations (id),
         state text not null,
         cause text,
         account text,
         requested_scopes text not null,
         scopes text not null,
         generation bigint not null,
         token_type text not null,
         access_token text,
         access_fingerprint text,
         access_issued_at bigint,
         access_expires_at bigint,
         refresh_token text,
         refresh_fingerprint text,
         refresh_expires_at bigint,
         refresh_status text not null,
         next_attempt_at bigint,
         quiet_until bigint,
         attempts bigint not null,
         last_attempt_at bigint,
         last_error text,
         presentations bigint not null,
         rejections bigint not null,
         suspect_since bigint,
         lease_owner text,
         lease_fence bigint not null,
         lease_expires_at bigint,
         created_at bigint not null,
         updated_at bigint not null,
         last_refreshed_at bigint,
         last_used_at bigint
       )`,
      // What is due is found by this index alone; grants that wait for nothing are not in it.
      `create index grants_due on grants (next_attempt_at) where state = 'active'`,
      `create index grants_of_integration on grants (integration_id)`,
      `create table authorization_requests (
         state_hash text primary key,
         grant_name text not null,
         integration_id text not null references integrations (id) on delete cascade,
         code_verifier text not null,
         redirect_uri text not null,
         scopes text not null,
         created_at bigint not null,
         expires_at bigint not null,
         used_at bigint
       )`,
      `create table parked_token_sets (
         id text primary key,
         grant_id text not null references grants (id) on delete cascade,
         tokens text not null,
         reason text not null,
         at bigint not null
       )`,
      `create table hand_outs (
         grant_id text not null references grants (id) on delete cascade,
         generation bigint not null,
         consumer text not null,
         first_at bigint not null,
         last_at bigint not null,
         times bigint not null,
         primary key (grant_id, generation, consumer)
       )`,
      `create table events (
         seq ${COUNTING_KEY[dialect]},
         at bigint not null,
         type text not null,
         actor text not null,
         grant_id text,
         grant_name text,
         integration text,
         generation bigint,
         data text not null
       )`,
      `create index events_of_grant on events (grant_id, seq)`,
    ],
  },
  {
    version: 2,
    statements: () => [
      `alter table grants add column suspension text`,
      // A dead grant's refresh token is tried now and then, so it too can be due.
      `drop index grants_due`,
      `create index grants_due on grants (next_attempt_at)
         where next_attempt_at is not null and state in ('active', 'reauthorization_required')`,
      // In flight, failing, suspect: few at any time, and each is asked for by itself.
      `create index grants_leased on grants (id) where lease_owner is not null`,
      `create index grants_failing on grants (integration_id) where attempts > 0`,
      `create index grants_suspect on grants (suspect_since) where suspect_since is not null`,
      `create table keepers (
         id text primary key,
         started_at bigint not null,
         seen_at bigint not null
       )`,
    ],
  },
  {
    version: 3,
    statements: (dialect) => [
      `create table api_keys (
         id text primary key,
         name text not null,
         digest text not null,
         scopes text not null,
         grants text,
         created_at bigint not null,
         expires_at bigint,
         last_used_at bigint,
         revoked_at bigint
       )`,
      // A revoked key stays for the audit and gives its name back.
      `create unique index api_keys_name on api_keys (name) where revoked_at is null`,
      `alter table authorization_requests add column return_to text`,
      `alter table grants add column token_fence bigint`,
      `alter table events add column recorded_at bigint`,
      // The database's own clock tells how long a number has been missing before one that is there.
      ...(dialect === "postgres"
        ? [
            "alter table events alter column recorded_at set default extract(epoch from clock_timestamp()) * 1000",
          ]
        : []),
    ],
  },
  {
    version: 4,
    statements: () => [
      `create table sign_in_links (
         digest text primary key,
         person text not null,
         role text not null,
         created_at bigint not null,
         expires_at bigint not null,
         used_at bigint
       )`,
      `create table sessions (
         id text primary key,
         digest text not null unique,
         person text not null,
         role text not null,
         created_at bigint not null,
         expires_at bigint not null,
         last_used_at bigint not null,
         ended_at bigint
       )`,
    ],
  },
  {
    version: 5,
    statements: () => [
      `alter table integrations add column base_url_from text not null default 'operator'`,
      `alter table grants add column revoked_token text`,
      `alter table grants add column revoke_at bigint`,
      `alter table grants add column revocation text`,
      // Providers that have still to be told: none, nearly always.
      `create index grants_revoking on grants (revoke_at) where revoke_at is not null`,
    ],
  },
  {
    version: 6,
    statements: () => [
      `create table data_sources (
         name text primary key,
         grant_name text not null,
         description text,
         created_at bigint not null
       )`,
      `create index data_sources_of_grant on data_sources (grant_name)`,
      `create table deliveries (
         id text primary key,
         name text not null unique,
         data_source text not null references data_sources (name) on delete cascade,
         target text not null,
         address_from text not null,
         token text not null,
         format text not null,
         secret text,
         delivered_fingerprint text,
         delivered_generation bigint,
         delivered_at bigint,
         attempts bigint not null,
         next_attempt_at bigint,
         last_error text,
         proof text not null,
         fence bigint not null,
         created_at bigint not null
       )`,
      `create index deliveries_of_data_source on deliveries (data_source)`,
    ],
  },
];

/** The schema version that this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;
