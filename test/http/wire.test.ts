/** Connections as clients should not use them: slow, half open, several requests at once, nonsense behind sense. */
import { Hono } from "hono";
import { beforeAll, describe, expect, test } from "vitest";
import type { Env } from "../../src/http/app.ts";
import { problemSchema } from "../../src/http/schemas.ts";
import { startServer } from "../../src/http/server.ts";
import { openScene, type Scene } from "./scene.ts";
import { exchange } from "./wire.ts";

let scene: Scene;
let fields: string;

beforeAll(async () => {
  scene = await openScene({ lasts: true });
  await scene.grant("g");
  fields = `Host: 127.0.0.1:${scene.port}\r\nAuthorization: Bearer ${scene.admin}\r\n`;
});

const statuses = ({ answers }: { answers: readonly { readonly status: number }[] }): number[] =>
  answers.map(({ status }) => status);

describe("several requests at once", () => {
  test("each is answered, in the order in which it came", async () => {
    const paths = ["/v1/grants/g/token", "/nothing", "/livez", "/v1/grants/g/token", "/v1/grants/g"];
    const bytes = paths.map((path) => `GET ${path} HTTP/1.1\r\n${fields}\r\n`).join("");
    const all = await exchange(scene.port, bytes, { enough: (answers) => answers.length === paths.length });
    expect(statuses(all)).toEqual([200, 404, 200, 200, 200]);
  });

  test("nonsense behind a request neither takes its answer's place nor is carried out", async () => {
    const change = `POST /v1/grants/g/suspend HTTP/1.1\r\n${fields}\r\n`;
    const all = await exchange(
      scene.port,
      `${change}{}\r\n\r\nDELETE /v1/grants/g HTTP/1.1\r\n${fields}\r\n`,
    );
    // It was carried out, so that is what its client is told.
    expect(statuses(all)).toEqual([200]);
    expect(all.ended).toBe(true);
    expect((await scene.ask("POST /v1/grants/g/resume")).body["state"]).toBe("active");
  });

  test("a body that no length was given for is not taken for a request", async () => {
    const all = await exchange(scene.port, `GET /livez HTTP/1.1\r\n${fields}\r\nGET /v1/grants\r\n\r\n`);
    expect(statuses(all)[0]).toBe(200);
    expect(all.text).not.toContain('"items"');
    expect(all.ended).toBe(true);
  });
});

describe("fields that ask for more", () => {
  const json = "Content-Type: application/json\r\n";

  test("Expect: 100-continue gets its leave and an answer; any other expectation a refusal", async () => {
    const head = `POST /v1/grants/g/resume HTTP/1.1\r\n${fields}${json}Connection: close\r\n`;
    const all = await exchange(scene.port, `${head}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}`);
    expect(statuses(all)).toEqual([100, 200]);
    const odd = await exchange(scene.port, `${head}Expect: a-miracle\r\nContent-Length: 2\r\n\r\n{}`);
    expect(statuses(odd)).toEqual([400]);
  });

  test("what comes behind the last chunk is no header field", async () => {
    const head = `POST /v1/grants/g/reveal HTTP/1.1\r\nHost: 127.0.0.1:${scene.port}\r\n${json}Connection: close\r\n`;
    const body = `Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer ${scene.admin}\r\n\r\n`;
    expect(statuses(await exchange(scene.port, `${head}${body}`))).toEqual([401]);
  });

  test.each(["websocket", "h2c", "TLS/1.0"])("an upgrade to %s is not made", async (protocol) => {
    const bytes = `GET /v1/grants/g/token HTTP/1.1\r\n${fields}Connection: Upgrade, close\r\nUpgrade: ${protocol}\r\n\r\n`;
    expect(statuses(await exchange(scene.port, bytes))).toEqual([200]);
  });
});

describe("connections that are half open", () => {
  test("who closes his half after a request still gets an answer that is in memory", async () => {
    await scene.ask("GET /v1/grants/g/token");
    const all = await exchange(scene.port, `GET /v1/grants/g/token HTTP/1.1\r\n${fields}\r\n`, {
      half: true,
    });
    expect(statuses(all)).toEqual([200]);
    expect(all.ended).toBe(true);
  });

  test("who closes it in the middle of one gets a refusal, and nothing is changed", async () => {
    const head = `POST /v1/grants/g/suspend HTTP/1.1\r\n${fields}Content-Type: application/json\r\n`;
    const all = await exchange(scene.port, `${head}Content-Length: 20\r\n\r\n{`, { half: true });
    expect(statuses(all).every((status) => status === 400)).toBe(true);
    expect(all.ended).toBe(true);
    expect((await scene.ask("GET /v1/grants/g")).body["state"]).toBe("active");
    expect(scene.faults).toEqual([]);
  });

  test("who sends nonsense and never closes is let go", async () => {
    const all = await exchange(scene.port, "\u0000\u0001nonsense\r\n\r\n");
    expect(statuses(all)).toEqual([400]);
    expect(all.ended).toBe(true);
  });
});

