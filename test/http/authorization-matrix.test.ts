import { beforeAll, describe, expect, test } from "vitest";
import { API_KEY_SCOPES, type ApiKeyScope, UNBOUND_SCOPES } from "../../src/core/api-key.ts";
import type { TokenAnswer } from "../../src/emulator/index.ts";
import { revokeApiKey } from "../../src/keeper/api-keys.ts";
import { ask, forEach } from "./wire.ts";
import { openWatchedScene as openScene, type Scene } from "./scene.ts";
import { ROUTES } from "./all-routes.ts";

/** Who may what, written down a second time: the routes' own lists are what is under test. `admin` may all. */
const ALLOWED: Readonly<Record<string, readonly ApiKeyScope[]>> = {
  "get /v1/grants/{name}/token": ["tokens:read"],
  "post /v1/grants/{name}/refresh": ["tokens:read"],
  "get /v1/grants": ["grants:read"],
  "get /v1/grants/{name}": ["grants:read"],
  "delete /v1/grants/{name}": ["grants:write"],
  "get /v1/grants/{name}/handoff": ["grants:read"],
  "get /v1/grants/{name}/consumers": ["grants:read"],
  "post /v1/grants/{name}/refresh-now": ["grants:write"],
  "post /v1/grants/{name}/revoke": ["grants:write"],
  "post /v1/grants/{name}/suspend": ["grants:write"],
  "post /v1/grants/{name}/resume": ["grants:write"],
  "post /v1/grants/{name}/reveal": ["secrets:reveal"],
  "post /v1/grants/{name}/authorizations": ["grants:write"],
  "post /v1/grants/{name}/exchange": ["grants:write"],
  "post /v1/grants/{name}/import": ["grants:write"],
  "get /v1/integrations": ["grants:read", "integrations:write"],
  "post /v1/integrations": ["integrations:write"],
  "get /v1/integrations/{name}": ["grants:read", "integrations:write"],
  "patch /v1/integrations/{name}": ["integrations:write"],
  "delete /v1/integrations/{name}": ["integrations:write"],
  "get /v1/providers": ["grants:read", "integrations:write"],
  "post /v1/providers/{name}/check": ["integrations:write"],
  "post /v1/rehearsal": ["integrations:write"],
  "get /v1/overview": ["grants:read"],
  "get /v1/data-sources": ["grants:read"],
  "post /v1/data-sources": [],
  "delete /v1/data-sources/{name}": [],
  "get /v1/deliveries": ["grants:read"],
  "post /v1/deliveries": [],
  "delete /v1/deliveries/{name}": [],
  "get /v1/api-keys": [],
  "post /v1/api-keys": [],
  "delete /v1/api-keys/{name}": [],
  "get /v1/events": ["events:read"],
};

const SCOPES = Object.keys(API_KEY_SCOPES) as ApiKeyScope[];
const NARROWINGS = [null, ["g"], ["other"]] as const;

interface Holder {
  readonly scope: ApiKeyScope;
  readonly grants: readonly string[] | null;
  readonly active: string;
  readonly bad: Readonly<Record<string, string>>;
}

let scene: Scene;
let tokens: TokenAnswer;
let holders: Holder[];
let visitors = 0;

beforeAll(async () => {
  // Each request comes from an address of its own: how often one may be wrong is another test's matter.
  scene = await openScene({ lasts: true, config: { trustedProxies: ["127.0.0.1"] } });
  tokens = await scene.grant("g");
  await scene.grant("other");
  holders = [];
  for (const scope of SCOPES) {
    for (const grants of UNBOUND_SCOPES.includes(scope) ? [null] : NARROWINGS) {
      const active = await scene.key([scope], grants);
      const revoked = await scene.key([scope], grants);
      await revokeApiKey(scene.other.ports, revoked.slice(3, 13));
      const last = active.at(-1) === "0" ? "1" : "0";
      const secret = (await scene.key([scope], grants)).slice(14);
      holders.push({
        scope,
        grants,
        active,
        bad: {
          expired: await scene.key([scope], grants, -1),
          revoked,
          "wrong checksum": `${active.slice(0, -1)}${last}`,
          "another key's secret": `${active.slice(0, 14)}${secret}`,
          "no secret": active.slice(0, 14),
        },
      });
    }
  }
});

