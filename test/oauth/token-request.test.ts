import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { ClientRegistration } from "../../src/oauth/client-registration.ts";
import { lookUpAccount } from "../../src/oauth/account.ts";
import { revokeToken } from "../../src/oauth/revocation.ts";
import type { Send } from "../../src/oauth/send.ts";
import { exchangeCode, refreshTokens } from "../../src/oauth/token-request.ts";
import { createTransport } from "../../src/oauth/transport.ts";
import type { ClientAuthentication, ProviderProfile } from "../../src/providers/profile.ts";
import { webex, webexGov } from "../../src/providers/webex.ts";
import { closeServers, freePort, httpServer, type TestServer } from "./servers.ts";

const SECRET = ":+%&=é canary";
const CLIENT_ID = "C:1+2";
const TOKENS = { access_token: "A", refresh_token: "R", expires_in: 60, refresh_token_expires_in: 600 };
const { send, close } = createTransport();
const now = () => Date.parse("2026-11-23T12:00:00Z");

afterEach(closeServers);
afterAll(close);

function clientOf(
  server: { readonly origin: string },
  clientSecret: string | null = SECRET,
): ClientRegistration {
  return {
    clientId: CLIENT_ID,
    clientSecret,
    redirectUri: "http://127.0.0.1:8700/cb",
    baseUrl: `${server.origin}/v1`,
  };
}

function withAuthentication(clientAuthentication: ClientAuthentication): ProviderProfile {
  return { ...webex, clientAuthentication };
}

const delivering = () => httpServer((_request, response) => void response.end(JSON.stringify(TOKENS)));

function sentTo(server: TestServer) {
  const [request] = server.requests;
  if (request === undefined || server.requests.length !== 1) throw new Error("not exactly one request");
  return { request, form: Object.fromEntries(new URLSearchParams(request.body)) };
}

const rejecting: Send = () => Promise.reject(new Error("canary"));

function revoke(server: TestServer) {
  const client = clientOf(server, "word");
  return revokeToken({ profile: webex, client, token: "T+1", hint: "refresh_token", send });
}

function ask(server: TestServer, scopes: string[]) {
  const baseUrl = `${server.origin}/v1`;
  return lookUpAccount({ profile: webex, baseUrl, scopes, accessToken: "A+1", send });
}

const formDecode = (text: string) => new URLSearchParams(`x=${text}`).get("x");

describe("a refresh on the wire", () => {
  it("client_secret_post: refresh token and client, and nothing else", async () => {
    const server = await delivering();
    const outcome = await refreshTokens({
      profile: webex,
      client: clientOf(server),
      refreshToken: "R+0/=&",
      send,
      now,
    });
    expect(outcome).toMatchObject({ kind: "refreshed", answer: { accessToken: "A", refreshToken: "R" } });
    const { request, form } = sentTo(server);
    expect(request).toMatchObject({ method: "POST", url: "/v1/access_token" });
    expect(form).toEqual({
      grant_type: "refresh_token",
      refresh_token: "R+0/=&",
      client_id: CLIENT_ID,
      client_secret: SECRET,
    });
    expect(request.headers["content-type"]).toBe("application/x-www-form-urlencoded;charset=UTF-8");
    expect(request.headers["accept"]).toBe("application/json");
    expect(request.headers["user-agent"]).toBe("grantkeeper");
    expect(request.headers["authorization"]).toBeUndefined();
  });

  it("client_secret_basic: form-urlencoded before Basic (RFC 6749 section 2.3.1)", async () => {
    const server = await delivering();
    const profile = withAuthentication("client_secret_basic");
    await refreshTokens({ profile, client: clientOf(server), refreshToken: "R0", send, now });
    const { request, form } = sentTo(server);
    expect(form).toEqual({ grant_type: "refresh_token", refresh_token: "R0" });
    const [scheme, credentials = ""] = (request.headers["authorization"] ?? "").split(" ");
    const [id = "", secret = "", ...rest] = Buffer.from(credentials, "base64").toString("latin1").split(":");
    expect([scheme, formDecode(id), formDecode(secret), rest]).toEqual(["Basic", CLIENT_ID, SECRET, []]);
  });

  it.each([
    ["none", SECRET],
    ["client_secret_post", null],
    ["client_secret_basic", null],
  ] as const)("%s with secret %j: the client id alone", async (authentication, secret) => {
    const server = await delivering();
    const profile = withAuthentication(authentication);
    await refreshTokens({ profile, client: clientOf(server, secret), refreshToken: "R0", send, now });
    const { request, form } = sentTo(server);
    expect(form).toEqual({ grant_type: "refresh_token", refresh_token: "R0", client_id: CLIENT_ID });
    expect(request.headers["authorization"]).toBeUndefined();
  });

  it("is not sent when the time for it has passed", async () => {
    const server = await delivering();
    const client = clientOf(server);
    const outcome = await refreshTokens({
      profile: webex,
      client,
      refreshToken: "R0",
      send,
      now,
      mayStillSend: () => false,
    });
    expect(outcome).toMatchObject({ kind: "unavailable", reason: "never_sent" });
    expect(server.received()).toBe(0);
  });
});

