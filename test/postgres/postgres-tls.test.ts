import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "./postgres-store.ts";
import { type PostgresServer, startPostgres } from "./server.ts";
import { describeWith, sharedPostgres } from "./server-of-the-run.ts";

const known = await sharedPostgres();
const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const possible =
  typeof known === "string" || hasOpenssl ? known : "openssl, to make certificates, is not there";

/** An authority, and a certificate of it for `localhost` alone. */
function certificates(folder: string): void {
  const openssl = (...words: string[]): void => {
    const { status, stderr } = spawnSync("openssl", words, { cwd: folder, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  for (const name of ["authority", "other"]) {
    const subject = ["-subj", `/CN=${name}`, "-days", "2"];
    openssl("req", "-x509", ...key, "-keyout", `${name}.key`, "-out", `${name}.pem`, ...subject);
  }
  openssl("req", ...key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost");
  writeFileSync(join(folder, "names"), "subjectAltName=DNS:localhost\n");
  const signed = ["-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-days", "2"];
  openssl("x509", "-req", "-in", "server.csr", ...signed, "-extfile", "names", "-out", "server.pem");
}

describeWith(possible, "PostgreSQL with TLS", ({ binaries }) => {
  const folder = mkdtempSync(join(tmpdir(), "gk-tls-"));
  let server: PostgresServer;
  beforeAll(async () => {
    certificates(folder);
    const started = await startPostgres(binaries, (own) => {
      for (const name of ["server.key", "server.pem"]) {
        copyFileSync(join(folder, name), join(own, name));
        chmodSync(join(own, name), 0o600);
      }
      return { ssl: "on", ssl_key_file: join(own, "server.key"), ssl_cert_file: join(own, "server.pem") };
    });
    if (typeof started === "string") throw new Error(started);
    server = started;
  });
  afterAll(async () => {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const encrypted = async (host: string, parameters: string): Promise<unknown> => {
    const url = `${server.url("postgres").replace("@127.0.0.1:", `@${host}:`)}?connect_timeout=5&${parameters}`;
    const database = connect(url);
    try {
      const rows = await database.read(({ query }) =>
        query("select ssl from pg_stat_ssl where pid = pg_backend_pid()"),
      );
      return rows[0]?.["ssl"] === 1;
    } finally {
      await database.close();
    }
  };
  const trusting = (name: string): string => `sslrootcert=${encodeURIComponent(join(folder, `${name}.pem`))}`;

  test.each([
    ["127.0.0.1", "", false],
    ["127.0.0.1", "sslmode=disable", false],
    ["127.0.0.1", "sslmode=prefer", true],
    ["127.0.0.1", "sslmode=require", true],
  ])("%s, %s: encrypted is %s", async (host, parameters, isEncrypted) => {
    expect(await encrypted(host, parameters)).toBe(isEncrypted);
  });

  test("the authority is checked by require with a file and by verify-ca, the name by verify-full alone", async () => {
    expect(await encrypted("127.0.0.1", `sslmode=require&${trusting("authority")}`)).toBe(true);
    expect(await encrypted("127.0.0.1", `sslmode=verify-ca&${trusting("authority")}`)).toBe(true);
    expect(await encrypted("localhost", `sslmode=verify-full&${trusting("authority")}`)).toBe(true);
    const refused = [
      ["localhost", `sslmode=require&${trusting("other")}`],
      ["localhost", `sslmode=verify-ca&${trusting("other")}`],
      ["localhost", "sslmode=verify-full"],
      ["127.0.0.1", `sslmode=verify-full&${trusting("authority")}`],
    ] as const;
    for (const [host, parameters] of refused) {
      await expect(encrypted(host, parameters), parameters).rejects.toMatchObject({
        code: "storage_unavailable",
        message: expect.stringContaining("shows a certificate that is not trusted"),
        remedy: expect.stringContaining("sslrootcert"),
      });
    }
  });
});
