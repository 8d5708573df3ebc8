/** What a request must not be: other names, other origins, odd targets, odd bytes. Nothing of it reaches a route. */
import { expect, test } from "vitest";
import { problemSchema } from "../../src/http/schemas.ts";
import { sendRaw } from "./raw.ts";
import { openScene } from "./scene.ts";
import { ROUTES } from "./all-routes.ts";

const PATHS = [
  ...ROUTES.map(({ method, path }) => `${method.toUpperCase()} ${path.replace("{name}", "meetings")}`),
  "GET /livez",
  "GET /readyz",
  "GET /metrics",
  "GET /openapi.json",
  "GET /oauth/callback?code=x&state=y",
  "GET /nothing",
];

test("a name that is not ours is refused on every path, with no data", { timeout: 120_000 }, async () => {
  const scene = await openScene();
  await scene.grant("meetings");
  await scene.ask("GET /v1/grants/meetings/token");
  const { port } = new URL(scene.url);
  const hosts = [
    "Host: evil.example",
    `Host: evil.example:${port}`,
    `Host: 127.0.0.1.evil.example:${port}`,
    `Host: localhost.:${port}`,
    "Host: 127.0.0.1",
    "Host: 127.0.0.1:1",
    "Host: localhost:80",
    "Host: ",
    `Host: 127.0.0.1:${port}@evil.example`,
    `Host: 127.0.0.1:${port}\r\nHost: evil.example`,
    `Host: 127.0.0.1:${port}\r\nHost: 127.0.0.1:${port}`,
    `Host: evil.example\r\nX-Forwarded-Host: 127.0.0.1:${port}`,
    `Host: 2130706433:${port}`,
    `Host: 0x7f.1:${port}`,
    `Host: 127.1:${port}`,
    `Host: 0.0.0.0:${port}`,
    `Host: [::ffff:127.0.0.1]:${port}`,
    `Host: 127.0.0.1:0${port}`,
    `X-Host: 127.0.0.1:${port}`,
    `Host: 127.0.0.1:${port}, evil.example`,
  ];
  const wrong: unknown[] = [];
  for (const path of PATHS) {
    const asked = hosts.map((host) =>
      sendRaw(
        scene.url,
        `${path} HTTP/1.1\r\n${host}\r\nAuthorization: Bearer ${scene.admin}\r\nConnection: close\r\n\r\n`,
        2000,
      ),
    );
    for (const [i, { status, body }] of (await Promise.all(asked)).entries()) {
      const isRefused = status === 403 || status === 400;
      if (!isRefused || /access_token|items|openapi"|alive/.test(body)) wrong.push([path, hosts[i], status]);
    }
  }
  expect(wrong).toEqual([]);
  // And the same with its own name is not.
  const own = await sendRaw(
    scene.url,
    `GET /livez HTTP/1.1\r\nHost: LOCALHOST:${port}\r\nConnection: close\r\n\r\n`,
  );
  expect(own.status).toBe(200);
});

const FOREIGN = [
  "https://evil.example",
  "null",
  "http://127.0.0.1:1",
  "http://localhost",
  "file://",
  "http://127.0.0.1.evil",
];

test.each(FOREIGN)("a page of %s may not write", async (origin) => {
  const scene = await openScene();
  await scene.grant("meetings");
  for (const what of [
    "POST /v1/grants/meetings/suspend",
    "DELETE /v1/grants/meetings",
    "POST /v1/grants/meetings/reveal",
  ]) {
    const answer = await scene.ask(what, { headers: { origin } });
    expect([what, answer.status]).toEqual([what, 403]);
  }
  expect((await scene.ask("GET /v1/grants/meetings")).body["state"]).toBe("active");
  const own = await scene.ask("POST /v1/grants/meetings/suspend", { headers: { origin: scene.url } });
  expect(own.status).toBe(200);
});

test("nothing changes by GET or HEAD, by forms, or by fields that name another method", async () => {
  const scene = await openScene();
  await scene.grant("meetings");
  const tries: [string, object][] = [
    ["GET /v1/grants/meetings/suspend", {}],
    ["HEAD /v1/grants/meetings/suspend", {}],
    ["GET /v1/grants/meetings/revoke", {}],
    ["GET /v1/grants/meetings", { headers: { "x-http-method-override": "DELETE" } }],
    ["POST /v1/grants/meetings", { headers: { "x-http-method-override": "DELETE" } }],
    ["GET /v1/grants/meetings?_method=DELETE", {}],
    [
      "POST /v1/grants/meetings/resume",
      { body: "accept_risk=true", headers: { "content-type": "application/x-www-form-urlencoded" } },
    ],
    ["POST /v1/grants/meetings/suspend", { body: "{}", headers: { "content-type": "text/plain" } }],
    [
      "POST /v1/grants/meetings/suspend",
      { body: "{}", headers: { "content-type": "multipart/form-data; boundary=x" } },
    ],
    ["PUT /v1/grants/meetings/suspend", {}],
    ["OPTIONS /v1/grants/meetings/suspend", { headers: { origin: "https://evil.example" } }],
  ];
  for (const [what, options] of tries) {
    const answer = await scene.ask(what, options);
    const isLook = what === "GET /v1/grants/meetings";
    expect([what, answer.status < 300]).toEqual([what, isLook]);
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  }
  expect((await scene.ask("GET /v1/grants/meetings")).body["state"]).toBe("active");
});

const bytes = (host: string, auth: string) =>
  ({
    "absolute target": [`GET http://${host}/livez HTTP/1.1\r\nHost: ${host}\r\n\r\n`, [400]],
    "two slashes": [`GET //evil.example/livez HTTP/1.1\r\nHost: ${host}\r\n\r\n`, [400]],
    asterisk: [`OPTIONS * HTTP/1.1\r\nHost: ${host}\r\n\r\n`, [400, 405]],
    CONNECT: [`CONNECT evil.example:443 HTTP/1.1\r\nHost: ${host}\r\n\r\n`, [0, 400, 405]],
    TRACE: [`TRACE /livez HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\n\r\n`, [405]],
    "length and chunks": [
      `POST /v1/integrations HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      [400],
    ],
    "two lengths": [
      `POST /v1/integrations HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\nGET /livez HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      [400],
    ],
    "bare line feeds": [`GET /livez HTTP/1.1\nHost: ${host}\n\n`, [400]],
    "folded field": [`GET /livez HTTP/1.1\r\nHost: ${host}\r\nX: a\r\n b\r\n\r\n`, [200, 400]],
    "odd chunk size": [
      `POST /v1/integrations HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n`,
      [400],
    ],
    "odd coding": [
      `POST /v1/integrations HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
      [400, 501],
    ],
    "NUL in a field": [`GET /livez HTTP/1.1\r\nHost: ${host}\r\nX: a\u0000b\r\n\r\n`, [400]],
    "space in a field's name": [`GET /livez HTTP/1.1\r\nHost : ${host}\r\n\r\n`, [400]],
    "no version": ["GET /livez\r\n\r\n", [400, 403]],
    "HTTP/2 preface": ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [0, 400, 505]],
    "TLS hello": [`\u0016\u0003\u0001\u0002\u0000\u0001${"\u0000".repeat(60)}`, [400]],
    "fields of 20 kB": [`GET /livez HTTP/1.1\r\nHost: ${host}\r\nX: ${"a".repeat(20_000)}\r\n\r\n`, [431]],
    "a path of 9 kB": [`GET /${"a".repeat(9000)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, [414]],
    "two keys": [`GET /v1/grants HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\n${auth}\r\n\r\n`, [400]],
    "an expectation": [
      `POST /v1/integrations HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\nExpect: 200-maybe\r\nContent-Length: 0\r\n\r\n`,
      [400, 417],
    ],
    "a name that is no UTF-8": [
      `GET /v1/grants/%ff%fe HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\n\r\n`,
      [400, 403, 404],
    ],
    "a name with a slash": [
      `GET /v1/grants/a%2f..%2fb HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\n\r\n`,
      [400, 404],
    ],
    "a name with NUL": [`GET /v1/grants/a%00b HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\n\r\n`, [400, 404]],
    dots: [`GET /v1/grants/../../etc/passwd HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\n\r\n`, [404]],
    "an upgrade": [
      `GET /livez HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      [200, 400],
    ],
    "a body of 70 kB, declared": [
      `POST /v1/integrations HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\nContent-Type: application/json\r\nContent-Length: 70000\r\n\r\n${" ".repeat(70_000)}`,
      [413],
    ],
    "a body of 70 kB, in chunks": [
      `POST /v1/integrations HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n${" ".repeat(70_000)}\r\n0\r\n\r\n`,
      [413],
    ],
  }) satisfies Record<string, [string, number[]]>;

test("odd bytes are refused, each with one answer, and the service lives on", async () => {
  const scene = await openScene();
  await scene.grant("meetings");
  const host = new URL(scene.url).host;
  for (const [kind, [sent, allowed]] of Object.entries(bytes(host, `Authorization: Bearer ${scene.admin}`))) {
    const { status, all, body } = await sendRaw(scene.url, Buffer.from(sent, "latin1"), 300);
    expect([kind, allowed.includes(status as never), status]).toEqual([kind, true, status]);
    // What was smuggled behind a refused request is not answered.
    if (status >= 400) expect([kind, all.match(/HTTP\/1\.1 /g)?.length]).toEqual([kind, 1]);
    if (status >= 400 && body !== "")
      expect([kind, problemSchema.safeParse(JSON.parse(body)).success]).toEqual([kind, true]);
  }
  expect((await scene.ask("GET /v1/grants/meetings/token")).status).toBe(200);
  expect(scene.faults).toEqual([]);
});
