/** People at the console: how they sign in and out, what their cookie is good for, and what it is not. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ROLES, type Role } from "../../src/core/session.ts";
import { makeSignInLink } from "../../src/keeper/sessions.ts";
import { ROUTES } from "./all-routes.ts";
import { freePort } from "../oauth/servers.ts";
import { type Answer, openScene, type Scene } from "./scene.ts";
import { ask } from "./wire.ts";

const HOUR = 60 * 60 * 1000;

let scene: Scene;

beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => {
  expect(scene.faults).toEqual([]);
});

/** A link's code; `age` in ms since it was made. */
async function link(role: Role = "admin", age = 0): Promise<string> {
  const { ports } = scene.other;
  const clock = { ...ports.clock, now: () => Date.now() - age };
  return (await makeSignInLink({ ...ports, clock }, { person: "ada", role })).code;
}

function own(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { origin: scene.url, "x-grantkeeper-console": "person", "sec-fetch-site": "same-origin", ...more };
}

const post = (code: string, headers = own()): Promise<Answer> =>
  scene.ask("POST /v1/session", { key: null, body: { code }, headers });

function cookieIn(answer: Answer): string {
  return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

async function signIn(role: Role = "admin"): Promise<string> {
  const answer = await post(await link(role));
  expect(answer.status).toBe(201);
  return cookieIn(answer);
}

const asPerson = (what: string, cookie: string, more: object = {}, body?: unknown): Promise<Answer> =>
  scene.ask(what, { key: null, headers: own({ cookie, ...more }), ...(body !== undefined && { body }) });

async function eventTypes(): Promise<string[]> {
  return (await scene.other.ports.store.events({ limit: 100 })).map(({ type }) => type);
}

describe("a sign-in link", () => {
  test("is good once; the audit says who signed in", async () => {
    const code = await link();
    const answer = await post(code);
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({ person: "ada", role: "admin", scopes: ["admin"] });
    expect((await post(code)).status).toBe(401);
    const events = await scene.other.ports.store.events({ limit: 100 });
    expect(events.at(-1)).toMatchObject({ type: "signed_in", data: { person: "ada", role: "admin" } });
    expect(JSON.stringify(events)).not.toContain(code);
  });

  test("of ten browsers with one link, one is let in", async () => {
    const code = await link();
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(code)));
    expect(answers.map(({ status }) => String(status)).toSorted()).toEqual([
      "201",
      ...Array<string>(9).fill("401"),
    ]);
  });

  test("ends after ten minutes; unknown, used and late ones are refused in the same words", async () => {
    const used = await link();
    await post(used);
    const said = new Set<string>();
    for (const code of [used, await link("admin", 10 * 60_000), "x", "A".repeat(43)])
      said.add((await post(code)).text);
    expect(said.size).toBe(1);
    expect((await post(await link("admin", 9 * 60_000))).status).toBe(201);
  });

  test("wrong codes of one address are bounded", async () => {
    // All at once: one after the other, a slow machine takes so long that two more are let in each second.
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => post(`wrong-${i}`)));
    const count = (wanted: number): number => answers.filter(({ status }) => status === wanted).length;
    expect(count(401)).toBeGreaterThanOrEqual(100);
    expect(count(429)).toBeGreaterThan(50);
    expect(count(401) + count(429)).toBe(200);
  });

  test("is taken from the console's own pages alone", async () => {
    const code = await link();
    const { origin: _, ...noOrigin } = own();
    const { "x-grantkeeper-console": __, ...noField } = own();
    const foreign = [
      noOrigin,
      noField,
      own({ origin: "http://evil.example" }),
      own({ "sec-fetch-site": "cross-site" }),
      own({ "sec-fetch-site": "same-site" }),
    ];
    for (const headers of foreign) {
      const answer = await post(code, headers);
      expect(answer.status).toBe(403);
      expect(answer.headers.has("set-cookie")).toBe(false);
    }
    expect((await post(code)).status).toBe(201);
  });
});

