import type { Route } from "../route.ts";
import type { Service } from "../service.ts";
import { apiKeyRoutes } from "./api-keys.ts";
import { authorizationRoutes } from "./authorizations.ts";
import { deliveryRoutes } from "./deliveries.ts";
import { eventRoutes } from "./events.ts";
import { grantRoutes } from "./grants.ts";
import { integrationRoutes } from "./integrations.ts";
import { overviewRoutes } from "./overview.ts";
import { providerRoutes } from "./providers.ts";
import { rehearsalRoutes } from "./rehearsal.ts";
import { supplyRoutes } from "./supply.ts";
import { tokenRoutes } from "./tokens.ts";

/** Every route that needs a key, in the order in which the documentation lists them. */
export function routesOf(
  service: Pick<Service, "tokens" | "streams" | "version" | "rehearse">,
): readonly Route[] {
  return [
    ...tokenRoutes(service),
    ...grantRoutes,
    ...supplyRoutes,
    ...authorizationRoutes,
    ...integrationRoutes,
    ...providerRoutes,
    ...rehearsalRoutes(service),
    ...deliveryRoutes,
    ...apiKeyRoutes,
    ...eventRoutes(service),
    ...overviewRoutes(service),
  ];
}
