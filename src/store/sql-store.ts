import type { Failpoint, Store } from "../keeper/ports.ts";
import { createApiKeyStore } from "./api-key-store.ts";
import { createAuthorizationRequestStore } from "./authorization-request-store.ts";
import type { Database } from "./database.ts";
import { createDeliveryStore } from "./delivery-store.ts";
import { createEventStore } from "./event-store.ts";
import { createGrantStore } from "./grant-store.ts";
import type { NextTurn } from "./group-commit.ts";
import { createIntegrationStore } from "./integration-store.ts";
import { createKeeperStore } from "./keeper-store.ts";
import { createSessionStore } from "./session-store.ts";

/** The store over either database: one text for each statement. `nextTurn` replaces Node's event loop where that is simulated. */
export function createSqlStore(database: Database, failpoint: Failpoint, nextTurn?: NextTurn): Store {
  return {
    ...createIntegrationStore(database),
    ...createGrantStore(database, failpoint, nextTurn),
    ...createAuthorizationRequestStore(database),
    ...createEventStore(database),
    ...createKeeperStore(database),
    ...createApiKeyStore(database),
    ...createSessionStore(database),
    ...createDeliveryStore(database),
    close: () => database.close(),
  };
}
