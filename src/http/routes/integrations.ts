import { z } from "@hono/zod-openapi";
import { findIntegration } from "../../keeper/find.ts";
import {
  addIntegration,
  integrationDocument,
  type IntegrationInput,
  removeIntegration,
  updateIntegration,
} from "../../keeper/integrations.ts";
import { isInsideHost } from "../../oauth/inside.ts";
import { invalidRequest } from "../problem.ts";
import { defineRoute, type Route } from "../route.ts";
import { integrationSchema, nameSchema, pageOf } from "../schemas.ts";

const fields = {
  client_id: z.string().max(1000).optional(),
  client_secret: z.string().max(4000).optional(),
  redirect_uri: z.string().max(2048).optional(),
  scopes: z.union([z.array(z.string().max(500)).max(500), z.string().max(16_000)]).optional(),
  preset: z.string().max(100).optional().describe("a ready list of scopes"),
  base_url: z.string().max(2048).optional().describe("talk to <base_url>/authorize and /access_token"),
  allow_unknown_scopes: z.boolean().optional(),
};

type Given = z.infer<z.ZodObject<typeof fields>>;

const list = defineRoute({
  method: "get",
  path: "/v1/integrations",
  summary: "The integrations, ordered by name, without their secrets",
  scopes: ["grants:read", "integrations:write"],
  query: z.strictObject({}),
  answer: pageOf(integrationSchema),
  handle: async ({ ports }) => {
    const integrations = await ports.store.integrations();
    return { items: integrations.map(integrationDocument), next_cursor: null };
  },
});

const add = defineRoute({
  method: "post",
  path: "/v1/integrations",
  summary: "Keeps a client registration",
  scopes: ["integrations:write"],
  body: z.strictObject({ name: nameSchema, provider: z.string().max(100), ...fields }),
  status: 201,
  answer: integrationSchema,
  handle: async ({ ports, body }) => {
    const { integration } = await addIntegration(ports, body.name, body.provider, inputOf(body));
    return integrationDocument(integration);
  },
});

const show = defineRoute({
  method: "get",
  path: "/v1/integrations/{name}",
  summary: "One integration, without its secret",
  scopes: ["grants:read", "integrations:write"],
  answer: integrationSchema,
  handle: async ({ ports, name }) => integrationDocument(await findIntegration(ports, name)),
});

const change = defineRoute({
  method: "patch",
  path: "/v1/integrations/{name}",
  summary: "Changes a client registration; what is not given stays",
  scopes: ["integrations:write"],
  body: z.strictObject(fields),
  answer: integrationSchema,
  handle: async ({ ports, name, body }) =>
    integrationDocument((await updateIntegration(ports, name, inputOf(body))).integration),
});

const forget = defineRoute({
  method: "delete",
  path: "/v1/integrations/{name}",
  summary: "Forgets a client registration that no grant needs",
  scopes: ["integrations:write"],
  status: 204,
  handle: ({ ports, name }) => removeIntegration(ports, name),
});

export const integrationRoutes: readonly Route[] = [list, add, show, change, forget];

function inputOf(given: Given): IntegrationInput {
  refuseInside(given.base_url);
  const { scopes } = given;
  return {
    clientId: given.client_id,
    clientSecret: given.client_secret,
    redirectUri: given.redirect_uri,
    scope: typeof scopes === "object" ? scopes.join(" ") : scopes,
    preset: given.preset,
    baseUrl: given.base_url,
    baseUrlFrom: "program",
    allowUnknownScopes: given.allow_unknown_scopes,
  };
}

/**
 * A program must not send us to machines that only we can reach. What a name leads to is looked at each time it
 * is connected to.
 * @throws {HttpRefusal} `invalid_request`.
 */
function refuseInside(address: string | undefined): void {
  if (address === undefined || !URL.canParse(address) || !isInsideHost(new URL(address).hostname)) return;
  throw invalidRequest(
    "base_url leads to an address of the inside.",
    "Give a provider's public address; one of your own network is set with: grantkeeper integration update NAME --base-url URL.",
  );
}
