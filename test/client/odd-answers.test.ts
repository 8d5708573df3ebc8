/** The SDK before a server that answers as no service of ours does, and before resource servers that lead away. */
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { type Client, createClient } from "../../src/client/index.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const KEY = `gk_${"k".repeat(10)}_${"s".repeat(32)}_${"c".repeat(6)}`;
const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serverOf(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const tokenOf = (generation: number, more: object = {}) => ({
  grant: "g",
  access_token: `token-${generation}`,
  token_type: "Bearer",
  expires_at: null,
  expires_in: 600,
  scope: "",
  generation,
  fingerprint: String(generation).padStart(16, "0"),
  warning: null,
  ...more,
});

/** Answers to come, in their order; the last one for ever. */
async function keeperThat(...answers: [status: number, body: unknown, type?: string][]) {
  const asked: string[] = [];
  const url = await serverOf((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const [status, body, type = "application/json"] = (answers.length > 1 ? answers.shift() : answers[0]) ?? [
      500,
      "",
    ];
    response.writeHead(status, {
      "content-type": type,
      ...(status === 302 && { location: "http://127.0.0.1:1/" }),
    });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  });
  return { url, asked, client: createClient({ url, apiKey: KEY }) };
}

/** Asks for more life than is kept, so that the service is asked. */
const again = (client: Client) => client.getToken("g", { minTtl: 1000 });

const OUTAGES: [string, [number, unknown, string?]][] = [
  ["a 500 of a proxy", [500, "<html>", "text/html"]],
  ["a 503", [503, { code: "storage_unavailable", detail: "away" }]],
  ["a garbled 200", [200, "{"]],
  ["another program's page", [200, "<html>", "text/html"]],
  ["a 200 that is no token", [200, { hello: 1 }]],
  ["another grant's token", [200, tokenOf(9, { grant: "other" })]],
  ["more than a megabyte", [200, `"${"x".repeat(1_100_000)}"`]],
  ["a redirect", [302, ""]],
  ["too many requests", [429, { code: "rate_limited", detail: "wait" }]],
];

test.each(OUTAGES)("%s is no reason to lose a token that lives", async (_, bad) => {
  const { client } = await keeperThat([200, tokenOf(1)], bad);
  await client.getToken("g");
  const served = await again(client);
  expect([served.accessToken, served.warning]).toEqual(["token-1", expect.stringContaining("Meanwhile")]);
});

const REFUSALS: [string, [number, unknown, string?]][] = [
  ["401 with a page", [401, "<html>", "text/html"]],
  ["403 without a code", [403, { detail: "no" }]],
  ["404", [404, { code: "not_found", detail: "none" }]],
  ["409", [409, { code: "suspended", detail: "held" }]],
  ["a 403 of more than a megabyte", [403, `"${"x".repeat(1_100_000)}"`]],
];

test.each(REFUSALS)("%s is a refusal: nothing that was kept is served, now or later", async (_, bad) => {
  const { client } = await keeperThat([200, tokenOf(1)], bad, [
    503,
    { code: "storage_unavailable", detail: "away" },
  ]);
  await client.getToken("g");
  await expect(again(client)).rejects.toMatchObject({ status: bad[0] });
  await expect(client.getToken("g")).rejects.toMatchObject({ status: 503 });
});

test("a rejected token is not served again, whatever becomes of the report", async () => {
  const { client } = await keeperThat(
    [200, tokenOf(1)],
    [503, { code: "provider_unreachable", detail: "away" }],
  );
  const { fingerprint } = await client.getToken("g");
  await expect(client.reportRejected("g", fingerprint)).rejects.toMatchObject({
    code: "provider_unreachable",
  });
  await expect(client.getToken("g")).rejects.toMatchObject({ status: 503 });
});

test("a 404 whose body breaks off is a refusal all the same, and a broken 200 is not", async () => {
  let status = 200;
  let isWhole = true;
  const url = await serverOf((_, response) => {
    const text = JSON.stringify(tokenOf(1));
    response.writeHead(status, { "content-type": "application/json", "content-length": text.length });
    if (isWhole) response.end(text);
    else response.write(text.slice(0, 5), () => response.destroy());
  });
  const client = createClient({ url, apiKey: KEY });
  await client.getToken("g");
  isWhole = false;
  expect((await again(client)).warning).toContain("Meanwhile");
  status = 404;
  await expect(again(client)).rejects.toMatchObject({ status: 404 });
  status = 503;
  await expect(client.getToken("g")).rejects.toMatchObject({ status: 503 });
});

test("a rejected token that was under way, or lies on disk, is served no more", async () => {
  const directory = mkdtempSync(join(tmpdir(), "grantkeeper-sdk-"));
  closing.push(() => rmSync(directory, { recursive: true, force: true }));
  let answer: (() => void) | null = null;
  let isAway = false;
  const url = await serverOf((request, response) => {
    const send = (status: number, body: object): void =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (isAway || request.method === "POST")
      return send(503, { code: "provider_unreachable", detail: "away" });
    if (request.url?.endsWith("min_ttl=1000") === true) answer = () => send(200, tokenOf(1));
    else send(200, tokenOf(1));
  });
  const options = { url, apiKey: KEY, cache: { directory } };
  const client = createClient(options);
  const { fingerprint } = await client.getToken("g");
  expect(readdirSync(directory)).toHaveLength(1);
  const late = again(client);
  await expect.poll(() => answer !== null).toBe(true);
  await expect(client.reportRejected("g", fingerprint)).rejects.toMatchObject({ status: 503 });
  expect(readdirSync(directory)).toEqual([]);
  // What is under way brings it once more: the service is told once more, and it is not kept.
  (answer as (() => void) | null)?.();
  await expect(late).rejects.toMatchObject({ status: 503 });
  expect(readdirSync(directory)).toEqual([]);
  isAway = true;
  await expect(client.getToken("g")).rejects.toMatchObject({ status: 503 });
  await expect(createClient(options).getToken("g")).rejects.toMatchObject({ status: 503 });
});

test("a token that the service stands by is served, though it was rejected before", async () => {
  const { client, asked } = await keeperThat([200, tokenOf(1)]);
  const { fingerprint } = await client.getToken("g");
  expect((await client.reportRejected("g", fingerprint)).accessToken).toBe("token-1");
  expect((await client.getToken("g")).accessToken).toBe("token-1");
  expect(asked).toHaveLength(2);
  expect((await client.refresh("g")).generation).toBe(1);
  expect(asked.at(-1)).toBe("POST /v1/grants/g/refresh");
});

test("whoever wants less life waits for whoever wants more; not the other way round", async () => {
  const answers: (() => void)[] = [];
  const asked: string[] = [];
  const url = await serverOf((request, response) => {
    asked.push(String(request.url?.split("=")[1]));
    answers.push(
      () =>
        void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(tokenOf(1))),
    );
  });
  const client = createClient({ url, apiKey: KEY });
  const all = [500, 100, 900, 300].map((minTtl) => client.getToken("g", { minTtl }));
  await expect.poll(() => answers.length).toBe(2);
  for (const answer of answers) answer();
  await Promise.all(all);
  expect(asked.toSorted()).toEqual(["500", "900"]);
});

