import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Adapter, type AdapterPayload, Provider } from "oidc-provider";
import type { Page } from "./browser.ts";

export const CLIENT_ID = "keeper";
export const CLIENT_SECRET = "keeper-secret-0123456789-0123456789";
export const REDIRECT_URI = "http://127.0.0.1:8700/oauth/callback";
export const SCOPES = ["openid", "offline_access"];

/** oidc-provider at work, and what it says of itself: a witness that is not ours. */
export interface OidcServer {
  readonly origin: string;
  readonly port: number;
  /** Counted from the server's own events. */
  readonly seen: {
    /** Refreshes that were answered with tokens. */
    readonly refreshes: number;
    /** Refresh tokens that were spent. */
    readonly consumed: number;
    /** Grants that were revoked because a spent refresh token came back. */
    readonly revoked: number;
    /** Token requests that were refused. */
    readonly refused: number;
  };
  /** What a refresh token is worth here. */
  readonly worth: (refreshToken: string) => "good" | "spent" | "unknown";
  readonly close: () => Promise<void>;
}

interface OidcOptions {
  /** True: each refresh token is good once, and its second use revokes the grant. */
  readonly rotate: boolean;
}

/** Starts oidc-provider on loopback. Its endpoints are named as Webex names them, so that the built command line finds them. */
export async function startOidcServer({ rotate }: OidcOptions): Promise<OidcServer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const rows = new Map<string, AdapterPayload>();
  const provider = new Provider(origin, {
    adapter: (model) => rowsAdapter(rows, model),
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [REDIRECT_URI],
        grant_types: ["authorization_code", "refresh_token"],
        token_endpoint_auth_method: "client_secret_post",
        application_type: "native",
      },
    ],
    routes: { authorization: "/authorize", token: "/access_token" },
    scopes: SCOPES,
    features: { devInteractions: { enabled: true } },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    rotateRefreshToken: rotate,
    issueRefreshToken: () => true,
    pkce: { required: () => true },
    ttl: {
      AccessToken: 600,
      RefreshToken: 86_400,
      AuthorizationCode: 60,
      Grant: 86_400,
      Session: 600,
      Interaction: 600,
      IdToken: 600,
    },
  });
  const seen = { refreshes: 0, consumed: 0, revoked: 0, refused: 0 };
  provider.on("grant.success", ({ oidc }) => {
    if (oidc.params?.["grant_type"] === "refresh_token") seen.refreshes++;
  });
  provider.on("refresh_token.consumed", () => seen.consumed++);
  provider.on("grant.revoked", () => seen.revoked++);
  provider.on("grant.error", () => seen.refused++);
  const handle = provider.callback();
  server.on("request", (request, response) => void handle(request, response));
  return {
    origin,
    port,
    seen,
    worth: (refreshToken) => {
      const row = rows.get(`RefreshToken:${refreshToken}`);
      if (row === undefined) return "unknown";
      return row.consumed === undefined ? "good" : "spent";
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * Where oidc-provider keeps its things: a table that forgets nothing. The one that comes with it keeps the
 * latest thousand entries, and so would not know an old refresh token again.
 */
function rowsAdapter(rows: Map<string, AdapterPayload>, model: string): Adapter {
  const find = async (id: string): Promise<AdapterPayload | undefined> => rows.get(`${model}:${id}`);
  const findWhere = async (field: "uid" | "userCode", value: string): Promise<AdapterPayload | undefined> =>
    [...rows].find(([key, row]) => key.startsWith(`${model}:`) && row[field] === value)?.[1];
  return {
    upsert: async (id, payload) => void rows.set(`${model}:${id}`, payload),
    find,
    findByUid: (uid) => findWhere("uid", uid),
    findByUserCode: (code) => findWhere("userCode", code),
    consume: async (id) => {
      const row = await find(id);
      if (row !== undefined) row.consumed = Math.floor(Date.now() / 1000);
    },
    destroy: async (id) => void rows.delete(`${model}:${id}`),
    revokeByGrantId: async (grantId) => {
      for (const [key, row] of rows) {
        if (key.startsWith(`${model}:`) && row.grantId === grantId) rows.delete(key);
      }
    },
  };
}

/** Signs in and consents on the pages that oidc-provider has for development. */
export function consent({ url, status, text }: Page): { url: string; form: URLSearchParams } {
  const action = /<form[^>]*action="([^"]+)"/.exec(text)?.[1];
  const prompt = /name="prompt" value="(\w+)"/.exec(text)?.[1];
  if (action === undefined || prompt === undefined) {
    throw new Error(`no form (${status}): ${text.slice(0, 300)}`);
  }

  return {
    url: new URL(action, url).href,
    form: new URLSearchParams({ prompt, login: "admin", password: "any" }),
  };
}
