import { beforeAll, describe, expect, test } from "vitest";
import { problemSchema } from "../../src/http/schemas.ts";
import { ask, forEach, exchange } from "./wire.ts";
import { openScene, type Scene } from "./scene.ts";
import { OPEN_ROUTES, ROUTES } from "./all-routes.ts";

let scene: Scene;
let key: string;
let secrets: string[];

beforeAll(async () => {
  scene = await openScene({ lasts: true });
  const tokens = await scene.grant("g");
  key = scene.admin;
  secrets = [tokens.access_token, tokens.refresh_token, scene.client.clientId, "recorder"];
});

const target = (path: string): string =>
  path.replace("{name}", path.startsWith("/v1/grants") ? "g" : "recorder");

/** Everything that can be asked for, and what cannot. */
function requests(): { method: string; path: string }[] {
  return [
    ...ROUTES.map(({ method, path }) => ({ method: method.toUpperCase(), path: target(path) })),
    ...OPEN_ROUTES.flatMap(({ path, methods }) => methods.map((method) => ({ method, path }))),
    { method: "GET", path: "/nothing/here" },
    { method: "GET", path: "/" },
    { method: "HEAD", path: "/v1/grants/g/token" },
  ];
}

/** Host fields that are not ours; `PORT` stands for the port. Null: no field. */
const STRANGE_HOSTS: readonly (string | null)[] = [
  null,
  "",
  " ",
  "evil.example",
  "evil.example:PORT",
  "127.0.0.1",
  "127.0.0.1:1",
  "127.0.0.1:0PORT",
  "127.0.0.1:PORT0",
  "127.0.0.1.:PORT",
  "127.0.0.1.evil.example:PORT",
  "127.1:PORT",
  "127.0.0.2:PORT",
  "2130706433:PORT",
  "0x7f.0.0.1:PORT",
  "0.0.0.0:PORT",
  "[::ffff:127.0.0.1]:PORT",
  "[0:0:0:0:0:0:0:1]:PORT",
  "::1:PORT",
  "localhost",
  "localhost.:PORT",
  "localhost:8700",
  "a.localhost:PORT",
  "user@127.0.0.1:PORT",
  "127.0.0.1:PORT@evil.example",
  "127.0.0.1:PORT, evil.example",
  "127.0.0.1:PORT/",
  "http://127.0.0.1:PORT",
  "127.0.0.1:PORT\r\nHost: evil.example",
  "evil.example\r\nHost: 127.0.0.1:PORT",
  "127.0.0.1:PORT\r\nHost: 127.0.0.1:PORT",
];

function bytes(method: string, path: string, host: string | null, more = ""): string {
  const field = host === null ? "" : `Host: ${host.replaceAll("PORT", String(scene.port))}\r\n`;
  return `${method} ${path} HTTP/1.1\r\n${field}Authorization: Bearer ${key}\r\n${more}Connection: close\r\n\r\n`;
}

async function eventsNow(): Promise<number> {
  return scene.other.ports.store.lastEvent();
}

describe("the Host field", () => {
  test("names that are not ours get 400 or 403 and no data, on every route", async () => {
    // The key's own first hand-out aside, nothing may be written.
    const before = await eventsNow();
    const cells = requests().flatMap((one) => STRANGE_HOSTS.map((host) => ({ ...one, host })));
    await forEach(cells, async ({ method, path, host }) => {
      const { answers, ended } = await exchange(scene.port, bytes(method, path, host));
      const [answer, ...others] = answers;
      const cell = `${method} ${path} ${String(host)}`;
      expect(others, cell).toEqual([]);
      expect(ended, cell).toBe(true);
      expect([400, 403], cell).toContain(answer?.status);
      if (method !== "HEAD")
        expect(problemSchema.safeParse(JSON.parse(answer?.body ?? "")).success, cell).toBe(true);
      expect(secrets.filter((secret) => answer?.body.includes(secret))).toEqual([]);
    });
    expect(await eventsNow()).toBe(before);
  });

  test("targets that are not paths get 400", async () => {
    for (const path of [
      "http://evil.example/livez",
      `http://127.0.0.1:${scene.port}/v1/grants`,
      "//evil.example/livez",
      "*",
      "livez",
      "/livez#part",
      "/v1/grants#?state=active",
    ]) {
      const { answers } = await exchange(scene.port, bytes("GET", path, "127.0.0.1:PORT"));
      expect(
        answers.map(({ status }) => status),
        path,
      ).toEqual([400]);
    }
  });

  test("its own names are let in, whatever their case", async () => {
    for (const host of ["127.0.0.1:PORT", "localhost:PORT", "LocalHost:PORT", "[::1]:PORT"]) {
      const { answers } = await exchange(scene.port, bytes("GET", "/livez", host));
      expect(
        answers.map(({ status }) => status),
        host,
      ).toEqual([200]);
    }
  });
});

const STRANGE_ORIGINS = [
  "null",
  "",
  "http://evil.example",
  "https://evil.example",
  "http://127.0.0.1",
  "http://127.0.0.1:1",
  "http://localhost.evil.example:PORT",
  "http://127.0.0.1:PORT.evil.example",
  "http://user@127.0.0.1:PORT",
  "ftp://127.0.0.1:PORT",
  "127.0.0.1:PORT",
  "file://",
  "chrome-extension://abcdefgh",
  "http://127.0.0.1:PORT/",
  "http://127.0.0.1:PORT http://evil.example",
];

describe("the Origin field", () => {
  test("pages of other sites write nothing, on any route", async () => {
    const before = await eventsNow();
    const writes = requests().filter(({ method }) => method !== "GET" && method !== "HEAD");
    const cells = writes.flatMap((one) => STRANGE_ORIGINS.map((origin) => ({ ...one, origin })));
    await forEach(cells, async ({ method, path, origin }) => {
      const field = `Origin: ${origin.replaceAll("PORT", String(scene.port))}\r\n`;
      const { answers } = await exchange(scene.port, bytes(method, path, "127.0.0.1:PORT", field));
      expect(
        answers.map(({ status }) => status),
        `${method} ${path} ${origin}`,
      ).toEqual([403]);
    });
    expect(await eventsNow()).toBe(before);
  });

  test("two of them are as good as a strange one; our own may write", async () => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const own = `http://127.0.0.1:${scene.port}`;
    const both = { ...headers, origin: [own, "http://evil.example"] };
    expect(await ask(scene.port, "POST", "/v1/grants/g/resume", both, "{}")).toMatchObject({ status: 403 });
    const one = { ...headers, origin: own };
    expect(await ask(scene.port, "POST", "/v1/grants/g/resume", one, "{}")).toMatchObject({ status: 200 });
  });
});
