/** Every route × every scope × every kind of key: nothing is allowed that is not meant to be. */
import { expect, test } from "vitest";
import { API_KEY_SCOPES, type ApiKeyScope, newApiKeyText, UNBOUND_SCOPES } from "../../src/core/api-key.ts";
import { createApiKey, revokeApiKey } from "../../src/keeper/api-keys.ts";
import type { Route } from "../../src/http/route.ts";
import { openWatchedScene as openScene, type Scene } from "./scene.ts";
import { ROUTES } from "./all-routes.ts";

const SCOPES = Object.keys(API_KEY_SCOPES) as ApiKeyScope[];

/** Looking is allowed to go through; what would change something is sent with a body that is refused at once. */
const REFUSED = { body: "{" };

function callOf(route: Route, name: string): [what: string, options: { body?: unknown }] {
  const path = route.path.replace("{name}", name);
  const isLook = route.method === "get";
  return [`${route.method.toUpperCase()} ${path}`, isLook || route.method === "delete" ? {} : REFUSED];
}

/** Deleting has no body to be refused for: of something that is not there, being let in is a 404. */
function subjectOf(route: Route): string {
  return route.method === "delete" ? "absent" : "meetings";
}

async function statusOf(scene: Scene, route: Route, key: string | null): Promise<number> {
  const [what, options] = callOf(route, subjectOf(route));
  return (await scene.ask(what, { key, ...options })).status;
}

/** 2xx, or a refusal that comes after the key was looked at. */
const IS_IN = new Set([200, 201, 204, 400, 404, 409, 422]);

test("each scope opens its own routes and no others", async () => {
  const scene = await openScene();
  await scene.grant("meetings");
  const found: string[] = [];
  const expected: string[] = [];
  for (const scope of SCOPES) {
    const key = await scene.key([scope]);
    for (const route of ROUTES) {
      const cell = `${scope} ${route.method} ${route.path}`;
      if (scope === "admin" || route.scopes.includes(scope)) expected.push(cell);
      // Twice: the second time a token may come from memory.
      const statuses = [await statusOf(scene, route, key), await statusOf(scene, route, key)];
      if (statuses.every((status) => IS_IN.has(status))) found.push(cell);
      else expect([cell, statuses]).toEqual([cell, [403, 403]]);
    }
  }
  expect(found).toEqual(expected);
});

test("a key for other grants is let in nowhere on this one", async () => {
  const scene = await openScene();
  await scene.grant("meetings");
  await scene.grant("other");
  for (const scope of SCOPES.filter((one) => !UNBOUND_SCOPES.includes(one))) {
    const narrowed = await scene.key([scope], ["other"]);
    const own = await scene.key([scope], ["meetings", "absent"]);
    for (const route of ROUTES.filter((one) => one.isAboutGrant && one.scopes.includes(scope))) {
      const name = `${scope} ${route.method} ${route.path}`;
      // Warm first: what is in memory for somebody else is not served to this key either.
      expect([name, IS_IN.has(await statusOf(scene, route, own))]).toEqual([name, true]);
      expect([name, await statusOf(scene, route, narrowed)]).toEqual([name, 403]);
    }
  }
});

test("no key, or none that counts: 401 everywhere, the same for each, and nothing said of why", async () => {
  const scene = await openScene({ config: { trustedProxies: ["127.0.0.1"] } });
  await scene.grant("meetings");
  const { ports } = scene.other;
  const make = async (name: string, expiresIn: number | null) =>
    createApiKey(ports, { name, scopes: ["admin"], grants: null, expiresIn });
  const expired = (await make("expired", 1)).key;
  const revoked = await make("revoked", null);
  await revokeApiKey(ports, revoked.apiKey.id);
  const stranger = newApiKeyText(ports.random.bytes).key;
  const [, id = ""] = scene.admin.split("_");
  const wrongSecret = newApiKeyText(ports.random.bytes);
  const bad: Readonly<Record<string, string | undefined>> = {
    none: undefined,
    empty: "",
    basic: "Basic YWRtaW46YWRtaW4=",
    "no key of ours": "Bearer abc",
    "another's form": `Bearer ghp_${"a".repeat(36)}`,
    mistyped: `Bearer ${scene.admin.slice(0, -1)}${scene.admin.endsWith("a") ? "b" : "a"}`,
    stranger: `Bearer ${stranger}`,
    "a known id with another secret": `Bearer ${wrongSecret.key.replace(wrongSecret.id, id)}`,
    expired: `Bearer ${expired}`,
    revoked: `Bearer ${revoked.key}`,
    "too long": `Bearer ${"gk_".repeat(2000)}`,
    "without scheme": scene.admin,
  };
  const bodies = new Set<string>();
  for (const [i, [kind, authorization]] of Object.entries(bad).entries()) {
    for (const route of ROUTES.filter((one) => one.method === "get")) {
      const [what] = callOf(route, "meetings");
      // Each kind comes from an address of its own: how often one may be wrong is another test's matter.
      const from = { "x-forwarded-for": `10.0.0.${i}` };
      const headers = authorization === undefined ? from : { ...from, authorization };
      const answer = await scene.ask(what, { key: null, headers });
      expect([kind, what, answer.status]).toEqual([kind, what, 401]);
      expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer/);
      bodies.add(answer.text);
    }
  }
  expect(bodies.size).toBe(1);
});

const STATES = ["pending", "active", "suspended", "revoked"] as const;
const VERBS = [
  [
    "GET /v1/grants/G/token",
    [409, "reauthorization_required"],
    [200],
    [409, "suspended"],
    [409, "reauthorization_required"],
  ],
  [
    "POST /v1/grants/G/refresh",
    [409, "reauthorization_required"],
    [200],
    [409, "suspended"],
    [409, "reauthorization_required"],
  ],
  [
    "POST /v1/grants/G/reveal",
    [409, "reauthorization_required"],
    [200],
    [200],
    [409, "reauthorization_required"],
  ],
  ["GET /v1/grants/G", [200], [200], [200], [200]],
  ["POST /v1/grants/G/suspend", [200], [200], [200], [409, "conflict"]],
  ["POST /v1/grants/G/resume", [200], [200], [200], [200]],
  ["DELETE /v1/grants/G", [204], [204], [204], [204]],
] as const;

test.each(VERBS)("%s in each state of the grant", async (what, ...wanted) => {
  const scene = await openScene();
  for (const [i, state] of STATES.entries()) {
    const name = `g-${state}`;
    if (state === "pending")
      await scene.ask(`POST /v1/grants/${name}/authorizations`, { body: { integration: "recorder" } });
    else await scene.grant(name);
    if (state === "suspended") await scene.ask(`POST /v1/grants/${name}/suspend`);
    if (state === "revoked") await scene.ask(`POST /v1/grants/${name}/revoke`);
    const answer = await scene.ask(what.replace("/G", `/${name}`));
    const [status, code] = wanted[i] ?? [];
    expect([state, answer.status, answer.body["code"]]).toEqual([state, status, code]);
  }
});