describe("what cannot be read", () => {
  test.each([
    ["nonsense", "NONSENSE\r\n\r\n", 400],
    ["fields of 20 kB", `GET / HTTP/1.1\r\nX: ${"a".repeat(20_000)}\r\n\r\n`, 431],
    ["a number of fields", `GET / HTTP/1.1\r\n${"a: b\r\n".repeat(5000)}\r\n`, 431],
    ["no Host", "GET /livez HTTP/1.1\r\n\r\n", 400],
    ["HTTP/1.0 without Host", "GET /livez HTTP/1.0\r\n\r\n", 400],
    ["a length with a sign", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", 400],
    [
      "chunks, twice",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
  ])("%s: a refusal as every other", async (_, bytes, status) => {
    const enough = (given: readonly unknown[]): boolean => given.length > 0;
    const { answers } = await exchange(scene.port, bytes, { enough });
    expect(answers.map((one) => one.status)).toEqual([status]);
    const [answer] = answers;
    expect(problemSchema.parse(JSON.parse(answer?.body ?? ""))).toMatchObject({
      status,
      code: "invalid_request",
      remedy: expect.any(String),
    });
    expect(Object.fromEntries(answer?.headers ?? [])).toMatchObject({
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "content-security-policy": expect.stringContaining("default-src 'none'"),
      "x-content-type-options": "nosniff",
    });
  });

  test("JSON in JSON in JSON is refused before anything could trip over it", async () => {
    const nested = (levels: number) => `{"a":${"[".repeat(levels)}${"]".repeat(levels)}}`;
    const body = (levels: number) => `{"integration":"recorder","token_response":${nested(levels)}}`;
    for (const levels of [31, 33, 1000, 30_000]) {
      const answer = await scene.ask("POST /v1/grants/deep/import", { body: body(levels) });
      expect([levels, answer.status, answer.body["code"]]).toEqual([levels, 400, "invalid_request"]);
    }
    // Brackets in a text are no levels.
    const text = JSON.stringify('[{\\"'.repeat(100));
    const answer = await scene.ask("POST /v1/grants/g/suspend", { body: `{"x":${text}}` });
    expect(answer.body["detail"]).toContain('Unknown fields: "x"');
    expect(scene.faults).toEqual([]);
  });

  test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "%s is an unknown parameter and an unknown field like others",
    async (name) => {
      const asked = await scene.ask(`GET /v1/grants?${name}=1`);
      expect([asked.status, asked.body["detail"]]).toEqual([400, `Unknown parameters: "${name}".`]);
      const twice = await scene.ask(`GET /v1/grants?${name}=1&${name}=2`);
      expect(twice.body["detail"]).toContain("more than once");
      const sent = await scene.ask("POST /v1/grants/g/suspend", { body: `{"${name}":{}}` });
      expect(sent.status).toBe(400);
      expect(Object.hasOwn(Object.prototype, "0")).toBe(false);
    },
  );
});

test("whoever is refused before all of the body has come is told that the connection ends", async () => {
  const head = (key: string, length: number): string =>
    `POST /v1/grants/g/suspend HTTP/1.1\r\nHost: 127.0.0.1:${scene.port}\r\nContent-Length: ${length}\r\n` +
    `Content-Type: application/json\r\nAuthorization: Bearer ${key}\r\n\r\n`;
  const unread = await exchange(scene.port, `${head("gk_wrong", 1_000_000)}{"a":`);
  expect(statuses(unread)).toEqual([401]);
  expect(unread.text).toMatch(/^connection: close\r$/im);
  expect(unread.ended).toBe(true);
  const whole = await exchange(scene.port, `${head("gk_wrong", 2)}{}`, {
    enough: (answers) => answers.length === 1,
  });
  expect(statuses(whole)).toEqual([401]);
  expect(whole.text).not.toMatch(/^connection: close\r$/im);
});

describe("clients that are slow", () => {
  test.each([
    ["say nothing", ""],
    ["stop in the fields", "GET /livez HTTP/1.1\r\nHost: a\r\nX-"],
    ["stop in the body", "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 10\r\n\r\n{"],
  ])("that %s are let go, with 408", async (_, bytes) => {
    const app = new Hono<Env>();
    app.onError((_error, c) => c.text("", 400));
    app.post("/", async (c) => c.text(await c.req.text()));
    const server = await startServer({
      app,
      shortcut: () => false,
      watch: () => undefined,
      guardOptions: ({ port }) => ({ hosts: new Set([`127.0.0.1:${port}`]), origins: new Set() }),
      listen: { host: "127.0.0.1", port: 0 },
      tls: null,
      isSecure: false,
      timeouts: { headersTimeout: 100, requestTimeout: 200, connectionsCheckingInterval: 20 },
    });
    const { port } = server.address;
    const all = await exchange(port, bytes.replace("HOST", `127.0.0.1:${port}`));
    expect(all.ended).toBe(true);
    expect(statuses(all)).toEqual([408]);
    await server.stop(0);
  });
});
