import { z } from "@hono/zod-openapi";
import { GrantkeeperError } from "../../core/errors.ts";
import { type Grant, grantDocument, type GrantDocument } from "../../core/grant.ts";
import { contextOf, findGrant, grantFacts } from "../../keeper/find.ts";
import { refreshNow, remove, revealRefreshToken, suspend } from "../../keeper/manage.ts";
import type { Ports } from "../../keeper/ports.ts";
import { refreshRejected } from "../../keeper/rejected-token.ts";
import { resume } from "../../keeper/resume.ts";
import { revoke } from "../../keeper/revoke.ts";
import { defineRoute, type Route } from "../route.ts";
import {
  countParameter,
  grantSchema,
  nameSchema,
  pageOf,
  STATES,
  timeParameter,
  tokenSchema,
} from "../schemas.ts";

const LARGEST_PAGE = 500;

const list = defineRoute({
  method: "get",
  path: "/v1/grants",
  summary: "The grants, ordered by name",
  scopes: ["grants:read"],
  query: z.strictObject({
    state: z.enum(STATES).optional(),
    expiring_before: timeParameter.optional().describe("consent ends before this time"),
    cursor: z.string().max(200).optional(),
    limit: countParameter(LARGEST_PAGE).optional(),
  }),
  answer: pageOf(grantSchema),
  handle: async ({ ports, caller, query }) => {
    const limit = Math.max(1, query.limit ?? 100);
    const grants = await ports.store.grantPage({
      state: query.state ?? null,
      endsBefore: query.expiring_before ?? null,
      names: caller.grants,
      after: query.cursor === undefined ? null : nameOfCursor(query.cursor),
      limit: limit + 1,
    });
    const shown = grants.slice(0, limit);
    const last = grants.length > limit ? shown.at(-1) : undefined;
    const items = await Promise.all(shown.map((grant) => documentOf(ports, grant)));
    return { items, next_cursor: last === undefined ? null : cursorOf(last.name) };
  },
});

const show = defineRoute({
  method: "get",
  path: "/v1/grants/{name}",
  summary: "One grant",
  scopes: ["grants:read"],
  answer: grantSchema,
  handle: async ({ ports, name }) => documentOf(ports, await findGrant(ports, name)),
});

const forget = defineRoute({
  method: "delete",
  path: "/v1/grants/{name}",
  summary: "Forgets a grant; the provider is not told",
  scopes: ["grants:write"],
  status: 204,
  handle: ({ ports, name }) => remove(ports, name),
});

const replace = defineRoute({
  method: "post",
  path: "/v1/grants/{name}/refresh",
  summary: "Another token for one that was rejected",
  scopes: ["tokens:read"],
  body: z
    .strictObject({
      if_fingerprint: z
        .string()
        .regex(/^[0-9a-fA-F]{16}$/)
        .optional(),
    })
    .optional(),
  answer: tokenSchema,
  handle: ({ ports, name, body }) => refreshRejected(ports, name, body?.if_fingerprint ?? null),
});

const renew = defineRoute({
  method: "post",
  path: "/v1/grants/{name}/refresh-now",
  summary:
    "Refreshes at once, because a person says so, whatever the schedule or a back-off says; no token is told",
  scopes: ["grants:write"],
  body: z.strictObject({}).optional(),
  answer: grantSchema,
  handle: async ({ ports, name }) => documentOf(ports, await refreshNow(ports, name)),
});

const end = defineRoute({
  method: "post",
  path: "/v1/grants/{name}/revoke",
  summary: "Ends a grant, and tells the provider where it can be told; a provider that is away is told later",
  scopes: ["grants:write"],
  body: z.strictObject({}).optional(),
  answer: grantSchema,
  handle: async ({ ports, name }) => documentOf(ports, (await revoke(ports, name)).grant),
});

const hold = defineRoute({
  method: "post",
  path: "/v1/grants/{name}/suspend",
  summary: "Holds a grant: nothing is sent for it and nothing handed out",
  scopes: ["grants:write"],
  body: z.strictObject({}).optional(),
  answer: grantSchema,
  handle: async ({ ports, name }) => documentOf(ports, await suspend(ports, name)),
});

const release = defineRoute({
  method: "post",
  path: "/v1/grants/{name}/resume",
  summary: "Releases a grant",
  scopes: ["grants:write"],
  body: z
    .strictObject({
      accept_risk: z.boolean().optional().describe("also where that may end the original of a copied store"),
    })
    .optional(),
  answer: grantSchema,
  handle: async ({ ports, name, body }) =>
    documentOf(ports, (await resume(ports, name, body?.accept_risk ?? false)).grant),
});

const reveal = defineRoute({
  method: "post",
  path: "/v1/grants/{name}/reveal",
  summary: "The refresh token; the audit says who was shown it",
  scopes: ["secrets:reveal"],
  body: z.strictObject({}).optional(),
  answer: z.strictObject({ refresh_token: z.string() }),
  handle: async ({ ports, name }) => ({ refresh_token: await revealRefreshToken(ports, name) }),
});

export const grantRoutes: readonly Route[] = [list, show, forget, replace, renew, end, hold, release, reveal];

/** A grant as the API shows it. */
export async function documentOf(ports: Ports, grant: Grant): Promise<GrantDocument> {
  return grantDocument(grant, grantFacts(await contextOf(ports, grant)), ports.clock.now());
}

function cursorOf(name: string): string {
  return Buffer.from(name).toString("base64url");
}

function nameOfCursor(cursor: string): string {
  const name = Buffer.from(cursor, "base64url").toString();
  if (nameSchema.safeParse(name).success && cursorOf(name) === cursor) return name;
  throw new GrantkeeperError("invalid_request", "The cursor is not one that was given here.", {
    remedy: "Begin again without a cursor.",
  });
}