function from(authorization?: string): Record<string, string> {
  visitors += 1;
  const address = `10.${visitors >> 16}.${(visitors >> 8) & 255}.${visitors & 255}`;
  return { "x-forwarded-for": address, ...(authorization !== undefined && { authorization }) };
}

const target = (path: string): string =>
  path.replace("{name}", path.startsWith("/v1/grants") ? "g" : "recorder");

describe("who may what", () => {
  test("every route has its line here", () => {
    const listed = ROUTES.map(({ method, path }) => `${method} ${path}`);
    expect(listed.filter((name) => ALLOWED[name] === undefined)).toEqual([]);
  });

  test("routes × scopes × narrowings: what is let in is refused for its query, and nothing else is", async () => {
    const surprises: string[] = [];
    const tally = { allowed: 0, refused: 0 };
    const cells = ROUTES.flatMap((route) => holders.map((holder) => ({ route, holder })));
    await forEach(cells, async ({ route: { method, path }, holder: { scope, grants, active } }) => {
      const may = scope === "admin" || ALLOWED[`${method} ${path}`]?.includes(scope) === true;
      const isHis = !path.startsWith("/v1/grants/{name}") || grants === null || grants[0] === "g";
      const expected = may && isHis ? "400 invalid_request" : "403 forbidden";
      tally[may && isHis ? "allowed" : "refused"] += 1;
      const answer = await ask(
        scene.port,
        method.toUpperCase(),
        `${target(path)}?no_such_parameter=1`,
        from(`Bearer ${active}`),
      );
      const { code } = JSON.parse(answer.body) as { code: string };
      if (`${answer.status} ${code}` !== expected)
        surprises.push(`${method} ${path} ${scope} ${String(grants)}: ${answer.status} ${answer.body}`);
    });
    expect(surprises).toEqual([]);
    expect(tally.allowed).toBeGreaterThan(50);
    expect(tally.refused).toBeGreaterThan(200);
  });

  test("routes × scopes × keys that do not count: 401 and the same words for each", async () => {
    const said = new Set<string>();
    const cells = ROUTES.flatMap((route) =>
      holders.flatMap(({ active, bad }) =>
        [
          ...Object.values(bad).map((key) => `Bearer ${key}`),
          `Basic ${Buffer.from(`x:${active}`).toString("base64")}`,
          active,
          "Bearer",
          undefined,
        ].map((authorization) => ({ route, authorization })),
      ),
    );
    await forEach(cells, async ({ route: { method, path }, authorization }) => {
      const answer = await ask(scene.port, method.toUpperCase(), target(path), from(authorization));
      said.add(`${answer.status} ${answer.headers.get("www-authenticate") ?? ""} ${answer.body}`);
    });
    expect([...said]).toEqual([expect.stringMatching(/^401 Bearer realm="grantkeeper" \{.*"unauthorized"/)]);
    expect(cells.length).toBeGreaterThan(3000);
  });

  test("two Authorization fields are refused, also where both are good", async () => {
    const good = `Bearer ${holders.at(-1)?.active ?? ""}`;
    for (const { method, path } of ROUTES) {
      const answer = await ask(scene.port, method.toUpperCase(), target(path), {
        authorization: [good, good],
      });
      expect(answer.status).toBe(400);
    }
  });

  test("a token out of memory is judged as one from the router", async () => {
    const owner = holders.find(({ scope, grants }) => scope === "tokens:read" && grants === null);
    const warm = await scene.ask("GET /v1/grants/g/token", { key: owner?.active ?? "" });
    expect(warm.status).toBe(200);
    const cells = holders.flatMap((holder) => [
      { key: holder.active, holder, name: "active" },
      ...Object.entries(holder.bad).map(([name, key]) => ({ key, holder, name })),
    ]);
    for (const round of ["cold", "warm", "warmer"]) {
      await forEach(cells, async ({ key, holder: { scope, grants }, name }) => {
        const may = (scope === "tokens:read" || scope === "admin") && grants?.[0] !== "other";
        const expected = name !== "active" ? 401 : may ? 200 : 403;
        const { status, body } = await ask(scene.port, "GET", "/v1/grants/g/token", from(`Bearer ${key}`));
        expect(status, `${round} ${scope} ${String(grants)} ${name}`).toBe(expected);
        expect(body.includes(tokens.access_token)).toBe(expected === 200);
      });
    }
  });
});
