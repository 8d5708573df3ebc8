/** A real PostgreSQL for tests, in a folder of its own, on a free port of the loopback and a Unix socket. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, type QueryResult } from "pg";
import { type Binaries, findBinaries } from "./binaries.ts";

/** Where a server is; can be told to another process. */
export interface ServerPlace {
  readonly port: number;
  /** The directory of its Unix socket. */
  readonly socket: string;
  readonly binaries: Binaries;
}

/** A server that somebody else starts and stops. */
export interface ServerInUse extends ServerPlace {
  /** A connection URL of the superuser. */
  readonly url: (database: string) => string;
  /** Statements of the superuser, each by itself. */
  readonly run: (database: string, ...texts: readonly string[]) => Promise<QueryResult[]>;
  /** A database of that name, empty, made anew. */
  readonly fresh: (database: string) => Promise<string>;
  /** The same database without its tables: quicker than a new one. */
  readonly empty: (database: string) => Promise<void>;
}

/** A server of one's own. */
export interface PostgresServer extends ServerInUse {
  /** Of the server's first process. */
  readonly pid: () => number;
  /** At once, as if it had crashed. */
  readonly stop: () => Promise<void>;
  /** After `stop`, on the same port with the same data. */
  readonly start: () => Promise<void>;
  /** Stops it and removes all that is of it. */
  readonly remove: () => Promise<void>;
}

export const SUPERUSER = "keeper_test";
/** Letters that mean something in a URL are in it on purpose. */
export const SUPERUSER_PASSWORD = "p@ss/wörd?#%:canary-7f3a91";

/** A locale whose order of letters is not that of their numbers: what sorts has to be right in spite of it. */
const LOCALE = ["--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en"];
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  max_connections: "60",
  fsync: "on",
  shared_buffers: "64MB",
};

/**
 * Starts a server, or says why there can be none. `prepare` may put files into its own directory, and
 * answers more settings.
 */
export async function startPostgres(
  known?: Binaries,
  prepare: (own: string) => Readonly<Record<string, string>> = () => ({}),
): Promise<PostgresServer | string> {
  const folder = mkdtempSync(join(tmpdir(), "gk-pg-"));
  chmodSync(folder, 0o755);
  const binaries = known ?? findBinaries(folder);
  if (typeof binaries === "string") {
    rmSync(folder, { recursive: true, force: true });
    return binaries;
  }
  const own = join(folder, "own");
  mkdirSync(own, { mode: 0o700 });
  if (binaries.user !== null) chownSync(own, binaries.user.uid, binaries.user.gid);
  await initialise(binaries, own, folder);
  const settings = { ...SETTINGS, ...prepare(own) };
  if (binaries.user !== null) {
    for (const name of readdirSync(own)) chownSync(join(own, name), binaries.user.uid, binaries.user.gid);
  }
  return serverIn(binaries, folder, own, settings);
}

async function initialise(binaries: Binaries, own: string, folder: string): Promise<void> {
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, SUPERUSER_PASSWORD, { mode: 0o644 });
  const args = ["-D", join(own, "data"), "-U", SUPERUSER, "-A", "scram-sha-256", `--pwfile=${passwordFile}`];
  const child = launch(binaries, "initdb", [...args, ...LOCALE, "--no-sync"]);
  let said = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
  const code = await new Promise((resolve) => child.once("close", resolve));
  rmSync(passwordFile);
  if (code !== 0) throw new Error(`initdb failed:\n${said}`);
}

function launch({ directory, user }: Binaries, name: string, args: readonly string[]): ChildProcess {
  // Not ours to hand on: settings of PostgreSQL's own programs.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith("PG")));
  return spawn(join(directory, name), args, { ...user, cwd: "/", env: { ...env, LC_ALL: "C" } });
}

/** What a server can be asked, by whoever knows where it is. */
export function serverAt(place: ServerPlace): ServerInUse {
  const url = (database: string): string =>
    `postgres://${SUPERUSER}:${encodeURIComponent(SUPERUSER_PASSWORD)}@127.0.0.1:${place.port}/${database}`;
  const run = async (database: string, ...texts: readonly string[]): Promise<QueryResult[]> => {
    const client = new Client({ connectionString: url(database) });
    client.on("error", () => undefined);
    await client.connect();
    try {
      const results: QueryResult[] = [];
      // oxlint-disable-next-line no-await-in-loop -- one after another on one connection
      for (const text of texts) results.push(await client.query(text));
      return results;
    } finally {
      await client.end();
    }
  };
  const fresh = async (database: string): Promise<string> => {
    await run("postgres", `drop database if exists ${database} with (force)`, `create database ${database}`);
    return url(database);
  };
  const empty = async (database: string): Promise<void> => {
    await run(database, "drop schema public cascade; create schema public");
  };
  return { ...place, url, run, fresh, empty };
}

async function serverIn(
  binaries: Binaries,
  folder: string,
  own: string,
  settings: Readonly<Record<string, string>>,
): Promise<PostgresServer> {
  const port = await freePort();
  const words = Object.entries({ ...settings, port: String(port), unix_socket_directories: own });
  let child = await ready(binaries, own, words);
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGCONT");
    child.kill("SIGQUIT");
    await ended;
  };
  return {
    ...serverAt({ port, socket: own, binaries }),
    pid: () => Number(readFileSync(join(own, "data", "postmaster.pid"), "utf8").split("\n")[0]),
    stop,
    start: async () => {
      // Whoever had it stopped may have gone on before it has ended: two on one directory cannot be.
      await stop();
      child = await ready(binaries, own, words);
    },
    remove: async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** It says itself when it is ready. It ends with us, whatever we end of. */
function ready(
  binaries: Binaries,
  own: string,
  settings: readonly (readonly [name: string, value: string])[],
): Promise<ChildProcess> {
  const words = settings.flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = launch(binaries, "postgres", ["-D", join(own, "data"), ...words]);
  const endWithUs = (): void => {
    child.kill("SIGQUIT");
  };
  process.once("exit", endWithUs);
  let said = "";
  return new Promise((resolve, reject) => {
    child.once("close", (code) => {
      process.off("exit", endWithUs);
      reject(new Error(`postgres ended with ${String(code)}:\n${said}`));
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-4000);
      if (said.includes("database system is ready to accept connections")) resolve(child);
    });
  });
}

/** A port that nobody has at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
