import type { Route } from "../route.ts";
import type { Service } from "../service.ts";
import { apiKeyRoutes } from "./api-keys.ts";
import { authorizationRoutes } from "./authorizations.ts";
import { eventRoutes } from "./events.ts";
import { grantRoutes } from "./grants.ts";
import { integrationRoutes } from "./integrations.ts";
import { tokenRoutes } from "./tokens.ts";

/** Every route that needs a key, in the order in which the documentation lists them. */
export function routesOf(service: Pick<Service, "tokens" | "streams">): readonly Route[] {
  return [
    ...tokenRoutes(service),
    ...grantRoutes,
    ...authorizationRoutes,
    ...integrationRoutes,
    ...apiKeyRoutes,
    ...eventRoutes(service),
  ];
}
