import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { SETTINGS } from "../../src/settings.ts";
import { readServeConfig } from "../../src/serve-config.ts";
import { openScene } from "./scene.ts";

const home = mkdtempSync(join(tmpdir(), "grantkeeper-config-"));
afterAll(() => rmSync(home, { recursive: true }));

const CERT = fileURLToPath(new URL("../oauth/certificate/cert.pem", import.meta.url));
const KEY = fileURLToPath(new URL("../oauth/certificate/key.pem", import.meta.url));
const nonsense = join(home, "nonsense.pem");
writeFileSync(nonsense, "-----BEGIN NONSENSE-----\n");

const read = (env: Record<string, string>) => readServeConfig({ GRANTKEEPER_HOME: home, ...env });

describe("settings", () => {
  test("sign-in by OpenID Connect: whole, by TLS or on this machine, and with a role for somebody", async () => {
    const good = {
      GRANTKEEPER_OPENID_ISSUER: "https://login.example.com/realms/staff",
      GRANTKEEPER_OPENID_CLIENT_ID: "console",
      GRANTKEEPER_OPENID_ADMINS: "keepers, owners",
    };
    expect((await read(good)).openId).toMatchObject({
      clientId: "console",
      clientSecret: null,
      roleClaim: "groups",
      roles: { viewer: [], operator: [], admin: ["keepers", "owners"] },
    });
    const bad = [
      { ...good, GRANTKEEPER_OPENID_CLIENT_ID: "" },
      { ...good, GRANTKEEPER_OPENID_ISSUER: "" },
      { ...good, GRANTKEEPER_OPENID_ADMINS: "" },
      { ...good, GRANTKEEPER_OPENID_ISSUER: "http://login.example.com" },
      { ...good, GRANTKEEPER_OPENID_ISSUER: "login.example.com" },
      { ...good, GRANTKEEPER_OPENID_ISSUER: "https://login.example.com/?x" },
      { ...good, GRANTKEEPER_OPENID_CLIENT_SECRET_FILE: "not-there" },
    ];
    for (const env of bad) await expect(read(env)).rejects.toMatchObject({ code: "invalid_request" });
  });

  test("where nothing is set: loopback, its usual port, no trust in anybody", async () => {
    expect(await read({})).toEqual({
      host: "127.0.0.1",
      port: 8700,
      socket: null,
      publicUrl: null,
      allowedHosts: [],
      trustedProxies: [],
      tls: null,
      rateLimit: 0,
      openId: null,
      openMetrics: false,
      accessLog: null,
    });
  });

  const bad = {
    port: ["65536", "-1", "0x50", "1e3", "8700 ", "http", "٨٧٠٠"],
    public_url: [
      "grants.example.com",
      "https://grants.example.com/path",
      "https://grants.example.com/?a=b",
      "https://grants.example.com/#a",
      "https://user@grants.example.com",
      "https://:secret@grants.example.com",
      "ftp://grants.example.com",
      "javascript:alert(1)",
    ],
    allowed_hosts: [
      "https://grants.example.com",
      "*",
      "a.example, b.example/path",
      "user@a.example",
      "a.example:",
    ],
    trusted_proxies: [
      "proxy.example",
      "10.0.0.0/33",
      "10.0.0.0/",
      "10.0.0.0/8/8",
      "::1/129",
      "10.0.0/8",
      "10.0.0.7, x",
    ],
    rate_limit: ["-1", "1.5", "many", "1000001"],
    open_metrics: ["yes", "1", "TRUE"],
    tls_cert_file: ["/nowhere/cert.pem", nonsense],
    tls_key_file: ["/nowhere/key.pem", nonsense, CERT],
  } as const;
  const cases = Object.entries(bad).flatMap(([name, values]) =>
    values.map((value) => [name as keyof typeof bad, value] as const),
  );

  test.each(cases)("%s cannot be %j, and is named", async (name, value) => {
    const { env } = SETTINGS[name];
    const others = name.startsWith("tls")
      ? { GRANTKEEPER_TLS_CERT_FILE: CERT, GRANTKEEPER_TLS_KEY_FILE: KEY }
      : {};
    await expect(read({ ...others, [env]: value })).rejects.toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining(`${env} (${name})`),
      remedy: expect.any(String),
    });
  });

  test("a password in an address that is refused is not repeated", async () => {
    const refused = read({ GRANTKEEPER_PUBLIC_URL: "https://:hush@grants.example.com" });
    await expect(refused).rejects.toMatchObject({ message: expect.not.stringContaining("hush") });
  });

  test.each([
    ["a certificate alone", { GRANTKEEPER_TLS_CERT_FILE: CERT }],
    ["a key alone", { GRANTKEEPER_TLS_KEY_FILE: KEY }],
  ])("%s is refused", async (_, env) => {
    await expect(read(env)).rejects.toMatchObject({ message: expect.stringContaining("tls_key_file") });
  });

  test("good values are taken as they are meant", async () => {
    const config = await read({
      GRANTKEEPER_PUBLIC_URL: "https://Grants.example.com",
      GRANTKEEPER_ALLOWED_HOSTS: "A.example:8700, [::1]:8700 b_c.example",
      GRANTKEEPER_TRUSTED_PROXIES: "10.0.0.0/8,::1",
      GRANTKEEPER_PORT: "0",
    });
    expect(config.publicUrl?.origin).toBe("https://grants.example.com");
    expect(config.allowedHosts).toEqual(["a.example:8700", "[::1]:8700", "b_c.example"]);
    expect(config.trustedProxies).toEqual(["10.0.0.0/8", "::1"]);
  });
});

