import { beforeAll, describe, expect, test } from "vitest";
import { beginAuthorization } from "../../src/keeper/authorize.ts";
import { ask, exchange } from "./wire.ts";
import { openScene, type Scene } from "./scene.ts";
import { OPEN_ROUTES, ROUTES } from "./all-routes.ts";

let scene: Scene;
let headers: Record<string, string>;

beforeAll(async () => {
  scene = await openScene({ lasts: true });
  await scene.grant("g");
  headers = { authorization: `Bearer ${scene.admin}` };
});

const target = (path: string): string =>
  path.replace("{name}", path.startsWith("/v1/grants") ? "g" : "recorder");
const paths = [...new Set([...ROUTES.map(({ path }) => path), ...OPEN_ROUTES.map(({ path }) => path)])];

function methodsOf(path: string): string[] {
  const open = OPEN_ROUTES.find((route) => route.path === path);
  if (open !== undefined) return [...open.methods];
  return ROUTES.filter((route) => route.path === path).map(({ method }) => method.toUpperCase());
}

describe("methods", () => {
  test("those that no path has are refused on every path", async () => {
    for (const path of [...paths, "/nothing"]) {
      for (const method of ["TRACE", "PUT", "OPTIONS", "PROPFIND", "PURGE"]) {
        const answer = await ask(scene.port, method, target(path), headers);
        expect(answer.status, `${method} ${path}`).toBe(405);
        expect(answer.headers.get("allow")).toBe("GET, HEAD, POST, PATCH, DELETE");
        // TRACE would give back what it was sent.
        expect(answer.body).not.toContain("gk_");
      }
    }
  });

  test("those that a path does not have are refused with the ones that it has", async () => {
    const before = await scene.other.ports.store.lastEvent();
    for (const path of paths) {
      const own = methodsOf(path);
      const others = ["GET", "POST", "PATCH", "DELETE"].filter((method) => !own.includes(method));
      for (const method of others) {
        const answer = await ask(scene.port, method, target(path), headers);
        expect(answer.status, `${method} ${path}`).toBe(405);
        const allow = (answer.headers.get("allow") ?? "").split(", ");
        expect(allow.filter((one) => one !== "HEAD").toSorted()).toEqual(own.toSorted());
      }
    }
    expect(await scene.other.ports.store.lastEvent()).toBe(before);
  });

  test("CONNECT and words that are no method end the connection", async () => {
    for (const line of ["CONNECT 127.0.0.1:80 HTTP/1.1", "EVIL /livez HTTP/1.1", "get /livez HTTP/1.1"]) {
      const bytes = `${line}\r\nHost: 127.0.0.1:${scene.port}\r\n\r\n`;
      const { answers, ended } = await exchange(scene.port, bytes);
      expect(ended, line).toBe(true);
      expect(
        answers.filter(({ status }) => status < 400),
        line,
      ).toEqual([]);
    }
  });

  test("fields that would override the method are not looked at", async () => {
    for (const name of ["x-http-method-override", "x-http-method", "x-method-override"]) {
      for (const method of ["GET", "POST"]) {
        const path = method === "GET" ? "/v1/grants/g" : "/v1/grants/g/resume";
        const answer = await ask(scene.port, method, path, { ...headers, [name]: "DELETE" });
        expect(answer.status, name).toBe(200);
      }
      const asked = await ask(scene.port, "GET", "/v1/grants/g?_method=DELETE", headers);
      expect(asked.status).toBe(400);
    }
    expect(await scene.other.ports.store.grant("g")).toMatchObject({ state: "active" });
  });

  test("GET and HEAD change nothing, the callback aside, and that not by HEAD", async () => {
    const { state } = await beginAuthorization(scene.other.ports, "begun", "recorder", null);
    const before = await scene.other.ports.store.lastEvent();
    const callback = `/oauth/callback?code=abc&state=${state}`;
    for (const path of paths.filter((one) => one !== "/v1/grants/{name}/token")) {
      for (const method of ["GET", "HEAD"]) await ask(scene.port, method, target(path), headers);
    }
    // What looks at links before people do (scanners, previews) sends HEAD: it must not use the state up.
    const looked = await ask(scene.port, "HEAD", callback);
    expect(looked.status).toBe(405);
    expect(await scene.other.ports.store.lastEvent()).toBe(before);
    const hash = scene.other.ports.sealer.lookupHash(state);
    expect(await scene.other.ports.store.authorizationRequest(hash)).toMatchObject({ usedAt: null });
  });
});

describe("bodies", () => {
  const body = JSON.stringify({ integration: "recorder" });
  test.each([
    ["text/plain", body],
    ["text/plain;charset=UTF-8", body],
    ["application/x-www-form-urlencoded", "integration=recorder"],
    ["application/x-www-form-urlencoded", body],
    ["multipart/form-data; boundary=x", body],
    ["text/json", body],
    ["application/json-patch+json", body],
    ["application/json, text/plain", body],
    ["application/json; charset=utf-16", body],
    ["application/jsonx", body],
    ["", body],
  ])("of the type %j are refused", async (type, text) => {
    const before = await scene.other.ports.store.lastEvent();
    const fields = type === "" ? headers : { ...headers, "content-type": type };
    for (const { method, path } of ROUTES.filter(({ body: schema }) => schema !== null)) {
      const answer = await ask(scene.port, method.toUpperCase(), target(path), fields, text);
      expect(answer.status, `${method} ${path}`).toBe(415);
    }
    expect(await scene.other.ports.store.lastEvent()).toBe(before);
  });

  test("where none is taken are refused, and two types too", async () => {
    const json = { ...headers, "content-type": "application/json" };
    expect(await ask(scene.port, "DELETE", "/v1/grants/g", json, "{}")).toMatchObject({ status: 400 });
    const two = { ...headers, "content-type": ["application/json", "text/plain"] };
    expect(await ask(scene.port, "POST", "/v1/grants/g/suspend", two, "{}")).toMatchObject({ status: 400 });
    expect(await scene.other.ports.store.grant("g")).toMatchObject({ state: "active" });
  });
});
