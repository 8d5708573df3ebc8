/** The SDK against the real service: tokens, rejections, outages; and the examples as a user runs them. */
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect, promisify } from "node:util";
import type { z } from "zod";
import { afterEach, describe, expect, expectTypeOf, test } from "vitest";
import { createClient, GrantkeeperClientError, type GrantStatus } from "../../src/client/index.ts";
import type { grantSchema } from "../../src/http/schemas.ts";
import { openWatchedScene as openScene } from "../http/scene.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A resource server that takes one access token, or each that it is told of. */
async function resourceServer(accepts: () => string) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      seen.push(`${request.headers.authorization ?? ""} ${body}`.trim());
      const isIn = request.headers.authorization === `Bearer ${accepts()}`;
      response.writeHead(isIn ? 200 : 401).end(isIn ? "welcome" : "who are you?");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, seen };
}

describe("against the service", () => {
  test("a token is fetched once and kept, one request for all who want it", async () => {
    const scene = await openScene();
    const tokens = await scene.grant("meetings");
    let requests = 0;
    const counting: typeof fetch = (...words) => {
      requests++;
      return fetch(...words);
    };
    const client = createClient({
      url: scene.url,
      apiKey: await scene.key(["tokens:read"]),
      fetch: counting,
    });
    const all = await Promise.all(Array.from({ length: 50 }, () => client.getToken("meetings")));
    expect(new Set(all.map(({ accessToken }) => accessToken))).toEqual(new Set([tokens.access_token]));
    expect(await client.getToken("meetings")).toMatchObject({
      grant: "meetings",
      generation: 1,
      warning: null,
    });
    expect(requests).toBe(1);
    const end = (await client.getToken("meetings")).expiresAt?.getTime() ?? 0;
    expect(Math.abs(end - Date.now() - tokens.expires_in * 1000)).toBeLessThan(60_000);
    // More life than the provider gives is asked of the service again.
    await client.getToken("meetings", { minTtl: 100_000_000 });
    expect(requests).toBe(2);
  });

  test("a rejected token is replaced and the call made again, with its body, once", async () => {
    const scene = await openScene();
    const tokens = await scene.grant("meetings");
    let good = "";
    const server = await resourceServer(() => good);
    const client = createClient({ url: scene.url, apiKey: await scene.key(["tokens:read"]) });
    const call = client.withToken("meetings");
    // The old one is not taken any more; the next one that the keeper hands out is.
    const watch = (async () => {
      await expect.poll(() => server.seen.length, { interval: 5 }).toBe(1);
    })();
    const asked = call(server.url, { method: "POST", body: "question" });
    await watch;
    const first = await asked;
    expect(first.status).toBe(401);
    expect(server.seen).toEqual([
      `Bearer ${tokens.access_token} question`,
      expect.stringMatching(/^Bearer \S+ question$/),
    ]);
    good = (await client.getToken("meetings")).accessToken;
    expect(good).not.toBe(tokens.access_token);
    const second = await call(new Request(server.url, { method: "POST", body: "again" }));
    expect([second.status, await second.text()]).toEqual([200, "welcome"]);
    const stream = new ReadableStream({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode("once"));
        controller.close();
      },
    });
    good = "nobody's";
    const before = server.seen.length;
    const once = await call(server.url, { method: "POST", body: stream, duplex: "half" });
    expect([once.status, server.seen.length - before]).toEqual([401, 1]);
    await expect(call("http://example.com/")).rejects.toThrow("plain text");
  });

  test("what the service refuses is refused, with its code and remedy, and nothing old is served", async () => {
    const scene = await openScene();
    await scene.grant("meetings");
    const key = await scene.key(["tokens:read", "grants:read"]);
    const client = createClient({ url: scene.url, apiKey: key });
    await client.getToken("meetings");
    await scene.ask("POST /v1/grants/meetings/suspend");
    const refused: unknown = await client
      .getToken("meetings", { minTtl: 100_000_000 })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(GrantkeeperClientError);
    expect(refused).toMatchObject({
      code: "suspended",
      status: 409,
      remedy: expect.stringContaining("resume"),
    });
    await expect(client.getToken("meetings")).rejects.toMatchObject({ code: "suspended" });
    await expect(client.getToken("absent")).rejects.toMatchObject({ code: "not_found", status: 404 });
    expect(await client.status("meetings")).toMatchObject({ name: "meetings", state: "suspended" });
    expect(await client.status()).toMatchObject({ grants: [{ name: "meetings" }] });
    const stranger = createClient({
      url: scene.url,
      apiKey: `gk_${"a".repeat(10)}_${"b".repeat(32)}_${"c".repeat(6)}`,
    });
    await expect(stranger.getToken("meetings")).rejects.toMatchObject({ code: "unauthorized", status: 401 });
  });

  test("while the service is away a living token is served, from memory and from disk, and says so", async () => {
    const scene = await openScene();
    const tokens = await scene.grant("meetings");
    const directory = join(mkdtempSync(join(tmpdir(), "grantkeeper-sdk-")), "cache");
    closing.push(() => rmSync(directory, { recursive: true, force: true }));
    const options = { url: scene.url, apiKey: await scene.key(["tokens:read"]), cache: { directory } };
    const client = createClient(options);
    await client.getToken("meetings");
    const [file = ""] = readdirSync(directory);
    expect([statSync(directory).mode & 0o777, statSync(join(directory, file)).mode & 0o777]).toEqual([
      0o700, 0o600,
    ]);
    const written = readFileSync(join(directory, file), "latin1");
    for (const secret of [tokens.access_token, "meetings", options.apiKey])
      expect(file + written).not.toContain(secret);
    await scene.service.stop();
    const fromMemory = await client.getToken("meetings", { minTtl: 100_000_000 });
    const restarted = createClient(options);
    const fromDisk = await restarted.getToken("meetings");
    for (const { accessToken, warning } of [fromMemory, fromDisk]) {
      expect(accessToken).toBe(tokens.access_token);
      expect(warning).toContain("cannot be reached");
    }
    // Another key does not open it, and without one there is nothing to serve.
    const other = createClient({ ...options, apiKey: await scene.key(["tokens:read"]) });
    await expect(other.getToken("meetings")).rejects.toMatchObject({
      code: "keeper_unreachable",
      status: null,
    });
    await expect(createClient({ ...options, cache: undefined }).getToken("meetings")).rejects.toMatchObject({
      code: "keeper_unreachable",
    });
  });

  test("the key shows nowhere", async () => {
    const apiKey = `gk_${"k".repeat(10)}_${"s".repeat(32)}_${"c".repeat(6)}`;
    const client = createClient({ url: "http://127.0.0.1:1", apiKey });
    const failure: unknown = await client.getToken("meetings").catch((error: unknown) => error);
    for (const shown of [client, failure, (failure as Error).stack, (failure as Error).cause])
      expect(inspect(shown, { depth: 9, showHidden: true }) + JSON.stringify(shown)).not.toContain(
        "s".repeat(32),
      );
    expect(() => createClient({ url: "http://keeper.example", apiKey })).toThrow("plain text");
    expect(() => createClient({ url: "http://127.0.0.1:1", apiKey: "" })).toThrow("GRANTKEEPER_API_KEY");
  });
});

