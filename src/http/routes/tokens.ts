import { z } from "@hono/zod-openapi";
import { DEFAULT_MIN_TTL, getToken } from "../../keeper/get-token.ts";
import { defineRoute, type Route } from "../route.ts";
import { countParameter, tokenSchema } from "../schemas.ts";
import type { Service } from "../service.ts";
import { rememberConsumer } from "../token-route.ts";

/** A century, in seconds: more is a mistake. */
const LONGEST_TTL = 100 * 365 * 24 * 3600;

/** `GET …/token`, for whatever cannot be answered from memory; it puts into memory what it finds. */
export function tokenRoutes(service: Pick<Service, "tokens">): readonly Route[] {
  const { tokens } = service;
  const token = defineRoute({
    method: "get",
    path: "/v1/grants/{name}/token",
    summary: "A valid access token, refreshed first where it has too little life left",
    scopes: ["tokens:read"],
    query: z.strictObject({
      min_ttl: countParameter(LONGEST_TTL).optional().describe(`seconds; ${DEFAULT_MIN_TTL} where absent`),
    }),
    answer: tokenSchema,
    handle: async ({ ports, caller, name, query }) => {
      const since = tokens.reading();
      return getToken(ports, name, query.min_ttl ?? DEFAULT_MIN_TTL, (grant, document) => {
        rememberConsumer(tokens.put(grant, document, since), caller, caller.actor);
      });
    },
  });
  return [token];
}