test("on disk the newer generation stays, unfinished files go, and a folder that was there keeps its mode", async () => {
  const directory = mkdtempSync(join(tmpdir(), "grantkeeper-sdk-"));
  closing.push(() => rmSync(directory, { recursive: true, force: true }));
  chmodSync(directory, 0o755);
  const unfinished = join(directory, `${"a".repeat(32)}.token.${"b".repeat(12)}`);
  const fresh = join(directory, `${"a".repeat(32)}.token.${"c".repeat(12)}`);
  for (const file of [unfinished, fresh, join(directory, "another's.txt")]) writeFileSync(file, "x");
  utimesSync(unfinished, new Date(0), new Date(0));
  const cache = { directory };
  const newer = await keeperThat([200, tokenOf(2)], [500, ""]);
  await createClient({ url: newer.url, apiKey: KEY, cache }).getToken("g");
  expect([existsSync(unfinished), existsSync(fresh), readdirSync(directory).length]).toEqual([
    false,
    true,
    3,
  ]);
  expect(statSync(directory).mode & 0o777).toBe(0o755);
  // Another process got the older answer late.
  const headers = { "content-type": "application/json" };
  const options = { url: newer.url, apiKey: KEY, cache };
  const late = async (): Promise<Response> => new Response(JSON.stringify(tokenOf(1)), { headers });
  expect((await createClient({ ...options, fetch: late }).getToken("g")).generation).toBe(1);
  const away = (): Promise<Response> => Promise.reject(new TypeError("away"));
  expect((await createClient({ ...options, fetch: away }).getToken("g")).generation).toBe(2);
});