describe("an exchange on the wire", () => {
  const redirectUri = "http://127.0.0.1:8700/oauth/callback?a=b c";

  it("with a verifier", async () => {
    const server = await delivering();
    const client = clientOf(server);
    await exchangeCode({ profile: webex, client, code: "c+d/e=", redirectUri, codeVerifier: "v", send, now });
    expect(sentTo(server).form).toEqual({
      grant_type: "authorization_code",
      code: "c+d/e=",
      redirect_uri: redirectUri,
      code_verifier: "v",
      client_id: CLIENT_ID,
      client_secret: SECRET,
    });
  });

  it("without one", async () => {
    const server = await delivering();
    const client = clientOf(server);
    await exchangeCode({ profile: webex, client, code: "c", redirectUri, codeVerifier: null, send, now });
    expect(sentTo(server).form).not.toHaveProperty("code_verifier");
  });
});

describe("what comes of it", () => {
  it("never sent and lost", async () => {
    const port = await freePort();
    const nobody = clientOf({ origin: `http://127.0.0.1:${port}` });
    const never = await refreshTokens({ profile: webex, client: nobody, refreshToken: "R0", send, now });
    expect(never).toMatchObject({ kind: "unavailable", reason: "never_sent" });
    const server = await httpServer((_request, response) => response.destroy());
    const lost = await refreshTokens({
      profile: webex,
      client: clientOf(server),
      refreshToken: "R0",
      send,
      now,
    });
    expect(lost).toMatchObject({ kind: "in_doubt", reason: "connection_lost" });
    expect(server.requests).toHaveLength(1);
  });

  it("a refusal that repeats what was sent shows none of it", async () => {
    const server = await httpServer(({ body, headers }, response) => {
      const said = `${body} | ${new URLSearchParams(body).get("client_secret")} | ${headers["authorization"]}`;
      response.writeHead(400).end(JSON.stringify({ error: "invalid_request", error_description: said }));
    });
    for (const authentication of ["client_secret_post", "client_secret_basic"] as const) {
      const profile = withAuthentication(authentication);
      const client = clientOf(server, "canary-secret:+%&=é");
      const outcome = await refreshTokens({
        profile,
        client,
        refreshToken: "canaryRefresh-0123456789",
        send,
        now,
      });
      expect(outcome.kind).toBe("unavailable");
      expect(JSON.stringify(outcome)).not.toMatch(/canary|Y2FuYXJ5|%2B%25/);
      const basic = Buffer.from(`${CLIENT_ID}:canary-secret`).toString("base64");
      expect(JSON.stringify(outcome)).not.toContain(basic);
    }
  });

  it("nothing secret goes to a far host without TLS, and what cannot be built is not sent", async () => {
    const asked: string[] = [];
    const spy: Send = (request) => {
      asked.push(request.url);
      return Promise.resolve({ kind: "not_sent", detail: "spy" });
    };
    const far = clientOf({ origin: "http://provider.example" });
    const odd = { ...clientOf({ origin: "https://provider.example" }), clientSecret: "\ud800" };
    const profile = withAuthentication("client_secret_basic");
    for (const client of [far, odd, { ...odd, baseUrl: "nonsense" }]) {
      const outcome = await refreshTokens({ profile, client, refreshToken: "R0", send: spy, now });
      expect(outcome).toMatchObject({ kind: "unavailable", reason: "never_sent" });
    }
    expect(asked).toEqual([]);
  });

  it("a port that throws leaves it open whether anything was written", async () => {
    const client = clientOf({ origin: "https://provider.example" });
    const outcome = await refreshTokens({ profile: webex, client, refreshToken: "R0", send: rejecting, now });
    expect(outcome).toMatchObject({ kind: "in_doubt", reason: "connection_lost" });
    expect(JSON.stringify(outcome)).not.toContain("canary");
  });
});

