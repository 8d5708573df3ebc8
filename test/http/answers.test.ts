/** Header fields of every answer, limits, the callback in the browser, and what must never be said. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseReturnTo } from "../../src/http/return-to.ts";
import { openScene } from "./scene.ts";
import { ROUTES } from "./all-routes.ts";

test("every answer, good or bad, has the same fields against misuse", async () => {
  const scene = await openScene();
  await scene.grant("meetings");
  const asked = [
    ...ROUTES.filter(({ method }) => method !== "delete").map(
      ({ method, path }) => `${method.toUpperCase()} ${path.replace("{name}", "meetings")}`,
    ),
    "GET /v1/grants/meetings/token",
    "GET /livez",
    "GET /readyz",
    "GET /openapi.json",
    "GET /metrics",
    "GET /oauth/callback",
    "GET /nothing",
    "PUT /livez",
    "PATCH /v1/grants",
    "DELETE /v1/grants/absent",
  ];
  for (const key of [scene.admin, null]) {
    for (const what of asked) {
      const { headers, status, text } = await scene.ask(what, { key });
      const shown = Object.fromEntries(headers);
      expect([what, shown]).toEqual([
        what,
        expect.objectContaining({
          "cache-control": "no-store",
          "content-security-policy": expect.stringContaining("default-src 'none'"),
          "cross-origin-opener-policy": "same-origin",
          "cross-origin-resource-policy": "same-origin",
          "referrer-policy": "no-referrer",
          "x-content-type-options": "nosniff",
          "x-frame-options": "DENY",
        }),
      ]);
      expect(shown).not.toHaveProperty("x-powered-by");
      expect(shown).not.toHaveProperty("server");
      const isPage = what.startsWith("GET /oauth/callback");
      if (status >= 400 && !isPage) expect(headers.get("content-type")).toBe("application/problem+json");
      if (status === 405) expect(headers.get("allow")).toMatch(/GET|POST/);
      if (status === 401) expect(headers.get("www-authenticate")).toMatch(/^Bearer/);
      if (status === 503) expect(headers.get("retry-after")).toMatch(/^\d+$/);
      expect(text).not.toContain(scene.home);
    }
  }
});

test("a key has its limit, and is told how long to wait; wrong keys have theirs, and harm no good one", async () => {
  const scene = await openScene({ config: { rateLimit: 5 } });
  await scene.grant("meetings");
  const one = await scene.key(["tokens:read"]);
  const statuses = [];
  for (let i = 0; i < 15; i++) {
    const answer = await scene.ask("GET /v1/grants/meetings/token", { key: one });
    statuses.push(answer.status);
    if (answer.status === 429) {
      expect(answer.headers.get("retry-after")).toBe("1");
      expect(answer.body).toMatchObject({
        code: "rate_limited",
        remedy: expect.stringContaining("5 a second"),
      });
    }
  }
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(10);
  expect(statuses.at(-1)).toBe(429);
  const wrong = [];
  for (let i = 0; i < 120; i++) {
    const headers = { authorization: `Bearer wrong-${i}`, "x-forwarded-for": `10.0.0.${i}` };
    wrong.push((await scene.ask("GET /v1/grants", { key: null, headers })).status);
  }
  expect(wrong.slice(0, 100).every((status) => status === 401)).toBe(true);
  expect(wrong.slice(110)).toContain(429);
  expect((await scene.ask("GET /v1/grants")).status).toBe(200);
});

const OFF_SITE = [
  "//evil",
  "///evil",
  "/\\evil",
  "\\\\evil",
  "\\/evil",
  "https://evil",
  "http:evil",
  "javascript:alert(1)",
];
const DRESSES = [
  (path: string) => path,
  (path: string) => ` ${path}`,
  (path: string) => `\t${path}`,
  (path: string) => `/${path}`,
  (path: string) => `/.${path}`,
  (path: string) => `/..${path}`,
  (path: string) => `/%2f${path}`,
  (path: string) => `/%5c${path}`,
  (path: string) => `${path}/..`,
  (path: string) => `${path}\r\nLocation: https://evil`,
  (path: string) => `/a\r\n${path}`,
  (path: string) => `/@${path}`,
  (path: string) => `/user:pass@${path}`,
  (path: string) => path.replaceAll("/", "%2f"),
  (path: string) => path.replaceAll("/", "%252f"),
  (path: string) => path.replaceAll("/", "\u2215"),
  (path: string) => path.replaceAll("/", "\uff0f"),
  (path: string) => `/\u0000${path}`,
  (path: string) => `/\u00a0${path}`,
  (path: string) => `data:text/html,${path}`,
  (path: string) => `/oauth/callback${path}`,
  (path: string) => `/;${path}`,
  (path: string) => `/?${path}`,
  (path: string) => `/#${path}`,
  (path: string) => path.toUpperCase(),
  (path: string) => `/a/../..${path}`,
];

test("nobody is sent to another site after an authorization", () => {
  const payloads = OFF_SITE.flatMap((path) => DRESSES.map((dress) => dress(path)));
  expect(new Set(payloads).size).toBeGreaterThanOrEqual(190);
  const here = "https://keeper.example";
  const led = payloads.flatMap((payload) => {
    try {
      return [new URL(parseReturnTo(payload), here)];
    } catch {
      return [];
    }
  });
  expect(led.filter(({ origin }) => origin !== here)).toEqual([]);
  expect(parseReturnTo("/grants/meetings?tab=history")).toBe("/grants/meetings?tab=history");
});

test("the callback: success, refusal, a state that is used, late or nobody's; each in plain words", async () => {
  const scene = await openScene();
  const begin = async (name: string, body: object = {}) => {
    const answer = await scene.ask(`POST /v1/grants/${name}/authorizations`, {
      body: { integration: "recorder", ...body },
    });
    expect(answer.status).toBe(201);
    return String(answer.body["authorization_url"]);
  };
  const come = async (address: string) => scene.ask(`GET ${address.replace(scene.url, "")}`, { key: null });
  const address = await scene.emulator.approve(await begin("meetings"));
  const good = await come(address);
  expect([good.status, good.text]).toEqual([200, expect.stringContaining("meetings is connected")]);
  expect(good.text).not.toMatch(/access_token|refresh_token|<script/);
  const again = await come(address);
  expect([again.status, again.text]).toEqual([400, expect.stringContaining("used already")]);
  const back = await come(await scene.emulator.approve(await begin("second", { return_to: "/livez" })));
  expect([back.status, back.headers.get("location")]).toEqual([303, "/livez"]);
  const denied = await come(await scene.emulator.approve(await begin("third"), { decision: "deny" }));
  expect([denied.status, denied.text]).toEqual([422, expect.stringContaining("It did not work")]);
  const stranger = await come("/oauth/callback?code=abc&state=nobody");
  expect([stranger.status, stranger.text]).toEqual([400, expect.stringContaining("does not belong")]);
  const odd = await come("/oauth/callback?error=<img%20src=x%20onerror=alert(1)>&state=nobody");
  expect(odd.text).not.toContain("<img");
  expect((await scene.ask("GET /v1/grants/meetings")).body["state"]).toBe("active");
  expect(scene.faults).toEqual([]);
});

test("no secret is where none may be: answers, files, the access log", async () => {
  const folder = mkdtempSync(join(tmpdir(), "grantkeeper-log-"));
  const accessLog = join(folder, "access.log");
  const scene = await openScene({ config: { accessLog } });
  const tokens = await scene.grant("meetings");
  const created = await scene.ask("POST /v1/api-keys", { body: { name: "fresh", scopes: ["tokens:read"] } });
  const key = String(created.body["key"]);
  const secrets = [tokens.access_token, tokens.refresh_token, key, scene.admin];
  await scene.ask("GET /v1/grants/meetings/token", { key });
  await scene.ask("POST /v1/grants/meetings/reveal");
  const begun = await scene.ask("POST /v1/grants/two/authorizations", { body: { integration: "recorder" } });
  secrets.push(String(begun.body["state"]));
  const quiet = [
    "GET /v1/grants",
    "GET /v1/grants/meetings",
    "GET /v1/integrations",
    "GET /v1/api-keys",
    "GET /v1/events",
    "GET /metrics",
  ];
  for (const what of quiet) {
    const { text, status } = await scene.ask(what);
    expect([what, status]).toEqual([what, 200]);
    for (const secret of secrets) expect(text).not.toContain(secret);
  }
  await scene.ask(`GET /v1/grants/meetings/token?x=${tokens.access_token}`);
  await scene.ask(`GET /v1/grants/${encodeURIComponent(key)}`);
  await scene.service.stop();
  const files = readdirSync(scene.home, { withFileTypes: true }).filter(
    (one) => one.isFile() && one.name !== "master.key",
  );
  const written = [...files.map(({ name }) => join(scene.home, name)), accessLog].map((file) =>
    readFileSync(file, "latin1"),
  );
  expect(written.at(-1)).toContain('"route":"/v1/grants"');
  for (const text of written) for (const secret of secrets) expect(text).not.toContain(secret);
  expect(statSync(accessLog).mode & 0o777).toBe(0o600);
  rmSync(folder, { recursive: true });
});
