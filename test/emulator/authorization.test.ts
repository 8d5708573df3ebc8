import { describe, expect, test } from "vitest";
import { authorizationUrl, callback, exchange, obtainCode, setUp } from "./support.ts";

async function open(url: string): Promise<{ status: number; location: URL | undefined; text: string }> {
  const response = await fetch(url, { redirect: "manual" });
  const location = response.headers.get("location");
  return {
    status: response.status,
    location: location === null ? undefined : new URL(location),
    text: await response.text(),
  };
}

describe("never redirects to an address that is not registered", () => {
  const wrong = [
    ["another port", "http://127.0.0.1:8701/oauth/callback"],
    ["another path", `${callback}/`],
    ["another case", "http://127.0.0.1:8700/OAuth/callback"],
    ["a query added", `${callback}?x=1`],
    ["localhost for the address", "http://localhost:8700/oauth/callback"],
    ["a user in front", "http://a@127.0.0.1:8700/oauth/callback"],
    ["escaped otherwise", "http://127.0.0.1:8700/%6Fauth/callback"],
  ] as const;
  test.each(wrong)("%s", async (_, redirectUri) => {
    const { emulator, client } = await setUp();
    const answer = await open(authorizationUrl(emulator, client, { redirect_uri: redirectUri }));
    expect(answer).toMatchObject({ status: 400, location: undefined });
    expect(answer.text).toContain("Redirect URI not registered");
  });

  test("unknown client", async () => {
    const { emulator, client } = await setUp();
    const answer = await open(authorizationUrl(emulator, client, { client_id: "C0" }));
    expect(answer).toMatchObject({ status: 400, location: undefined });
  });

  test("a client id given twice", async () => {
    const { emulator, client } = await setUp();
    const answer = await open(`${authorizationUrl(emulator, client)}&client_id=${client.clientId}`);
    expect(answer).toMatchObject({ status: 400, location: undefined });
  });
});

describe("carries errors back with the state", () => {
  const cases: [string, Record<string, string | undefined>, string][] = [
    ["no scope", { scope: undefined }, "invalid_scope"],
    ["a scope that is not registered", { scope: "spark:all" }, "invalid_scope"],
    ["one scope of two not registered", { scope: "spark:people_read spark:all" }, "invalid_scope"],
    ["no response type", { response_type: undefined }, "invalid_request"],
    ["an implicit response type", { response_type: "token" }, "unsupported_response_type"],
    ["prompt=none with nobody signed in", { prompt: "none" }, "login_required"],
    ["a short challenge", { code_challenge: "short" }, "invalid_request"],
    ["a challenge method without challenge", { code_challenge_method: "S256" }, "invalid_request"],
    [
      "an unknown challenge method",
      { code_challenge: "a".repeat(43), code_challenge_method: "S512" },
      "invalid_request",
    ],
  ];
  test.each(cases)("%s", async (_, changes, error) => {
    const { emulator, client } = await setUp();
    const { status, location } = await open(authorizationUrl(emulator, client, changes));
    expect(status).toBe(302);
    expect(location?.origin).toBe("http://127.0.0.1:8700");
    expect(Object.fromEntries(location?.searchParams ?? [])).toMatchObject({ error, state: "s1" });
  });

  test("OpenID scopes need no registration", async () => {
    const { emulator, client } = await setUp();
    expect(await obtainCode(emulator, client, { scope: "openid email" })).not.toBe("");
  });
});

test("a single registered redirect URI may be left out, at both ends", async () => {
  const { emulator, client } = await setUp();
  const code = await obtainCode(emulator, client, { redirect_uri: undefined });
  expect((await exchange(emulator, client, code, { redirect_uri: "" })).status).toBe(200);
  const two = emulator.registerClient({ redirectUris: [callback, "com.example.app:/cb"] });
  expect((await open(authorizationUrl(emulator, two, { redirect_uri: undefined }))).status).toBe(400);
});

test("keeps the query of a registered address and accepts custom schemes", async () => {
  const { emulator } = await setUp();
  const redirectUris = ["https://example.com/cb?tenant=a%20b", "com.example.app:/cb"];
  const client = emulator.registerClient({ redirectUris });
  for (const uri of redirectUris) {
    const location = await emulator.approve(authorizationUrl(emulator, client, { redirect_uri: uri }));
    expect(location.startsWith(`${uri}${uri.includes("?") ? "&" : "?"}code=`)).toBe(true);
  }
  expect(() => emulator.registerClient({ redirectUris: ["/relative"] })).toThrow(TypeError);
  expect(() => emulator.registerClient({ redirectUris: ["https://a/#x"] })).toThrow(TypeError);
});

test("a decision is made once, by POST with its ticket", async () => {
  const { emulator, client } = await setUp();
  const url = authorizationUrl(emulator, client);
  const { text } = await open(url);
  const ticket = /name="ticket" value="([^"]+)"/.exec(text)?.[1] ?? "";
  const decide = (form: Record<string, string>): Promise<Response> =>
    fetch(`${emulator.baseUrl}/authorize`, {
      method: "POST",
      body: new URLSearchParams({ user: "admin@example.com", decision: "approve", ...form }),
      redirect: "manual",
    });
  const byGet = await open(`${url}&ticket=${ticket}&user=admin@example.com&decision=approve`);
  expect(byGet).toMatchObject({ status: 200, location: undefined });
  expect((await decide({})).status).toBe(400);
  expect((await decide({ ticket })).status).toBe(303);
  expect((await decide({ ticket })).status).toBe(400);

  const late = /name="ticket" value="([^"]+)"/.exec((await open(url)).text)?.[1] ?? "";
  emulator.advance(901_000);
  expect((await decide({ ticket: late })).status).toBe(400);
});

test("a page escapes what it shows", async () => {
  const { emulator } = await setUp();
  const name = `<img src=x onerror=alert(1)>"'&`;
  const client = emulator.registerClient({ name });
  const { text } = await open(authorizationUrl(emulator, client, { login_hint: `"><script>` }));
  expect(text).not.toContain("<img");
  expect(text).not.toContain("<script");
  expect(text).toContain("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;");
});

test("the organisation's policy and an unknown person end without a redirect", async () => {
  const { emulator, client } = await setUp();
  const url = authorizationUrl(emulator, client);
  await expect(emulator.approve(url, { user: "nobody@example.com" })).rejects.toThrow("400");
  emulator.configure({ organizationDenies: true });
  await expect(emulator.approve(url)).rejects.toThrow("403: Access denied");
});

test("a fault carries server_error back", async () => {
  const { emulator, client } = await setUp();
  emulator.fault({ on: "authorize", kind: "error_redirect", error: "server_error" });
  const location = new URL(await emulator.approve(authorizationUrl(emulator, client)));
  expect(Object.fromEntries(location.searchParams)).toEqual({ error: "server_error", state: "s1" });
  emulator.fault({ on: "authorize", kind: "error_redirect", error: "server_error", skip: 1 });
  const afterSignIn = await emulator.approve(authorizationUrl(emulator, client));
  expect(afterSignIn).toBe(location.href);
  expect(emulator.ledger()).toEqual([]);
});