test("an older answer that comes late does not take the place of a newer one", async () => {
  const { client } = await keeperThat([200, tokenOf(2)], [200, tokenOf(1)]);
  await client.getToken("g");
  expect((await again(client)).generation).toBe(2);
  expect((await client.getToken("g")).generation).toBe(2);
});

test("names that lead elsewhere are not sent; a path before the API is kept", async () => {
  const { url, asked } = await keeperThat([200, tokenOf(1)]);
  const client = createClient({ url: `${url}/behind/a/proxy`, apiKey: KEY });
  for (const name of ["..", ".", "a/b", "", "a?b"])
    await expect(client.getToken(name)).rejects.toMatchObject({ code: "invalid_request" });
  await client.getToken("g");
  expect(asked).toEqual(["GET /behind/a/proxy/v1/grants/g/token?min_ttl=300"]);
});

test("one who gives up does not end what others wait for; a list that does not end is told", async () => {
  let answer: (() => void) | null = null;
  const url = await serverOf((_, response) => {
    answer = () =>
      void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(tokenOf(1)));
  });
  const client = createClient({ url, apiKey: KEY });
  const control = new AbortController();
  const one = client.getToken("g", { signal: control.signal });
  const other = client.getToken("g");
  control.abort(new Error("enough"));
  await expect(one).rejects.toThrow("enough");
  await expect.poll(() => answer !== null).toBe(true);
  (answer as (() => void) | null)?.();
  expect((await other).accessToken).toBe("token-1");
  const endless = await keeperThat([200, { items: [], next_cursor: "x" }]);
  await expect(endless.client.status()).rejects.toMatchObject({ code: "bad_answer" });
  const round = await keeperThat(
    [200, { items: [], next_cursor: "x" }],
    [200, { items: [], next_cursor: "y" }],
    [200, { items: [], next_cursor: "x" }],
  );
  await expect(round.client.status()).rejects.toMatchObject({ code: "bad_answer" });
});

describe("withToken", () => {
  test("a 401 of another origin, where the token was not sent, says nothing of the token", async () => {
    const { client, asked } = await keeperThat([200, tokenOf(1)]);
    const seen: (string | undefined)[] = [];
    const away = await serverOf((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401).end();
    });
    const server = await serverOf((_, response) => response.writeHead(302, { location: away }).end());
    expect((await client.withToken("g")(server)).status).toBe(401);
    expect([seen, asked.length]).toEqual([[undefined], 1]);
  });

  test("a body that cannot be read twice is sent once, and the token is not reported", async () => {
    const { client, asked } = await keeperThat([200, tokenOf(1)]);
    const server = await serverOf(
      (request, response) => void request.resume().on("end", () => response.writeHead(401).end()),
    );
    const init = { method: "POST", body: Readable.from(["a"]), duplex: "half" } as unknown as RequestInit;
    expect((await client.withToken("g")(server, init)).status).toBe(401);
    expect(asked).toHaveLength(1);
  });
});

test.skipIf(spawnSync("python3", ["--version"]).error !== undefined)(
  "python.py carries the token nowhere by a redirect",
  async () => {
    const { url } = await keeperThat([200, tokenOf(1)]);
    const seen: (string | undefined)[] = [];
    const away = await serverOf((request, response) => {
      seen.push(request.headers.authorization);
      response.end("away");
    });
    const server = await serverOf((_, response) => response.writeHead(302, { location: away }).end());
    const env = { PATH: process.env["PATH"] ?? "", GRANTKEEPER_URL: url, GRANTKEEPER_API_KEY: KEY };
    const child = spawn("python3", [join(ROOT, "examples/python.py"), "g", server], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => (said += String(chunk)));
    await new Promise((resolve) => child.once("close", resolve));
    expect([seen, said]).toEqual([[], expect.stringContaining("302")]);
  },
);
