/** The service and its keys from the command line, as processes: made, used, revoked, stopped. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { connectedHome } from "./connected.ts";
import { addSecret, documentOf, given, json, newHome, run, start, textAt } from "./support.ts";

/** A service on a free port, and how to end it in order. */
async function startService(home: string) {
  const { child, until, ended } = start(["serve", "--port", "0", "--json"], { home, ceiling: 110_000 });
  const [, url = ""] = await until("stdout", /"url": "([^"]+)"/);
  return {
    url,
    stop: async () => {
      child.kill("SIGTERM");
      return (await ended).exitCode;
    },
  };
}

test("a key is made, serves a program through the service, and is revoked", async () => {
  const { home } = await connectedHome();
  const created = await json(
    [
      "api-key",
      "create",
      "recorder",
      "--scope",
      "tokens:read,grants:read",
      "--grant",
      "meetings",
      "--expires",
      "90d",
    ],
    { home },
  );
  const key = textAt(created, "key");
  addSecret("api_key", key);
  expect(Object.keys(created)).toEqual(["id", "name", "key", "scopes", "grants", "expires_at"]);
  expect(created).toMatchObject({
    name: "recorder",
    scopes: ["tokens:read", "grants:read"],
    grants: ["meetings"],
  });
  const service = await startService(home);
  const remote = { home: newHome(), env: { GRANTKEEPER_URL: service.url, GRANTKEEPER_API_KEY: key } };
  const there = await run(["token", "meetings"], remote);
  const here = await run(["token", "meetings"], { home });
  expect([there.exitCode, there.stdout]).toEqual([0, here.stdout]);
  expect(documentOf(await run(["token", "meetings", "--json"], remote))).toMatchObject({
    grant: "meetings",
    generation: 1,
  });
  expect((await run(["status"], remote)).stdout).toContain("meetings");
  expect(await json(["status", "meetings"], remote)).toMatchObject({ name: "meetings", state: "active" });
  expect(await json(["refresh", "meetings"], remote)).toMatchObject({ generation: 2 });
  const executed = await run(
    ["exec", "meetings", "--", process.execPath, "-e", "process.exit(process.env.ACCESS_TOKEN ? 7 : 1)"],
    remote,
  );
  expect(executed.exitCode).toBe(7);
  const other = await run(["token", "absent", "--json"], remote);
  expect([other.exitCode, textAt(documentOf(other), "error", "code")]).toEqual([8, "forbidden"]);
  const list = await run(["api-key", "list"], { home });
  expect(list.stdout).toMatch(/recorder\s+active/);
  expect(await json(["api-key", "revoke", "recorder"], { home })).toMatchObject({
    name: "recorder",
    revoked_at: expect.any(String),
  });
  await expect
    .poll(async () => (await run(["token", "meetings"], remote)).exitCode, { timeout: 20_000 })
    .toBe(8);
  expect(await service.stop()).toBe(0);
  const away = await run(["token", "meetings", "--json"], remote);
  expect([away.exitCode, textAt(documentOf(away), "error", "code")]).toEqual([6, "keeper_unreachable"]);
});

test("a rehearsal: the address that serve prints leads through consent to a grant that serves", async () => {
  const home = newHome();
  const { child, until, ended } = start(["serve", "--port", "0", "--rehearsal"], { home, ceiling: 110_000 });
  const [address = ""] = await until("stderr", /^http:\S+authorize\S+$/m);
  const origin = new URL(address).origin;
  const approved = await fetch(`${origin}/_emulator/approve`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ authorization_url: address }),
  });
  const { location } = (await approved.json()) as { location: string };
  expect(await (await fetch(location)).text()).toContain("rehearsal is connected");
  expect(await json(["status", "rehearsal"], { home })).toMatchObject({ state: "active", generation: 1 });
  expect((await run(["token", "rehearsal"], { home })).exitCode).toBe(0);
  child.kill("SIGTERM");
  expect((await ended).exitCode).toBe(0);
  // A second time: what an emulator that is gone gave out is forgotten.
  const again = start(["serve", "--port", "0", "--rehearsal"], { home, ceiling: 110_000 });
  await again.until("stderr", /authorize/);
  expect(await json(["status", "rehearsal"], { home })).toMatchObject({ state: "pending" });
  again.child.kill("SIGTERM");
  expect((await again.ended).exitCode).toBe(0);
});

describe("api-key", () => {
  test("create prints the key alone, so that it can be piped", async () => {
    const { exitCode, stdout, stderr } = await run(["api-key", "create", "pipe", "--scope", "admin"], {
      home: newHome(),
    });
    addSecret("api_key", stdout.trim());
    expect([exitCode, stdout]).toEqual([
      0,
      expect.stringMatching(/^gk_[0-9A-Za-z]{10}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}\n$/),
    ]);
    expect(stderr).toContain("shown this once");
  });

  test.each([
    [["api-key", "create", "k"], 2, "at least one scope"],
    [["api-key", "create", "k", "--scope", "tokens"], 2, "not a scope"],
    [["api-key", "create", "k k", "--scope", "admin"], 2, "not a name"],
    [["api-key", "create", "k", "--scope", "admin", "--expires", "soon"], 2, "12h, 90d"],
    [["api-key", "create", "k", "--scope", "admin", "--grant", "g"], 2, "cannot be narrowed"],
    [["api-key", "revoke", "nobody"], 3, "no API key"],
  ] as const)("%j fails in words", async (words, code, says) => {
    const { exitCode, stderr } = await run(words, { home: newHome() });
    expect([exitCode, stderr]).toEqual([code, expect.stringContaining(says)]);
  });

  test("a name is taken until its key is revoked", async () => {
    const home = newHome();
    const make = async () => run(["api-key", "create", "twice", "--scope", "events:read"], { home });
    const codes = [(await make()).exitCode, (await make()).exitCode];
    await run(["api-key", "revoke", "twice"], { home });
    expect([...codes, (await make()).exitCode]).toEqual([0, 2, 0]);
  });
});