test("what is built imports nothing but Node's own modules", () => {
  const folder = join(ROOT, "dist/client");
  const imported = readdirSync(folder)
    .filter((name) => name.endsWith(".js"))
    .flatMap((name) => [
      ...readFileSync(join(folder, name), "utf8").matchAll(/\b(?:from|import)\s*\(?["']([^"']+)["']/g),
    ])
    .map(([, specifier = ""]) => specifier);
  expect(imported.length).toBeGreaterThan(2);
  expect(
    imported.filter((specifier) => !specifier.startsWith("node:") && !specifier.startsWith("./")),
  ).toEqual([]);
});

test("a grant is what the service's own schema says", async () => {
  const scene = await openScene();
  await scene.grant("meetings");
  const client = createClient({ url: scene.url, apiKey: await scene.key(["grants:read"]) });
  const grant = await client.status("meetings");
  expect(grant).toEqual((await scene.ask("GET /v1/grants/meetings")).body);
  expect((await client.status()).grants.map(({ name }) => name)).toEqual(["meetings"]);
  // The types of both agree: what the service answers is what the SDK promises.
  expectTypeOf<z.infer<typeof grantSchema>>().toExtend<GrantStatus>();
});

describe("examples", () => {
  const runs: [file: string, program: string][] = [
    ["node.mjs", process.execPath],
    ["python.py", "python3"],
    ["shell.sh", "sh"],
  ];
  for (const [file, program] of runs) {
    const isThere = spawnSync(program, ["--version"]).error === undefined;
    test.skipIf(!isThere)(`${file} calls an API with the grant's token`, async () => {
      const scene = await openScene();
      const tokens = await scene.grant("meetings");
      const server = await resourceServer(() => tokens.access_token);
      const env = {
        PATH: process.env["PATH"] ?? "",
        GRANTKEEPER_URL: scene.url,
        GRANTKEEPER_API_KEY: await scene.key(["tokens:read"], ["meetings"]),
      };
      const words = [join(ROOT, "examples", file), "meetings", server.url];
      const { stdout } = await promisify(execFile)(program, words, { env });
      expect(stdout).toContain("200");
      expect(stdout).toContain("welcome");
      const refused = promisify(execFile)(program, [join(ROOT, "examples", file), "absent", server.url], {
        env,
      });
      await expect(refused).rejects.toMatchObject({ stderr: expect.stringMatching(/forbidden/) });
    });

    test.skipIf(!isThere)(
      `${file} reports a rejected token once, and says it when nobody answers`,
      async () => {
        const scene = await openScene();
        const tokens = await scene.grant("meetings");
        const server = await resourceServer(() => "the next one, whatever it is");
        const seen = (): string[] => server.seen;
        const env = {
          PATH: process.env["PATH"] ?? "",
          GRANTKEEPER_URL: scene.url,
          GRANTKEEPER_API_KEY: await scene.key(["tokens:read"], ["meetings"]),
        };
        const words = [join(ROOT, "examples", file), "meetings", server.url];
        const { stdout } = await promisify(execFile)(program, words, { env });
        expect(stdout).toContain("401");
        expect(seen()).toHaveLength(2);
        expect(seen()[0]).toContain(tokens.access_token);
        expect(seen()[1]).not.toContain(tokens.access_token);
        const nobody = { ...env, GRANTKEEPER_URL: "http://127.0.0.1:1" };
        const failed: unknown = await promisify(execFile)(program, words, { env: nobody }).catch(
          (error: unknown) => error,
        );
        const { stderr } = failed as { stderr: string };
        expect(stderr).toMatch(/connect|reach|refused/i);
        expect(stderr).not.toMatch(/Traceback|at .*\.mjs:\d+/);
      },
    );
  }
});