describe("addresses that other machines can reach", () => {
  const FAR = [
    "0.0.0.0",
    "::",
    "192.168.1.7",
    "10.0.0.1",
    "128.0.0.1",
    "grants.example.com",
    "127.0.0.1.example",
    "::ffff:10.0.0.1",
  ];
  test.each(FAR)("%s is refused without TLS or a proxy that has it", async (host) => {
    await expect(read({ GRANTKEEPER_HOST: host })).rejects.toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining("plain text"),
    });
    await expect(readServeConfig({ GRANTKEEPER_HOME: home }, { host })).rejects.toThrow("plain text");
    const tls = { GRANTKEEPER_TLS_CERT_FILE: CERT, GRANTKEEPER_TLS_KEY_FILE: KEY };
    expect((await read({ GRANTKEEPER_HOST: host, ...tls })).tls).not.toBeNull();
    expect((await read({ GRANTKEEPER_HOST: host, GRANTKEEPER_TRUSTED_PROXIES: "10.0.0.7" })).host).toBe(host);
  });

  test.each(["127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1"])(
    "%s is near",
    async (host) => {
      expect((await read({ GRANTKEEPER_HOST: host })).host).toBe(host);
    },
  );
});

/** One request over TLS, the certificate checked against ours. */
function askOverTls(url: string, headers: Readonly<Record<string, string>>) {
  return new Promise<{ status: number | undefined; text: string; hsts: unknown }>((resolve, reject) => {
    const options = { ca: readFileSync(CERT), headers, servername: "localhost" };
    const asked = request(url, options, (incoming) => {
      let text = "";
      incoming.setEncoding("utf8").on("data", (part: string) => (text += part));
      incoming.on("end", () => {
        const hsts = incoming.headers["strict-transport-security"];
        resolve({ status: incoming.statusCode, text, hsts });
      });
    });
    asked.on("error", reject).end();
  });
}

test("with a certificate it speaks TLS, and no plain text, and tells browsers so with each answer", async () => {
  const { tls } = await read({ GRANTKEEPER_TLS_CERT_FILE: CERT, GRANTKEEPER_TLS_KEY_FILE: KEY });
  const scene = await openScene({ config: { tls } });
  expect(scene.url).toMatch(/^https:/);
  await scene.grant("g");
  const authorization = `Bearer ${scene.admin}`;
  const hsts = "max-age=31536000";
  // By the router, then out of memory.
  for (let i = 0; i < 2; i++) {
    const answer = await askOverTls(`${scene.url}/v1/grants/g/token`, { authorization });
    expect(answer).toMatchObject({ status: 200, hsts, text: expect.stringContaining('"access_token"') });
  }
  expect(await askOverTls(`${scene.url}/nothing`, {})).toMatchObject({ status: 404, hsts });
  expect(await askOverTls(`${scene.url}/livez`, { host: "evil.example" })).toMatchObject({
    status: 403,
    hsts,
  });
  expect(await askOverTls(`${scene.url}/livez`, { expect: "gold" })).toMatchObject({ status: 400, hsts });
  await expect(fetch(scene.url.replace("https", "http"))).rejects.toThrow();
});

test.each([
  ["https://tokens.example", "max-age=31536000"],
  ["http://localhost", null],
])("reached as %s, it tells browsers to stay with https: %s", async (address, hsts) => {
  const { service } = await openScene({ config: { publicUrl: new URL(address) } });
  const answer = await fetch(`http://127.0.0.1:${service.port}/livez`);
  expect(answer.headers.get("strict-transport-security")).toBe(hsts);
});