describe("settings of the service", () => {
  test.each([
    [{ GRANTKEEPER_HOST: "0.0.0.0" }, "GRANTKEEPER_TLS_CERT_FILE"],
    [{ GRANTKEEPER_PORT: "70000" }, "GRANTKEEPER_PORT"],
    [{ GRANTKEEPER_PUBLIC_URL: "grants.example.com" }, "GRANTKEEPER_PUBLIC_URL"],
    [{ GRANTKEEPER_TRUSTED_PROXIES: "10.0.0.0/99" }, "GRANTKEEPER_TRUSTED_PROXIES"],
    [{ GRANTKEEPER_TLS_CERT_FILE: "only-one.pem" }, "tls_key_file"],
    [{ GRANTKEEPER_RATE_LIMIT: "-1" }, "GRANTKEEPER_RATE_LIMIT"],
    [{ GRANTKEEPER_OPEN_METRICS: "yes" }, "GRANTKEEPER_OPEN_METRICS"],
  ])("%j: exit 2, named, by config and by serve", async (env, named) => {
    const home = newHome();
    for (const words of [["config"], ["serve"]]) {
      const { exitCode, stderr } = await run(words, { home, env });
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(named)]);
    }
  });

  test("an access log that cannot be written: exit 2, named, and nothing is begun", async () => {
    const env = { GRANTKEEPER_ACCESS_LOG: join(newHome(), "no", "such", "folder", "access.log") };
    const { exitCode, stdout, stderr } = await run(["serve", "--port", "0", "--json"], {
      home: newHome(),
      env,
    });
    expect([exitCode, stderr]).toEqual([2, ""]);
    expect(stdout).toContain("access_log");
  });

  test("config shows what holds and where it is from, and no password", async () => {
    const home = newHome();
    mkdirSync(home, { mode: 0o700 });
    writeFileSync(
      join(home, "grantkeeper.yaml"),
      "port: 9000\nallowed_hosts: [a.example, b.example]\nopen_metrics: true\n",
      { mode: 0o600 },
    );
    const password = "pg-password-canary-0123456789";
    addSecret("database_password", password);
    const env = {
      GRANTKEEPER_DATABASE_URL: `postgres://me:${password}@db.example/grants`,
      GRANTKEEPER_PORT: "9001",
    };
    expect(await json(["config"], { home, env })).toMatchObject({
      home,
      settings: {
        port: { value: "9001", source: "environment" },
        allowed_hosts: { value: "a.example,b.example", source: "file" },
        open_metrics: { value: "true", source: "file" },
        host: { value: "127.0.0.1", source: "default" },
        database_url: { source: "environment", value: expect.stringContaining("db.example") },
      },
    });
  });

  test("one of GRANTKEEPER_URL and GRANTKEEPER_API_KEY alone is a mistake that is named", async () => {
    const { exitCode, stderr } = await run(["token", "g"], {
      home: newHome(),
      env: { GRANTKEEPER_URL: "http://127.0.0.1:1" },
    });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("GRANTKEEPER_API_KEY")]);
  });

  test("a port that is taken: exit 2, and what to do", async () => {
    const home = newHome();
    const service = await startService(home);
    const second = await run(["serve", "--port", new URL(service.url).port], { home });
    expect([second.exitCode, second.stderr]).toEqual([2, expect.stringContaining("--port")]);
    expect(await service.stop()).toBe(0);
  });
});

test("an OpenTelemetry SDK that the environment loads gets the spans of the bundled service", async () => {
  const { home } = await connectedHome();
  const sdk = import.meta.resolve("@opentelemetry/sdk-trace-node");
  const loaded = given(
    "tracing.mjs",
    `import { NodeTracerProvider, SimpleSpanProcessor } from ${JSON.stringify(sdk)};
     const exporter = { export: (spans, done) => { for (const { name } of spans) process.stdout.write("span " + name + "\\n"); done({ code: 0 }); }, shutdown: async () => {} };
     new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();`,
  );
  const env = { NODE_OPTIONS: `--import ${pathToFileURL(loaded).href}` };
  const { child, until, ended } = start(["serve", "--port", "0"], { home, env });
  const [, url = ""] = await until("stderr", /Ready at (\S+?)\. /);
  expect((await fetch(`${url}/v1/grants`)).status).toBe(401);
  await until("stdout", /span GET \/v1\/grants\n/);
  child.kill("SIGTERM");
  expect((await ended).exitCode).toBe(0);
});
