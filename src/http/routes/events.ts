import { z } from "@hono/zod-openapi";
import { eventDocument } from "../../core/events.ts";
import { defineRoute, type Route } from "../route.ts";
import { countParameter, eventSchema, pageOf } from "../schemas.ts";

const LARGEST_PAGE = 1000;

const list = defineRoute({
  method: "get",
  path: "/v1/events",
  summary: "Audit and change events, oldest first",
  scopes: ["events:read"],
  query: z.strictObject({
    after: countParameter(Number.MAX_SAFE_INTEGER).optional().describe("only events with a greater id"),
    limit: countParameter(LARGEST_PAGE).optional(),
  }),
  answer: pageOf(eventSchema),
  handle: async ({ ports, key, query }) => {
    const limit = Math.max(1, query.limit ?? 100);
    const events = await ports.store.events({ after: query.after ?? 0, limit });
    const last = events.at(-1);
    // A key that is narrowed to grants learns of those, and of nothing else: a page may then be short, or empty.
    const shown = events.filter(
      ({ grant }) => key.grants === null || (grant !== null && key.grants.includes(grant)),
    );
    return { items: shown.map(eventDocument), next_cursor: last === undefined ? null : String(last.seq) };
  },
});

export const eventRoutes: readonly Route[] = [list];
