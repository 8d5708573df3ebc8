import { connect } from "node:net";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom, startEmulator } from "../../src/emulator/index.ts";
import { get, issue, refresh, setUp } from "./support.ts";

/** Sends bytes and gives what came back until the end of the connection. */
function send(url: string, bytes: string | Uint8Array): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((settle) => {
    const socket = connect(Number(port), hostname, () => socket.end(bytes));
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", () => {});
    socket.on("close", () => settle(Buffer.concat(chunks).toString("latin1")));
  });
}

test("unknown paths and wrong methods are refused in the gateway's shape", async () => {
  const { emulator } = await setUp();
  for (const path of [
    "/",
    "/v1",
    "/v1/nothing",
    "//v1/people/me",
    "/v1/%zz",
    "/v1/__proto__",
    "/_emulator",
  ]) {
    const { status, json, headers } = await get(`${emulator.url}${path}`);
    expect(status).toBe(404);
    expect(json).toMatchObject({ message: expect.any(String), trackingId: headers.get("trackingid") });
  }
  const wrong = await get(`${emulator.baseUrl}/access_token`);
  expect(wrong.status).toBe(405);
  expect(wrong.headers.get("allow")).toBe("POST");
  expect((await get(`${emulator.baseUrl}/authorize`, undefined, "PUT")).headers.get("allow")).toBe(
    "GET, POST",
  );
});

test("bodies have a limit", async () => {
  const { emulator } = await setUp();
  const body = `grant_type=refresh_token&refresh_token=${"x".repeat(70_000)}`;
  const answer = await send(
    emulator.url,
    `POST /v1/access_token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
});

test("malformed encodings are read as they stand", async () => {
  const { emulator } = await setUp();
  const body = "grant_type=%zz&client_id=%E0%A4%A&=&&&x";
  const response = await fetch(`${emulator.baseUrl}/access_token`, {
    method: "POST",
    body,
    headers: { "content-type": "application/x-www-form-urlencoded", authorization: "Basic %%%" },
  });
  expect(response.status).toBe(400);
  const query = await fetch(`${emulator.baseUrl}/authorize?client_id=%E0%A4%A&scope=%`);
  expect(query.status).toBe(400);
});

test("no bytes bring it down", async () => {
  const { emulator, client } = await setUp();
  const line = fc.tuple(
    fc.constantFrom("GET", "POST", "DELETE", "HEAD", "BREW"),
    fc.constantFrom(
      "/v1/authorize",
      "/v1/access_token",
      "/verify",
      "/_emulator/state",
      "/v1/authorizations/x",
    ),
    fc.string(),
    fc.string({ maxLength: 200 }),
  );
  await fc.assert(
    fc.asyncProperty(line, async ([method, path, query, body]) => {
      const text = new URLSearchParams({ query }).toString();
      const length = Buffer.byteLength(body);
      await send(
        emulator.url,
        `${method} ${path}?${text} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${length}\r\n\r\n${body}`,
      );
    }),
    { numRuns: 100 },
  );
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      await send(emulator.url, bytes);
    }),
    { numRuns: 100 },
  );
  expect((await refresh(emulator, client, issue(emulator, client).refresh_token)).status).toBe(200);
});

test("listens on loopback only, and says which port is taken", async () => {
  for (const host of ["0.0.0.0", "::", "192.168.1.1", "example.com", "127.0.0.1.example.com"]) {
    await expect(startEmulator({ host, port: 0 })).rejects.toThrow("loopback addresses only");
  }
  const { emulator } = await setUp();
  const port = Number(new URL(emulator.url).port);
  await expect(startEmulator({ port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  await expect(startEmulator({ port: 0, accessTokenSeconds: -1 })).rejects.toThrow(TypeError);
  await emulator.close();
  await emulator.close();
});

test("a seed makes runs alike", async () => {
  const tokens = await Promise.all(
    ["a", "a", "b"].map(async (seed) => {
      const { emulator, client } = await setUp({ random: seededRandom(seed) });
      return issue(emulator, client).access_token;
    }),
  );
  expect(tokens[0]).toBe(tokens[1]);
  expect(tokens[0]).not.toBe(tokens[2]);
});

test("imports node's modules and its own files only", () => {
  const root = resolve(import.meta.dirname, "../../src/emulator");
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  expect(files.length).toBeGreaterThan(20);
  for (const file of files) {
    const path = join(root, file);
    const source = readFileSync(path, "utf8");
    const imports = [...source.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(
      ([, specifier = ""]) => specifier,
    );
    const outside = imports.filter((specifier) => {
      if (specifier.startsWith("node:")) return false;
      const target = relative(root, resolve(dirname(path), specifier));
      return !specifier.startsWith(".") || target.startsWith("..");
    });
    expect({ file, outside }).toEqual({ file, outside: [] });
  }
});
