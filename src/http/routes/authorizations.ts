import { z } from "@hono/zod-openapi";
import { GrantkeeperError } from "../../core/errors.ts";
import { instant } from "../../core/grant.ts";
import {
  beginAuthorization,
  completeAuthorization,
  exchangePastedCode,
  redirectUriFor,
} from "../../keeper/authorize.ts";
import { importTokens, readImport } from "../../keeper/import.ts";
import { parsePastedCode, parseRedirected } from "../../oauth/callback.ts";
import { parseReturnTo } from "../return-to.ts";
import { defineRoute, type Route } from "../route.ts";
import { grantSchema, nameSchema } from "../schemas.ts";
import { documentOf } from "./grants.ts";

const LONGEST_PASTE = 16_384;

const begin = defineRoute({
  method: "post",
  path: "/v1/grants/{name}/authorizations",
  summary: "Begins an authorization: the address to open in the administrator's browser",
  scopes: ["grants:write"],
  body: z.strictObject({
    integration: nameSchema,
    return_to: z.string().max(2048).optional().describe("a path of this service to go to afterwards"),
  }),
  status: 201,
  answer: z.strictObject({
    authorization_url: z.string(),
    state: z.string(),
    expires_at: z.string(),
    redirect_uri: z.string(),
  }),
  handle: async ({ ports, name, body }) => {
    const returnTo = body.return_to === undefined ? null : parseReturnTo(body.return_to);
    const begun = await beginAuthorization(ports, name, body.integration, returnTo);
    return {
      authorization_url: begun.authorizationUrl,
      state: begun.state,
      expires_at: instant(begun.expiresAt),
      redirect_uri: begun.redirectUri,
    };
  },
});

const exchange = defineRoute({
  method: "post",
  path: "/v1/grants/{name}/exchange",
  summary: "Exchanges an authorization code for tokens and keeps them",
  scopes: ["grants:write"],
  body: z.strictObject({
    integration: nameSchema
      .optional()
      .describe("needed where the grant is new and the code came from elsewhere"),
    code: z.string().min(1).max(LONGEST_PASTE).optional(),
    redirected_url: z.string().min(1).max(LONGEST_PASTE).optional().describe("its state is checked"),
    redirect_uri: z
      .string()
      .max(2048)
      .optional()
      .describe("that the code was obtained with, where it differs"),
  }),
  answer: grantSchema,
  handle: async ({ ports, name, body }) => {
    const { code, redirected_url: address, integration = null, redirect_uri: redirectUri = null } = body;
    if ((code === undefined) === (address === undefined)) throw oneOfTwo();
    if (address !== undefined) {
      const wanted = redirectUri ?? (await redirectUriFor(ports, name, integration));
      return documentOf(ports, await completeAuthorization(ports, name, parseRedirected(address, wanted)));
    }
    const pasted = parsePastedCode(code ?? "");
    const given = { code: pasted.code, integration, redirectUri };
    return documentOf(ports, await exchangePastedCode(ports, name, given));
  },
});

const takeOver = defineRoute({
  method: "post",
  path: "/v1/grants/{name}/import",
  summary: "Takes over tokens that were obtained elsewhere; nothing is sent",
  scopes: ["grants:write"],
  body: z.strictObject({
    integration: nameSchema,
    token_response: z
      .union([z.record(z.string(), z.unknown()), z.string().max(LONGEST_PASTE)])
      .describe('the JSON of the token endpoint, as an object or as text, or {"refresh_token": "…"}'),
    obtained_at: z.iso
      .datetime({ offset: true })
      .optional()
      .describe("when they were obtained, where not now: their lives count from then"),
  }),
  answer: grantSchema,
  handle: async ({ ports, name, body }) => {
    const { token_response: given, obtained_at: obtainedAt, integration } = body;
    const document = readImport(typeof given === "string" ? given : JSON.stringify(given));
    const since = obtainedAt === undefined ? ports.clock.now() : Date.parse(obtainedAt);
    return documentOf(ports, await importTokens(ports, name, integration, document, since));
  },
});

export const authorizationRoutes: readonly Route[] = [begin, exchange, takeOver];

function oneOfTwo(): GrantkeeperError {
  return new GrantkeeperError("invalid_request", "Give one of code and redirected_url.", {
    remedy: "Best is redirected_url, the whole address that the browser ended at: its state is checked.",
  });
}
