import { z } from "@hono/zod-openapi";
import { hasLife } from "../../core/grant.ts";
import { isFromTheFuture } from "../../core/refresh-rules.ts";
import { secondsLeft } from "../../core/token-set.ts";
import { findGrant } from "../../keeper/find.ts";
import { DEFAULT_MIN_TTL, getToken, handOut, refuseWhereNoToken, troubleOf } from "../../keeper/get-token.ts";
import { defineRoute, type Route } from "../route.ts";
import { countParameter, tokenSchema } from "../schemas.ts";
import type { Service } from "../service.ts";
import { actorOf } from "../service.ts";
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
    handle: async ({ ports, key, name, query }) => {
      const minTtl = query.min_ttl ?? DEFAULT_MIN_TTL;
      const since = tokens.reading();
      const grant = await findGrant(ports, name);
      refuseWhereNoToken(grant);
      const now = ports.clock.now();
      const isQuiet = grant.leaseOwner === null && grant.presentations === 0;
      const isGood =
        hasLife(grant, now) &&
        !isFromTheFuture(grant, now) &&
        secondsLeft(grant.accessExpiresAt, now) >= minTtl;
      // A refresh that is under way, or was cut off, is for the keeper to judge.
      if (!isQuiet || !isGood) return getToken(ports, name, minTtl);
      const warning = troubleOf(grant);
      const document = await handOut(ports, grant, warning);
      rememberConsumer(tokens.put(grant, document.access_token, warning, since), key, actorOf(key));
      return document;
    },
  });
  return [token];
}
