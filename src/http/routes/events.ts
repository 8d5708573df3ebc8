import type { IncomingHttpHeaders } from "node:http";
import { z } from "@hono/zod-openapi";
import { isForGrant } from "../../core/api-key.ts";
import { EVENT_TYPES, eventDocument } from "../../core/events.ts";
import { invalidRequest } from "../problem.ts";
import { defineRoute, type Route } from "../route.ts";
import { countParameter, eventSchema, nameSchema, pageOf } from "../schemas.ts";
import type { Service } from "../service.ts";

const LARGEST_PAGE = 1000;

const words = z
  .string()
  .max(2000)
  .transform((text) => text.split(","));

/** `GET /v1/events`, as pages or as a stream. */
export function eventRoutes({ streams }: Pick<Service, "streams">): readonly Route[] {
  const list = defineRoute({
    method: "get",
    path: "/v1/events",
    summary: "Audit and change events, oldest first; with `Accept: text/event-stream`, as they happen",
    scopes: ["events:read"],
    query: z.strictObject({
      after: countParameter(Number.MAX_SAFE_INTEGER).optional().describe("only events with a greater id"),
      type: words.optional().describe("only these types, with commas between"),
      grant: nameSchema.optional().describe("only those of this grant"),
      limit: countParameter(LARGEST_PAGE).optional(),
      order: z.enum(["oldest", "newest"]).optional().describe("which come first; `oldest` where absent"),
      before: countParameter(Number.MAX_SAFE_INTEGER).optional().describe("only events with a smaller id"),
    }),
    answer: pageOf(eventSchema),
    handle: async ({ ports, caller, query, headers }) => {
      const types = query.type ?? null;
      refuseUnknownTypes(types);
      // A key that is narrowed to grants learns of those, and of nothing else.
      const grants =
        query.grant === undefined ? caller.grants : [query.grant].filter((name) => isForGrant(caller, name));
      const after = query.after ?? 0;
      if (wantsStream(headers))
        return streams.open(caller, { after: resumeAt(headers) ?? after, types, grants });
      const limit = Math.max(1, query.limit ?? 100);
      const newestFirst = query.order === "newest";
      const settled = await ports.store.settledEvent();
      const upTo = Math.min(settled, (query.before ?? Infinity) - 1);
      const events = await ports.store.eventPage({ after, upTo, types, grants, limit, newestFirst });
      const last = events.at(-1);
      return {
        items: events.map(eventDocument),
        next_cursor: last === undefined ? null : String(last.seq),
      };
    },
  });
  return [list];
}

function wantsStream(headers: IncomingHttpHeaders): boolean {
  return /\btext\/event-stream\b/i.test(headers.accept ?? "");
}

/** Where a client was cut off: it has the last id that it saw. */
function resumeAt(headers: IncomingHttpHeaders): number | null {
  const given = String(headers["last-event-id"] ?? "");
  if (given === "") return null;
  if (/^\d{1,15}$/.test(given)) return Number(given);
  throw invalidRequest("Last-Event-ID is not an id that was given here.", "Leave it out, or give `after`.");
}

function refuseUnknownTypes(types: readonly string[] | null): void {
  const unknown = (types ?? []).filter((type) => !Object.hasOwn(EVENT_TYPES, type));
  if (unknown.length === 0) return;
  const named = unknown.slice(0, 5).map((type) => JSON.stringify(type.slice(0, 40)));
  throw invalidRequest(
    `There is no event type ${named.join(", ")}.`,
    `Types: ${Object.keys(EVENT_TYPES).join(", ")}.`,
  );
}
