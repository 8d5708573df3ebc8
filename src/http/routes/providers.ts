import { z } from "@hono/zod-openapi";
import { toGrantkeeperError } from "../../core/errors.ts";
import { parseScopes } from "../../core/scopes.ts";
import { parseRedirectUri } from "../../oauth/addresses.ts";
import { PROVIDERS } from "../../providers/index.ts";
import type { ProviderProfile } from "../../providers/profile.ts";
import { defineRoute, type Route } from "../route.ts";
import { findingSchema, pageOf, providerSchema } from "../schemas.ts";

const list = defineRoute({
  method: "get",
  path: "/v1/providers",
  summary: "The providers that are built in: where things stand in their portals, and lists of scopes",
  scopes: ["grants:read", "integrations:write"],
  query: z.strictObject({}),
  answer: pageOf(providerSchema),
  handle: async () => ({ items: PROVIDERS.map(providerDocument), next_cursor: null }),
});

const check = defineRoute({
  method: "post",
  path: "/v1/providers/{name}/check",
  summary: "What looks wrong about the values of a client registration; nothing is kept or sent",
  scopes: ["integrations:write"],
  body: z.strictObject({
    client_id: z.string().max(1000).optional(),
    client_secret: z.string().max(4000).optional(),
    redirect_uri: z.string().max(2048).optional(),
    scopes: z.string().max(16_000).optional(),
  }),
  answer: z.strictObject({ findings: z.array(findingSchema) }),
  handle: async ({ ports, name, body }) => {
    const profile = ports.profile(name);
    const { client_id: id, client_secret: secret, redirect_uri: redirectUri, scopes } = body;
    const said = {
      client_id: saidOf(id, (value) => profile.checkClientId(value)),
      client_secret: saidOf(secret, (value) => profile.checkClientSecret(value)),
      redirect_uri: saidOf(redirectUri, refusalOfRedirectUri),
      scopes: saidOf(scopes, (value) => unknownScopes(profile, value)),
    };
    const findings = Object.entries(said).flatMap(([field, message]) =>
      message === null ? [] : [{ field, message }],
    );
    return { findings };
  },
});

export const providerRoutes: readonly Route[] = [list, check];

/** An empty field is not wrong yet. */
function saidOf(value: string | undefined, look: (trimmed: string) => string | null): string | null {
  const trimmed = value?.trim() ?? "";
  return trimmed === "" ? null : look(trimmed);
}

function refusalOfRedirectUri(value: string): string | null {
  try {
    parseRedirectUri(value);
    return null;
  } catch (error) {
    const { message, remedy } = toGrantkeeperError(error);
    return remedy === undefined ? message : `${message} ${remedy}`;
  }
}

function unknownScopes(profile: ProviderProfile, value: string): string | null {
  const unknown = parseScopes(value).filter((scope) => !profile.isKnownScope(scope));
  return unknown.length === 0 ? null : `Not known as scopes of this provider: ${unknown.join(", ")}.`;
}

function providerDocument({ id, title, baseUrl, rotation, portal, presets, scopePurposes }: ProviderProfile) {
  return {
    id,
    title,
    base_url: baseUrl,
    rotation,
    portal: {
      address: portal.address,
      client_id: portal.clientId,
      client_secret: portal.clientSecret,
      redirect_uri: portal.redirectUri,
      scopes: portal.scopes,
      consents: portal.consents,
    },
    presets: Object.entries(presets).map(([name, { purpose, scopes }]) => ({ name, purpose, scopes })),
    scope_purposes: scopePurposes,
  };
}
