/** pgbouncer of the system in front of a server, where it is installed. */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { freePort, type ServerPlace, SUPERUSER, SUPERUSER_PASSWORD } from "./server.ts";

export interface Pgbouncer {
  readonly url: (database: string) => string;
  readonly remove: () => Promise<void>;
}

/** Fewer than our own connections, so that transactions of different clients take turns on each. */
const POOL_SIZE = 3;

/** Where pgbouncer is, or in words that it is not there. */
export function findPgbouncer(): { readonly program: string } | string {
  const places = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"];
  const program = places.map((place) => join(place, "pgbouncer")).find((path) => existsSync(path));
  if (program === undefined) return "pgbouncer is not installed (Debian: apt-get install pgbouncer)";
  const { status, error } = spawnSync(program, ["--version"]);
  return status === 0 ? { program } : `pgbouncer cannot be run: ${String(error)}`;
}

/** Starts one that pools transactions. */
export async function startPgbouncer(program: string, server: ServerPlace): Promise<Pgbouncer> {
  const folder = mkdtempSync(join(tmpdir(), "gk-pgbouncer-"));
  chmodSync(folder, 0o755);
  const port = await freePort();
  const configuration = join(folder, "pgbouncer.ini");
  const users = join(folder, "users.txt");
  writeFileSync(users, `"${SUPERUSER}" "${SUPERUSER_PASSWORD}"\n`, { mode: 0o644 });
  writeFileSync(
    configuration,
    [
      "[databases]",
      `* = host=127.0.0.1 port=${server.port}`,
      "[pgbouncer]",
      "listen_addr = 127.0.0.1",
      `listen_port = ${port}`,
      "unix_socket_dir =",
      "auth_type = scram-sha-256",
      `auth_file = ${users}`,
      "pool_mode = transaction",
      `default_pool_size = ${POOL_SIZE}`,
      "max_client_conn = 200",
    ].join("\n"),
    { mode: 0o644 },
  );
  const child = spawn(program, [configuration], { ...server.binaries.user, cwd: "/" });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    let said = "";
    const listen = (text: string): void => {
      said += text;
      if (/process up/.test(said)) resolve();
    };
    child.stdout.setEncoding("utf8").on("data", listen);
    child.stderr.setEncoding("utf8").on("data", listen);
    child.once("close", (code) => reject(new Error(`pgbouncer ended with ${String(code)}:\n${said}`)));
  });
  return {
    url: (database) =>
      `postgres://${SUPERUSER}:${encodeURIComponent(SUPERUSER_PASSWORD)}@127.0.0.1:${port}/${database}`,
    remove: async () => {
      child.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
