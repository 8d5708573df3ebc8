import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Emulator, ErrorShape, RegisteredClient } from "../../src/emulator/index.ts";
import { basic, exchange, issue, obtainCode, post, refresh, setUp, textOf, works } from "./support.ts";
import type { Answer } from "./support.ts";

const verifier = "v".repeat(50);
const challenge = createHash("sha256").update(verifier).digest("base64url");

interface Case {
  name: string;
  run: (emulator: Emulator, client: RegisteredClient) => Promise<Answer>;
  status: number;
  error: string;
  message: string;
}

const cases: Case[] = [
  {
    name: "no secret, though PKCE is used",
    run: async (emulator, client) =>
      exchange(
        emulator,
        client,
        await obtainCode(emulator, client, { code_challenge: challenge, code_challenge_method: "S256" }),
        { code_verifier: verifier, client_secret: "" },
      ),
    status: 400,
    error: "invalid_request",
    message: "client_secret cannot be null or empty",
  },
  {
    name: "wrong secret",
    run: (emulator, client) => exchange(emulator, client, "x", { client_secret: "wrong" }),
    status: 401,
    error: "invalid_client",
    message: "Invalid client credentials",
  },
  {
    name: "unknown client",
    run: (emulator, client) => exchange(emulator, client, "x", { client_id: "C0" }),
    status: 401,
    error: "invalid_client",
    message: "Client Id is invalid",
  },
  {
    name: "unknown code",
    run: (emulator, client) => exchange(emulator, client, "x"),
    status: 400,
    error: "invalid_grant",
    message: "The authorization code is not valid.",
  },
  {
    name: "another redirect URI",
    run: async (emulator, client) =>
      exchange(emulator, client, await obtainCode(emulator, client), { redirect_uri: "http://127.0.0.1:1/" }),
    status: 400,
    error: "invalid_grant",
    message: "The redirect_uri does not match the one of the authorization request.",
  },
  {
    name: "wrong verifier",
    run: async (emulator, client) =>
      exchange(
        emulator,
        client,
        await obtainCode(emulator, client, { code_challenge: challenge, code_challenge_method: "S256" }),
        { code_verifier: "w".repeat(50) },
      ),
    status: 400,
    error: "invalid_grant",
    message: "The code_verifier does not match the code_challenge.",
  },
  {
    name: "no verifier for a challenge",
    run: async (emulator, client) =>
      exchange(emulator, client, await obtainCode(emulator, client, { code_challenge: challenge })),
    status: 400,
    error: "invalid_grant",
    message: "The code_verifier does not match the code_challenge.",
  },
  {
    name: "a verifier for no challenge",
    run: async (emulator, client) =>
      exchange(emulator, client, await obtainCode(emulator, client), { code_verifier: verifier }),
    status: 400,
    error: "invalid_grant",
    message: "The code_verifier does not match the code_challenge.",
  },
  {
    name: "expired code",
    run: async (emulator, client) => {
      const code = await obtainCode(emulator, client);
      emulator.advance(300_000);
      return exchange(emulator, client, code);
    },
    status: 400,
    error: "invalid_grant",
    message: "The authorization code has expired.",
  },
  {
    name: "a code of another client",
    run: async (emulator, client) =>
      exchange(emulator, emulator.registerClient(), await obtainCode(emulator, client)),
    status: 400,
    error: "invalid_grant",
    message: "The authorization code is not valid.",
  },
  {
    name: "unknown refresh token",
    run: (emulator, client) => refresh(emulator, client, "x"),
    status: 400,
    error: "invalid_grant",
    message: "The refresh token is not valid or was revoked.",
  },
  {
    name: "a refresh token of another client",
    run: (emulator, client) =>
      refresh(emulator, emulator.registerClient(), issue(emulator, client).refresh_token),
    status: 400,
    error: "invalid_grant",
    message: "The refresh token is not valid or was revoked.",
  },
  {
    name: "expired refresh token",
    run: (emulator, client) => {
      const { refresh_token: token } = issue(emulator, client);
      emulator.advance(7_775_999_000);
      return refresh(emulator, client, token);
    },
    status: 400,
    error: "invalid_grant",
    message: "The refresh token has expired.",
  },
  {
    name: "unknown grant type",
    run: (emulator, client) => exchange(emulator, client, "x", { grant_type: "password" }),
    status: 400,
    error: "unsupported_grant_type",
    message: "The grant type is not supported.",
  },
  {
    name: "no refresh token",
    run: (emulator, client) => refresh(emulator, client, ""),
    status: 400,
    error: "invalid_request",
    message: "The request could not be understood by the server due to malformed syntax.",
  },
  {
    name: "a JSON body",
    run: (emulator) => post(`${emulator.baseUrl}/access_token`, {}, { "content-type": "application/json" }),
    status: 415,
    error: "invalid_request",
    message: "The body must be application/x-www-form-urlencoded.",
  },
];