describe("revocation", () => {
  it("goes to the broker's path on the host of a base address that was given, with Basic", async () => {
    const server = await httpServer((_request, response) => void response.end());
    expect(await revoke(server)).toEqual({ kind: "revoked" });
    const { request, form } = sentTo(server);
    expect(request.url).toBe("/idb/oauth2/v1/revoke");
    expect(form).toEqual({ token: "T+1", token_type_hint: "refresh_token" });
    expect(request.headers["authorization"]).toMatch(/^Basic /);
  });

  it.each([
    [200, "", "revoked"],
    [204, "", "revoked"],
    [404, "", "not_offered"],
    [405, "", "not_offered"],
    [501, "", "not_offered"],
    [400, '{"error":"unsupported_token_type"}', "not_offered"],
    [400, '{"error":"invalid_request"}', "refused"],
    [401, '{"error":"invalid_client","error_description":"word is bad, T+1 too"}', "refused"],
    [302, "", "unavailable"],
    [429, "", "unavailable"],
    [500, "", "unavailable"],
    [503, "", "unavailable"],
  ])("%i %s: %s", async (status, body, kind) => {
    const server = await httpServer((_request, response) => void response.writeHead(status).end(body));
    const result = await revoke(server);
    expect(result.kind).toBe(kind);
    expect(JSON.stringify(result)).not.toContain("word is bad");
  });

  it("says that it could not be reached, or that there is none", async () => {
    const server = await httpServer((_request, response) => response.destroy());
    expect((await revoke(server)).kind).toBe("unavailable");
    const client = { ...clientOf(server), baseUrl: null };
    expect(
      await revokeToken({ profile: webexGov, client, token: "T", hint: "access_token", send: rejecting }),
    ).toEqual({
      kind: "not_offered",
    });
  });
});

describe("who granted", () => {
  it("is asked with the token, where a scope allows", async () => {
    const person = {
      id: "P1",
      displayName: "Jo A",
      emails: ["jo@example.com", "j@example.com"],
      orgId: "O1",
      roles: [],
    };
    const server = await httpServer((_request, response) => void response.end(JSON.stringify(person)));
    expect(await ask(server, ["meeting:admin_schedule_read"])).toBeNull();
    expect(server.connections()).toBe(0);
    const account = { id: "P1", displayName: "Jo A", email: "jo@example.com", orgId: "O1" };
    for (const scope of ["spark:people_read", "spark-admin:people_read", "spark:all"]) {
      expect(await ask(server, [scope])).toEqual(account);
    }
    expect(server.requests[0]).toMatchObject({ method: "GET", url: "/v1/people/me" });
    expect(server.requests[0]?.headers["authorization"]).toBe("Bearer A+1");
  });

  it.each([
    [200, "", null],
    [200, "[]", null],
    [200, "{}", null],
    [
      200,
      '{"id":7,"emails":"a@example.com"}',
      { id: null, displayName: null, email: "a@example.com", orgId: null },
    ],
    [
      200,
      '{"id":"P\\u0000\\u202e1","emails":[]}',
      { id: "P  1", displayName: null, email: null, orgId: null },
    ],
    [401, '{"id":"P1"}', null],
    [302, "", null],
    [500, "", null],
  ])("%i %s", async (status, body, expected) => {
    const server = await httpServer((_request, response) => void response.writeHead(status).end(body));
    expect(await ask(server, ["spark:all"])).toEqual(expected);
  });
});
