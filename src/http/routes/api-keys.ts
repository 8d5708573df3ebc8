import { z } from "@hono/zod-openapi";
import { apiKeyDocument } from "../../core/api-key.ts";
import { instant } from "../../core/grant.ts";
import { createApiKey, listApiKeys, revokeApiKey } from "../../keeper/api-keys.ts";
import { invalidRequest } from "../problem.ts";
import { defineRoute, type Route } from "../route.ts";
import { apiKeySchema, createdApiKeySchema, nameSchema, pageOf } from "../schemas.ts";

const list = defineRoute({
  method: "get",
  path: "/v1/api-keys",
  summary: "The API keys, revoked ones too, without their texts",
  scopes: ["admin"],
  query: z.strictObject({}),
  answer: pageOf(apiKeySchema),
  handle: async ({ ports }) => ({
    items: (await listApiKeys(ports)).map(apiKeyDocument),
    next_cursor: null,
  }),
});

const create = defineRoute({
  method: "post",
  path: "/v1/api-keys",
  summary: "Makes an API key; its text is in this answer and nowhere else",
  scopes: ["admin"],
  body: z.strictObject({
    name: nameSchema,
    scopes: z.array(z.string().max(40)).max(50),
    grants: z.array(nameSchema).min(1).max(1000).nullable().optional().describe("null: all"),
    expires_at: z.iso.datetime({ offset: true }).nullable().optional(),
  }),
  status: 201,
  answer: createdApiKeySchema,
  handle: async ({ ports, body }) => {
    const { name, scopes, grants = null, expires_at: end = null } = body;
    const expiresIn = end === null ? null : Date.parse(end) - ports.clock.now();
    if (expiresIn !== null && expiresIn <= 0)
      throw invalidRequest("expires_at lies in the past.", "Give a time that is still to come.");
    const { apiKey, key } = await createApiKey(ports, { name, scopes, grants, expiresIn });
    return {
      id: apiKey.id,
      name: apiKey.name,
      key,
      scopes: apiKey.scopes,
      grants: apiKey.grants,
      expires_at: instant(apiKey.expiresAt),
    };
  },
});

const revokeOne = defineRoute({
  method: "delete",
  path: "/v1/api-keys/{name}",
  summary: "Revokes an API key, by its id or name: nobody is served with it a second later",
  scopes: ["admin"],
  status: 204,
  handle: ({ ports, name }) => revokeApiKey(ports, name),
});

export const apiKeyRoutes: readonly Route[] = [list, create, revokeOne];
