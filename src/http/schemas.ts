/** What goes in and out of the API: one set of schemas validates both and makes the OpenAPI document. */
import { z } from "@hono/zod-openapi";
import { API_KEY_SCOPES, type ApiKeyScope } from "../core/api-key.ts";
import { DELIVERED_TOKENS, DELIVERY_FORMATS, DELIVERY_STATES } from "../core/delivery.ts";
import type { GrantState, RefreshStatus } from "../core/grant.ts";
import { ERROR_CODES, type ErrorCode } from "../core/errors.ts";

const instant = z.iso.datetime({ precision: 3 }).describe("RFC 3339, UTC, with milliseconds");
const maybe = instant.nullable();
const text = z.string();
const maybeText = z.string().nullable();

export const nameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
  .describe("1 to 64 characters, the first a letter or digit, then letters, digits, '.', '_' or '-'");

/** Every state, by name: one that the core adds is an error here. */
const EVERY_STATE = {
  pending: 0,
  active: 0,
  suspended: 0,
  reauthorization_required: 0,
  revoked: 0,
} satisfies Record<GrantState, 0>;
const EVERY_STATUS = {
  idle: 0,
  due: 0,
  in_flight: 0,
  retrying: 0,
  outcome_unknown: 0,
  suspect: 0,
} satisfies Record<RefreshStatus, 0>;
export const STATES = Object.keys(EVERY_STATE) as [GrantState, ...GrantState[]];
const STATUSES = Object.keys(EVERY_STATUS) as [RefreshStatus, ...RefreshStatus[]];

const errorCode = z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]);
const scopeSchema = z.enum(Object.keys(API_KEY_SCOPES) as [ApiKeyScope, ...ApiKeyScope[]]);

export const tokenSchema = z
  .strictObject({
    grant: text,
    access_token: text,
    token_type: text,
    expires_at: maybe,
    expires_in: z.int().nullable().describe("seconds"),
    scope: text,
    generation: z.int(),
    fingerprint: maybeText,
    warning: maybeText.describe("why a token that is still good was not refreshed"),
  })
  .openapi("Token");

export const grantSchema = z
  .strictObject({
    name: text,
    integration: text,
    provider: text,
    state: z.enum(STATES),
    cause: maybeText,
    remedy: maybeText,
    suspension: z.strictObject({ reason: text, at: instant }).nullable(),
    revocation: z
      .strictObject({ since: instant, next_attempt_at: maybe, attempts: z.int(), message: text })
      .nullable()
      .describe("a revoked grant whose provider could not be told yet"),
    account: z
      .strictObject({ id: maybeText, display_name: maybeText, email: maybeText, org_id: maybeText })
      .nullable(),
    scopes: z.array(text),
    missing_scopes: z.array(text),
    generation: z.int(),
    access_token: z.strictObject({ expires_at: maybe, fingerprint: maybeText }),
    refresh_token: z.strictObject({ expires_at: maybe, fingerprint: maybeText, rotation: text }),
    reconsent_by: maybe,
    refresh: z.strictObject({
      status: z.enum(STATUSES),
      next_attempt_at: maybe,
      attempts: z.int(),
      last_error: z
        .strictObject({
          code: errorCode,
          message: text,
          remedy: maybeText,
          at: instant,
          tracking_id: maybeText,
        })
        .nullable(),
    }),
    created_at: instant,
    updated_at: instant,
    last_refreshed_at: maybe,
    last_used_at: maybe,
  })
  .openapi("Grant");

export const integrationSchema = z
  .strictObject({
    name: text,
    provider: text,
    client_id: text,
    has_client_secret: z.boolean(),
    redirect_uri: text,
    scopes: z.array(text),
    base_url: maybeText,
    incident: z.strictObject({ cause: text, message: text, remedy: text, since: instant }).nullable(),
    created_at: instant,
    updated_at: instant,
  })
  .openapi("Integration");

export const apiKeySchema = z
  .strictObject({
    id: text,
    name: text,
    scopes: z.array(scopeSchema),
    grants: z.array(text).nullable().describe("null: all"),
    created_at: instant,
    expires_at: maybe,
    last_used_at: maybe,
    revoked_at: maybe,
  })
  .openapi("ApiKey");

export const createdApiKeySchema = z
  .strictObject({
    id: text,
    name: text,
    key: text.describe("shown this once"),
    scopes: z.array(scopeSchema),
    grants: z.array(text).nullable(),
    expires_at: maybe,
  })
  .openapi("CreatedApiKey");

