import { z } from "@hono/zod-openapi";
import { GrantkeeperError } from "../../core/errors.ts";
import { defineRoute, type Route } from "../route.ts";
import type { Service } from "../service.ts";

/** `POST /v1/rehearsal`: a stand-in for the provider, to walk the procedure without an account. */
export function rehearsalRoutes({ rehearse }: Pick<Service, "rehearse">): readonly Route[] {
  const begin = defineRoute({
    method: "post",
    path: "/v1/rehearsal",
    summary:
      "Starts a stand-in for the provider beside the service, where that is possible, and registers at it",
    scopes: ["integrations:write"],
    body: z.strictObject({}).optional(),
    answer: z.strictObject({ integration: z.string() }),
    handle: async () => {
      if (rehearse === null) throw cannotRehearse();
      return rehearse();
    },
  });
  return [begin];
}

function cannotRehearse(): GrantkeeperError {
  return new GrantkeeperError("conflict", "Nothing can be rehearsed at this service.", {
    remedy:
      "A rehearsal needs a service on the machine of the browser, by plain http: grantkeeper serve --rehearsal.",
  });
}
