/** What the service answers, as its own schemas have it: types alone, nothing of it is in the script. */
import type { z } from "zod";
import type {
  apiKeySchema,
  consumerSchema,
  createdApiKeySchema,
  deliverySchema,
  eventSchema,
  findingSchema,
  grantSchema,
  handOffSchema,
  integrationSchema,
  overviewSchema,
  providerSchema,
} from "../../../src/http/schemas.ts";
import type { ApiKeyScope } from "../../../src/core/api-key.ts";
import type { EventType } from "../../../src/core/events.ts";
import type { Role } from "../../../src/core/session.ts";

export type Grant = z.infer<typeof grantSchema>;
export type Integration = z.infer<typeof integrationSchema>;
export type Provider = z.infer<typeof providerSchema>;
export type HandOff = z.infer<typeof handOffSchema>;
export type Consumer = z.infer<typeof consumerSchema>;
export type Delivery = z.infer<typeof deliverySchema>;
export type Key = z.infer<typeof apiKeySchema>;
export type CreatedKey = z.infer<typeof createdApiKeySchema>;
export type Finding = z.infer<typeof findingSchema>;
export type Overview = z.infer<typeof overviewSchema>;
export type HistoryEvent = Omit<z.infer<typeof eventSchema>, "type"> & { readonly type: EventType };

/** Who is signed in, as `GET /v1/session` tells it. */
export interface Session {
  readonly person: string;
  readonly role: Role;
  readonly scopes: readonly ApiKeyScope[];
  readonly idle_until: string;
  readonly expires_at: string;
  readonly version: string;
  readonly can_rehearse: boolean;
}

/** A page of a list. */
export interface PageOf<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
}

export type { ApiKeyScope, EventType, Role };
