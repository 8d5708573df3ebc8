import { z } from "@hono/zod-openapi";
import { instant } from "../../core/grant.ts";
import { defineRoute, type Route } from "../route.ts";
import { overviewSchema } from "../schemas.ts";
import type { Service } from "../service.ts";

/** `GET /v1/overview`: what somebody who is called at night looks at first. */
export function overviewRoutes({ version }: Pick<Service, "version">): readonly Route[] {
  const overview = defineRoute({
    method: "get",
    path: "/v1/overview",
    summary: "How everything stands, in a few numbers",
    scopes: ["grants:read"],
    query: z.strictObject({}),
    answer: overviewSchema,
    handle: async ({ ports }) => {
      const [summary, lastEvent, waiting] = await Promise.all([
        ports.store.summary(),
        ports.store.settledEvent(),
        ports.spool.waiting(),
      ]);
      return {
        version,
        now: instant(ports.clock.now()),
        last_event: lastEvent,
        grants: summary.states,
        failing: summary.failing,
        incidents: summary.incidents,
        first_access_end: instant(summary.firstAccessEnd),
        first_reconsent: instant(summary.firstRefreshEnd),
        overdue_since: overdueSince(summary.firstDueAt, ports.clock.now()),
        spooled: waiting.length,
      };
    },
  });
  return [overview];
}

/** Refreshes are picked up within a tick: what has waited longer is late. */
const LATE_AFTER = 60_000;

function overdueSince(dueAt: number | null, now: number): string | null {
  return dueAt !== null && now - dueAt > LATE_AFTER ? instant(dueAt) : null;
}
