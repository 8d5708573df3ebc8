import { createHash, randomBytes } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Provider } from "oidc-provider";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RefreshOutcome } from "../../src/core/outcome.ts";
import { buildAuthorizationUrl } from "../../src/oauth/authorization-url.ts";
import { parseRedirected } from "../../src/oauth/callback.ts";
import { codeChallengeOf, newCodeVerifier, newState } from "../../src/oauth/pkce.ts";
import { revokeToken } from "../../src/oauth/revocation.ts";
import { exchangeCode, refreshTokens } from "../../src/oauth/token-request.ts";
import { createTransport } from "../../src/oauth/transport.ts";
import type { ClientAuthentication, ProviderProfile } from "../../src/providers/profile.ts";
import { webex } from "../../src/providers/webex.ts";

/** An authorization server that is none of ours, with rotation and the revocation of a family on reuse. */

const REDIRECT = "http://127.0.0.1:8700/oauth/callback";
const SECRET = "s:+%&= ecret-0123456789-0123456789";
const { send, close } = createTransport();
const now = () => Date.now();
let server: Server;
let origin = "";

beforeAll(async () => {
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clients = (["client_secret_post", "client_secret_basic"] as const).map((method) => ({
    client_id: `client:${method}`,
    client_secret: SECRET,
    redirect_uris: [REDIRECT],
    grant_types: ["authorization_code", "refresh_token"],
    token_endpoint_auth_method: method,
    application_type: "native" as const,
  }));
  const provider = new Provider(origin, {
    clients,
    scopes: ["openid", "offline_access"],
    features: { devInteractions: { enabled: true }, revocation: { enabled: true } },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    rotateRefreshToken: true,
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
  const handle = provider.callback();
  server.on("request", (request, response) => void handle(request, response));
});

afterAll(async () => {
  await close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function profileOf(clientAuthentication: ClientAuthentication): ProviderProfile {
  const endpoints = (base: string) => ({
    authorization: `${base}/auth`,
    token: `${base}/token`,
    deviceAuthorization: null,
    deviceToken: null,
    revocation: `${base}/token/revocation`,
  });
  return { ...webex, refusals: [], clientAuthentication, endpoints };
}

async function begin(method: ClientAuthentication) {
  const profile = profileOf(method);
  const client = {
    clientId: `client:${method}`,
    clientSecret: SECRET,
    redirectUri: REDIRECT,
    baseUrl: origin,
  };
  const codeVerifier = newCodeVerifier(randomBytes);
  const state = newState(randomBytes);
  const codeChallenge = await codeChallengeOf(codeVerifier);
  const scopes = ["openid", "offline_access"];
  const parts = { profile, client, scopes, state, codeChallenge, redirectUri: REDIRECT };
  const address = `${buildAuthorizationUrl(parts)}&prompt=consent`;
  const redirected = parseRedirected(await consent(address), REDIRECT);
  if (redirected.kind !== "code") throw new Error(redirected.error);
  expect(redirected).toMatchObject({ state, iss: origin });
  const context = { profile, client, send, now };
  return { ...context, context, code: redirected.code, codeVerifier, redirectUri: REDIRECT };
}

/** A person with a browser: follows redirects, keeps cookies, fills in what forms it meets. */
async function consent(address: string): Promise<string> {
  const cookies = new Map<string, string>();
  let url = address;
  let form: URLSearchParams | null = null;
  for (let step = 0; step < 20; step++) {
    if (url.startsWith(REDIRECT)) return url;
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response: Response = await fetch(url, {
      redirect: "manual",
      headers: { cookie },
      ...(form && { method: "POST", body: form }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get("location");
    if (location !== null) {
      [url, form] = [new URL(location, url).href, null];
      continue;
    }
    const page = await response.text();
    const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1];
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
    if (action === undefined || prompt === undefined)
      throw new Error(`no form (${response.status}): ${page.slice(0, 300)}`);
    form = new URLSearchParams({ prompt, login: "admin", password: "any" });
    url = new URL(action, url).href;
  }
  throw new Error("too many steps");
}

function delivered(outcome: RefreshOutcome) {
  if (outcome.kind !== "refreshed") throw new Error(JSON.stringify(outcome));
  const { refreshToken } = outcome.answer;
  if (refreshToken === null) throw new Error("no refresh token");
  return { ...outcome.answer, refreshToken };
}

describe.each(["client_secret_post", "client_secret_basic"] as const)(
  "an independent server, %s",
  (method) => {
    it("code with PKCE, exchange, refresh with rotation, reuse, and then nothing more", async () => {
      const begun = await begin(method);
      const first = delivered(await exchangeCode(begun));
      expect(first).toMatchObject({
        tokenType: "Bearer",
        expiresIn: 600,
        scopes: ["openid", "offline_access"],
      });

      const second = delivered(await refreshTokens({ ...begun.context, refreshToken: first.refreshToken }));
      expect(second.refreshToken).not.toBe(first.refreshToken);
      const third = delivered(await refreshTokens({ ...begun.context, refreshToken: second.refreshToken }));

      for (const spent of [second.refreshToken, third.refreshToken]) {
        const outcome = await refreshTokens({ ...begun.context, refreshToken: spent });
        expect(outcome).toMatchObject({
          kind: "grant_rejected",
          refusal: { cause: "refresh_token_rejected", answer: { status: 400, error: "invalid_grant" } },
        });
        expect(JSON.stringify(outcome)).not.toContain(spent);
      }
    });

    it("a code is spent by its first use", async () => {
      const begun = await begin(method);
      delivered(await exchangeCode(begun));
      expect(await exchangeCode(begun)).toMatchObject({
        kind: "grant_rejected",
        refusal: { cause: "code_rejected" },
      });
    });

    it("another verifier, none, and another redirect URI", async () => {
      const changes = [
        { codeVerifier: createHash("sha256").update("x").digest("base64url") },
        { codeVerifier: null },
        { redirectUri: `${REDIRECT}/` },
      ];
      for (const change of changes) {
        const outcome = await exchangeCode({ ...(await begin(method)), ...change });
        expect(outcome).toMatchObject({
          kind: "grant_rejected",
          refusal: { answer: { error: "invalid_grant" } },
        });
      }
    });

    it("another secret is the integration's fault, and spends nothing", async () => {
      const begun = await begin(method);
      const first = delivered(await exchangeCode(begun));
      const wrong = { ...begun.client, clientSecret: "another-secret-0123456789" };
      const outcome = await refreshTokens({
        ...begun.context,
        client: wrong,
        refreshToken: first.refreshToken,
      });
      expect(outcome).toMatchObject({ kind: "integration_rejected", refusal: { cause: "client_rejected" } });
      delivered(await refreshTokens({ ...begun.context, refreshToken: first.refreshToken }));
    });

    it("revocation ends the refresh token, and may be repeated", async () => {
      const begun = await begin("client_secret_basic");
      const first = delivered(await exchangeCode(begun));
      const request = { ...begun.context, token: first.refreshToken, hint: "refresh_token" } as const;
      expect(await revokeToken(request)).toEqual({ kind: "revoked" });
      expect(await revokeToken(request)).toEqual({ kind: "revoked" });
      const outcome = await refreshTokens({ ...begun.context, refreshToken: first.refreshToken });
      expect(outcome.kind).toBe("grant_rejected");
    });
  },
);