for (const shape of ["gateway", "broker"] satisfies ErrorShape[]) {
  describe(`refuses in the ${shape} shape`, () => {
    test.each(cases)("$name", async ({ run, status, error, message }) => {
      const { emulator, client } = await setUp({ errorShape: shape });
      const answer = await run(emulator, client);
      expect(answer.status).toBe(status);
      const trackingId = answer.headers.get("trackingid");
      expect(trackingId).toMatch(/^ROUTER_/);
      if (shape === "broker") expect(answer.json).toEqual({ error, error_description: message });
      else {
        expect(answer.json).toEqual({
          message,
          errors: [{ description: expect.any(String) }],
          trackingId,
        });
        if (error === "invalid_grant") expect(JSON.stringify(answer.json)).toContain("invalid_grant");
      }
    });
  });
}

test("a refusal's wording can be set", async () => {
  const { emulator, client } = await setUp({ errorTexts: { refresh_token_invalid: "Nope" } });
  expect((await refresh(emulator, client, "x")).json["message"]).toBe("Nope");
  expect(() => emulator.configure({ errorTexts: { nonsense: "x" } })).toThrow(TypeError);
});

test("a parameter given twice is refused", async () => {
  const { emulator, client } = await setUp();
  const { refresh_token: token } = issue(emulator, client);
  const body = new URLSearchParams({
    grant_type: "refresh_token",
    client_id: client.clientId,
    client_secret: client.clientSecret,
    refresh_token: token,
  });
  body.append("refresh_token", token);
  const response = await fetch(`${emulator.baseUrl}/access_token`, { method: "POST", body });
  expect(response.status).toBe(400);
});

test("a wrong secret in the header is told the scheme", async () => {
  const { emulator, client } = await setUp();
  const form = { grant_type: "refresh_token", refresh_token: "x" };
  const answer = await post(`${emulator.baseUrl}/access_token`, form, basic(client, "wrong"));
  expect(answer.status).toBe(401);
  expect(answer.headers.get("www-authenticate")).toContain("Basic");
});

test("a code works once; presenting it again ends what it made", async () => {
  const { emulator, client } = await setUp();
  const code = await obtainCode(emulator, client);
  const { json } = await exchange(emulator, client, code);
  expect(await works(emulator, json["access_token"])).toBe(true);
  expect((await exchange(emulator, client, code)).json["message"]).toContain("used already");
  expect(await works(emulator, json["access_token"])).toBe(false);
  expect((await refresh(emulator, client, textOf(json["refresh_token"]))).status).toBe(400);

  emulator.configure({ codeReuseRevokes: false });
  const second = await obtainCode(emulator, client);
  const tokens = (await exchange(emulator, client, second)).json;
  await exchange(emulator, client, second);
  expect(await works(emulator, tokens["access_token"])).toBe(true);
});

test("the switches of the unknown", async () => {
  const { emulator, client } = await setUp({ extraScopes: ["spark:kms"], maxAccessTokens: 4 });
  const first = issue(emulator, client, { scopes: ["spark:people_read"] });
  expect(first.scope).toBe("spark:people_read spark:kms");

  emulator.configure({ unchangedWithinSeconds: 86_400 });
  emulator.advance(3_600_000);
  const unchanged = (await refresh(emulator, client, first.refresh_token)).json;
  expect(unchanged).toMatchObject({
    access_token: first.access_token,
    expires_in: 1_209_599 - 3600,
    refresh_token_expires_in: 7_775_999 - 3600,
  });
  emulator.advance(86_400_000);
  const changed = (await refresh(emulator, client, first.refresh_token)).json;
  expect(changed["access_token"]).not.toBe(first.access_token);
  expect(changed["refresh_token_expires_in"]).toBe(7_775_999);

  emulator.configure({ unchangedWithinSeconds: 0, refreshTokenSlides: false });
  emulator.advance(10_000);
  const fixed = (await refresh(emulator, client, first.refresh_token)).json;
  expect(fixed["refresh_token_expires_in"]).toBe(7_775_989);

  emulator.configure({ omitFromRefresh: ["refresh_token", "token_type", "scope"] });
  const bare = (await refresh(emulator, client, first.refresh_token)).json;
  expect(Object.keys(bare)).toEqual(["access_token", "expires_in", "refresh_token_expires_in"]);

  const full = await refresh(emulator, client, first.refresh_token);
  expect(full.status).toBe(400);
  expect(JSON.stringify(full.json)).toContain("tokenlimit_reached");
  expect(await works(emulator, first.access_token)).toBe(true);
  emulator.configure({ oldAccessTokenDies: true });
  expect((await refresh(emulator, client, first.refresh_token)).status).toBe(200);
  expect(await works(emulator, first.access_token)).toBe(false);
});

test("expired access tokens make room", async () => {
  const { emulator, client } = await setUp({ maxAccessTokens: 1 });
  const { refresh_token: token } = issue(emulator, client);
  expect((await refresh(emulator, client, token)).status).toBe(400);
  emulator.advance(1_209_599_000);
  expect((await refresh(emulator, client, token)).status).toBe(200);
});

test("the Date header follows the emulator's clock", async () => {
  const { emulator, client } = await setUp({ now: () => Date.UTC(2030, 0, 1) });
  emulator.advance(3_600_000);
  const { headers } = await refresh(emulator, client, "x");
  expect(headers.get("date")).toBe("Tue, 01 Jan 2030 01:00:00 GMT");
});