describe("a session", () => {
  test("has a cookie that scripts, other sites and other ports' names cannot have", async () => {
    const answer = await post(await link());
    const [value = "", ...attributes] = (answer.headers.get("set-cookie") ?? "").split("; ");
    expect(value).toMatch(new RegExp(`^grantkeeper-${scene.port}=[A-Za-z0-9_-]{43}$`));
    expect(attributes.toSorted()).toEqual(["HttpOnly", "Path=/", "SameSite=Strict"]);
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  test("over TLS is bound to the host and to TLS", async () => {
    const publicUrl = new URL("https://grants.example.com");
    const port = await freePort();
    const secure = await openScene({ config: { publicUrl, port } });
    const { ports } = secure.other;
    const { code } = await makeSignInLink(ports, { person: "ada", role: "admin" });
    const answer = await ask(
      port,
      "POST",
      "/v1/session",
      {
        host: "grants.example.com",
        origin: publicUrl.origin,
        "x-grantkeeper-console": "person",
        "content-type": "application/json",
      },
      JSON.stringify({ code }),
    );
    expect(answer.status).toBe(201);
    const cookie = String(answer.headers.get("set-cookie"));
    expect(cookie).toMatch(
      /^__Host-grantkeeper=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
    );
  });

  test("is one of the person: they are the audit's actor", async () => {
    await scene.grant("g");
    const cookie = await signIn();
    expect((await asPerson("POST /v1/grants/g/suspend", cookie)).status).toBe(200);
    const events = await scene.other.ports.store.events({ limit: 100 });
    expect(events.at(-1)).toMatchObject({ type: "suspended", actor: "console:ada" });
  });

  test("ends at the service when it is signed out, and for its open streams", async () => {
    const cookie = await signIn();
    const stream = await fetch(`${scene.url}/v1/events?after=0`, {
      headers: { cookie, accept: "text/event-stream", "sec-fetch-site": "same-origin" },
    });
    expect(stream.status).toBe(200);
    const out = await asPerson("DELETE /v1/session", cookie);
    expect(out.status).toBe(204);
    expect(out.headers.get("set-cookie")).toMatch(/=; .*Max-Age=0/);
    expect((await asPerson("GET /v1/session", cookie)).status).toBe(401);
    expect((await asPerson("GET /v1/grants", cookie)).status).toBe(401);
    // It ends, and tells nothing any more: its text comes to an end.
    expect(await stream.text()).toContain("event: signed_in");
    expect(await eventTypes()).toContain("signed_out");
    expect((await asPerson("DELETE /v1/session", cookie)).status).toBe(204);
  });

  test("another sign-in in the same browser ends the one before", async () => {
    const before = await signIn();
    const answer = await post(await link("viewer"), own({ cookie: before }));
    expect(answer.status).toBe(201);
    const after = cookieIn(answer);
    expect(after).not.toBe(before);
    expect((await asPerson("GET /v1/session", before)).status).toBe(401);
    expect((await asPerson("GET /v1/session", after)).body["role"]).toBe("viewer");
  });

  test("a wrong, doubled or cut cookie is nobody's", async () => {
    const cookie = await signIn();
    const bad = [
      `${cookie}; ${cookie}`,
      cookie.slice(0, -1),
      `${cookie}x`,
      cookie.replace(/=(.)/, (_, first) => (first === "_" ? "=-" : "=_")),
      cookie.replace("grantkeeper-", "__Host-grantkeeper-"),
      "",
    ];
    for (const one of bad) expect([one, (await asPerson("GET /v1/session", one)).status]).toEqual([one, 401]);
    expect((await asPerson("GET /v1/session", `other=1; ${cookie}`)).status).toBe(200);
  });

  test("changes nothing for pages that are not the console's, and tells them nothing", async () => {
    await scene.grant("g");
    const cookie = await signIn();
    const writes = ["POST /v1/grants/g/suspend", "DELETE /v1/grants/g", "POST /v1/grants/g/reveal"];
    const foreign: Record<string, string>[] = [
      { cookie },
      { cookie, origin: scene.url },
      { cookie, "x-grantkeeper-console": "person" },
      own({ cookie, origin: "http://evil.example" }),
      own({ cookie, origin: "null" }),
      own({ cookie, "sec-fetch-site": "cross-site" }),
      own({ cookie, "sec-fetch-site": "same-site" }),
    ];
    for (const what of writes)
      for (const headers of foreign) {
        const { status } = await scene.ask(what, { key: null, headers });
        expect([what, headers, status >= 401 && status <= 403]).toEqual([what, headers, true]);
      }
    for (const site of ["cross-site", "same-site"]) {
      const answer = await asPerson("GET /v1/grants", cookie, { "sec-fetch-site": site });
      expect(answer.status).toBe(401);
    }
    expect((await scene.ask("GET /v1/grants/g")).body["state"]).toBe("active");
  });

  test("a shown key counts, and a cookie beside it does not", async () => {
    const cookie = await signIn();
    const answer = await asPerson("GET /v1/grants", cookie, { authorization: "Bearer nonsense" });
    expect(answer.status).toBe(401);
  });
});

describe("time", () => {
  /** A session that began, and was last used, so long ago. */
  async function aged(began: number, used: number): Promise<string> {
    const cookie = await signIn();
    const { store, sealer } = scene.other.ports;
    const session = await store.session(sealer.digest(cookie.split("=")[1] ?? ""));
    if (session === null) throw new Error("no session");
    // The same cookie for a row of that age: only what the store says counts.
    const now = Date.now();
    const row = { ...session, id: `${session.id}-aged`, createdAt: now - began, lastUsedAt: now - used };
    const secret = `aged${"A".repeat(39)}`;
    const digest = sealer.digest(secret);
    const event = (await store.events({ limit: 1 }))[0];
    if (event === undefined) throw new Error("no event");
    await store.addSession({ ...row, digest, expiresAt: now - began + 12 * HOUR }, event);
    return `grantkeeper-${scene.port}=${secret}`;
  }

  test.each([
    ["an hour without a click", 2 * HOUR, HOUR, 401],
    ["not quite an hour", 2 * HOUR, HOUR - 60_000, 200],
    ["twelve hours, however busy", 12 * HOUR, 1000, 401],
    ["not quite twelve", 12 * HOUR - 60_000, 1000, 200],
  ])("after %s", async (_, began, used, status) => {
    const cookie = await aged(began, used);
    expect((await asPerson("GET /v1/session", cookie)).status).toBe(status);
  });

  test("what a person does keeps it open, what the page loads does not", async () => {
    const cookie = await aged(2 * HOUR, HOUR - 120_000);
    const before = (await asPerson("GET /v1/session", cookie, { "x-grantkeeper-console": "page" })).body;
    const still = (await asPerson("GET /v1/grants", cookie, { "x-grantkeeper-console": "page" })).status;
    const same = (await asPerson("GET /v1/session", cookie, { "x-grantkeeper-console": "page" })).body;
    expect([still, same["idle_until"]]).toEqual([200, before["idle_until"]]);
    // The first look kept it open no more than the others did.
    expect(Date.parse(String(same["idle_until"]))).toBeLessThan(Date.now() + 180_000);
    await asPerson("GET /v1/grants", cookie);
    const later = (await asPerson("GET /v1/session", cookie, { "x-grantkeeper-console": "page" })).body;
    expect(Date.parse(String(later["idle_until"]))).toBeGreaterThan(Date.now() + 59 * 60_000);
  });
});

test("roles × routes: a role may what its scopes say, and no more", async () => {
  for (const role of Object.keys(ROLES) as Role[]) {
    const cookie = await signIn(role);
    const scopes: readonly string[] = ROLES[role];
    for (const { method, path, scopes: needed } of ROUTES) {
      const may = scopes.includes("admin") || needed.some((scope) => scopes.includes(scope));
      const target = path.replace("{name}", "nobody");
      const answer = await asPerson(`${method.toUpperCase()} ${target}?no_such_parameter=1`, cookie);
      expect([role, method, path, answer.status]).toEqual([role, method, path, may ? 400 : 403]);
    }
  }
});