export const handOffSchema = z
  .strictObject({
    grant: text,
    integration: text,
    provider: text,
    client_id: text,
    redirect_uri: text,
    scope: text,
    api_server: text,
    api_base_url: text,
    token_url: text,
    authorization_url: text,
    generation: z.int(),
    refresh_token: z.strictObject({ fingerprint: maybeText, expires_at: maybe }),
    access_token: z.strictObject({ fingerprint: maybeText, expires_at: maybe }),
    form: z
      .strictObject({
        title: text,
        fields: z.array(
          z.strictObject({
            label: text,
            value: text.describe("of a secret: a hint at where it stands"),
            note: maybeText,
            secret: z.enum(["client_secret", "refresh_token"]).nullable(),
          }),
        ),
        notes: z.array(text),
      })
      .nullable(),
    curl: text.describe("for a POSIX shell; secrets are read from its environment"),
  })
  .openapi("HandOff");

export const consumerSchema = z
  .strictObject({
    consumer: text.describe("as the audit names it"),
    api_key: maybeText.describe("the key's name, where it is a key"),
    generation: z.int(),
    times: z.int(),
    first_at: instant,
    last_at: instant,
  })
  .openapi("Consumer");

export const dataSourceSchema = z
  .strictObject({
    name: text,
    grant: text,
    description: maybeText,
    deliveries: z.array(text).describe("their names"),
    created_at: instant,
  })
  .openapi("DataSource");

export const deliveryTargetSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("file"), path: text, mode: text }),
    z.strictObject({ kind: z.literal("command"), command: z.array(text) }),
    z.strictObject({ kind: z.literal("webhook"), url: z.string().max(2048) }),
    z.strictObject({ kind: z.literal("secret_store"), url: z.string().max(2048) }),
  ])
  .openapi("DeliveryTarget");

const delivery = {
  name: text,
  data_source: text,
  grant: text,
  target: deliveryTargetSchema,
  token: z.enum(DELIVERED_TOKENS),
  format: z.enum(DELIVERY_FORMATS),
  has_secret: z.boolean(),
  state: z.enum(DELIVERY_STATES),
  delivered: z
    .strictObject({ fingerprint: text, generation: z.int().nullable(), at: maybe })
    .nullable()
    .describe("what its place was last known to have taken"),
  attempts: z.int().describe("that failed since then"),
  next_attempt_at: maybe,
  last_error: z.strictObject({ code: errorCode, message: text, remedy: maybeText, at: instant }).nullable(),
  created_at: instant,
};

export const deliverySchema = z.strictObject(delivery).openapi("Delivery");

export const addedDeliverySchema = z
  .strictObject({
    ...delivery,
    secret: maybeText.describe("of a webhook, where it was made: shown this once"),
  })
  .openapi("AddedDelivery");

export const providerSchema = z
  .strictObject({
    id: text,
    title: text,
    base_url: text,
    rotation: text,
    portal: z.strictObject({
      address: text,
      client_id: text,
      client_secret: text,
      redirect_uri: text,
      scopes: text,
      consents: text,
    }),
    presets: z.array(z.strictObject({ name: text, purpose: text, scopes: z.array(text) })),
    scope_purposes: z.record(z.string(), text).describe("what will not work without a scope"),
  })
  .openapi("Provider");

export const findingSchema = z
  .strictObject({
    field: z.enum(["client_id", "client_secret", "redirect_uri", "scopes"]),
    message: text,
  })
  .openapi("Finding");

export const overviewSchema = z
  .strictObject({
    version: text,
    now: instant,
    last_event: z.int(),
    grants: z.record(z.enum(STATES), z.int()),
    failing: z.int().describe("active grants whose last refresh brought no token"),
    incidents: z.int().describe("integrations that their provider refuses"),
    first_access_end: maybe,
    first_reconsent: maybe,
    overdue_since: maybe.describe("a refresh has waited since then, and longer than it should"),
    spooled: z.int().describe("delivered token sets that the store could not take yet"),
  })
  .openapi("Overview");

const fact = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]);

export const eventSchema = z
  .strictObject({
    id: z.int().describe("orders events; give the last one seen as `after`"),
    at: instant,
    type: text,
    actor: text,
    grant: maybeText,
    integration: maybeText,
    generation: z.int().nullable(),
    data: z.record(z.string(), fact),
  })
  .openapi("Event");

export const problemSchema = z
  .strictObject({
    type: text,
    title: text,
    status: z.int(),
    detail: text,
    code: errorCode,
    remedy: text.optional(),
    provider: z
      .strictObject({
        status: z.int(),
        error: maybeText,
        error_description: maybeText,
        tracking_id: maybeText,
      })
      .optional(),
  })
  .openapi("Problem");

/** A page of a list. */
export function pageOf(item: z.ZodType) {
  return z.strictObject({ items: z.array(item), next_cursor: maybeText });
}

/** A whole number in a query string. */
export function countParameter(most: number) {
  return z
    .string()
    .regex(/^\d{1,16}$/, "it has to be a whole number")
    .transform(Number)
    .refine((value) => value <= most, `at most ${most}`);
}

/** A time in a query string, as epoch milliseconds. */
export const timeParameter = z
  .string()
  .max(64)
  .transform((value) => Date.parse(value))
  .refine((value) => !Number.isNaN(value), "it has to be a time such as 2026-11-23T18:00:00Z");
