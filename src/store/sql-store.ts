import type { Failpoint, Store } from "../keeper/ports.ts";
import { createAuthorizationRequestStore } from "./authorization-request-store.ts";
import type { Database } from "./database.ts";
import { createEventStore } from "./event-store.ts";
import { createGrantStore } from "./grant-store.ts";
import { createIntegrationStore } from "./integration-store.ts";

/** The store over either database: one text for each statement. */
export function createSqlStore(database: Database, failpoint: Failpoint): Store {
  return {
    ...createIntegrationStore(database),
    ...createGrantStore(database, failpoint),
    ...createAuthorizationRequestStore(database),
    ...createEventStore(database),
    close: () => database.close(),
  };
}
