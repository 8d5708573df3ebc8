import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type * as sqlite from "@photostructure/sqlite";
import type { Event } from "../../src/core/events.ts";
import type { Grant } from "../../src/core/grant.ts";
import {
  type Emulator,
  type EmulatorOptions,
  type RegisteredClient,
  startEmulator,
} from "../../src/emulator/index.ts";
import { importTokens } from "../../src/keeper/import.ts";
import { addIntegration } from "../../src/keeper/integrations.ts";
import { openToken } from "../../src/keeper/secrets.ts";
import { type OpenKeeper, openKeeper } from "../../src/open.ts";
import { startWire, type Wire } from "./wire.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = join(ROOT, "dist/cli/main.js");

/** Long forms have the figures of the issue; the short ones of every day the same tests with fewer rounds. */
export const IS_LONG = process.env["GRANTKEEPER_LONG"] === "1";

/** A home with one integration at an emulator of its own, for real processes of the built command line. */
export interface Bench {
  readonly home: string;
  readonly emulator: Emulator;
  readonly client: RegisteredClient;
  /** Between everybody here and the emulator. */
  readonly wire: Wire;
  /** A keeper in this process on the same store. */
  readonly keeper: OpenKeeper;
  readonly run: (words: readonly string[], env?: Readonly<Record<string, string>>) => Running;
  /** A grant whose access token has run out and whose refresh token is good; gives that refresh token. */
  readonly expiredGrant: (name: string) => Promise<string>;
  /** The same with its access token's whole life before it. */
  readonly liveGrant: (name: string) => Promise<string>;
  readonly grant: (name: string) => Promise<Grant>;
  readonly storedRefreshToken: (name: string) => Promise<string | null>;
  readonly events: (name: string) => Promise<Event[]>;
  readonly integrity: () => string;
  /** What another, older SQLite says of a copy of the file, and the grants it sees; null where there is none. */
  readonly secondReader: () => string | null;
  readonly close: () => Promise<void>;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Wall milliseconds from start to end. */
  readonly took: number;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

export async function openBench(options: EmulatorOptions = {}, given?: string): Promise<Bench> {
  if (!existsSync(MAIN)) throw new Error("dist/cli/main.js is missing: node scripts/build.mjs makes it");
  const home = given ?? mkdtempSync(join(tmpdir(), "grantkeeper-bench-"));
  const emulator = await startEmulator({ port: 0, maxAccessTokens: 0, ...options });
  const client = emulator.registerClient();
  const wire = await startWire(new URL(emulator.url));
  const keeper = await openKeeper({ GRANTKEEPER_HOME: home, GRANTKEEPER_SQLITE: "bundled" });
  const { ports } = keeper;
  await addIntegration(ports, "recorder", "webex", {
    clientId: client.clientId,
    clientSecret: client.clientSecret,
    preset: "meetings-capture",
    baseUrl: emulator.baseUrl.replace(/:\d+/, `:${wire.port}`),
  });
  const grant = async (name: string): Promise<Grant> => {
    const found = await ports.store.grant(name);
    if (found === null) throw new Error(`no grant ${name}`);
    return found;
  };
  const importGrant = async (name: string, endedFor: number | null): Promise<string> => {
    const tokens = emulator.issueTokens({ clientId: client.clientId });
    const answer = {
      accessToken: tokens.access_token,
      refreshToken: tokens.refresh_token,
      tokenType: tokens.token_type,
      scopes: tokens.scope.split(" "),
      expiresIn: tokens.expires_in,
      refreshTokenExpiresIn: tokens.refresh_token_expires_in,
    };
    const age = endedFor === null ? 0 : (tokens.expires_in + endedFor) * 1000;
    await importTokens(ports, name, "recorder", { answer, notices: [] }, ports.clock.now() - age);
    return tokens.refresh_token;
  };
  return {
    home,
    emulator,
    client,
    wire,
    keeper,
    grant,
    run: (words, env = {}) => start(process.execPath, [MAIN, ...words], { GRANTKEEPER_HOME: home, ...env }),
    expiredGrant: (name) => importGrant(name, 60),
    liveGrant: (name) => importGrant(name, null),
    storedRefreshToken: async (name) => openToken(ports.sealer, await grant(name), "refresh_token"),
    events: async (name) => ports.store.events({ grantId: (await grant(name)).id, limit: 1000 }),
    integrity: () => integrityOf(join(home, "grantkeeper.db")),
    secondReader: () => secondReaderOf(join(home, "grantkeeper.db")),
    close: async () => {
      await keeper.close();
      await wire.close();
      await emulator.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Starts a program with nothing of this process's environment that could change its ways. */
export function start(
  program: string,
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): Running {
  const began = performance.now();
  const child = spawn(program, words, {
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, ...said, took: performance.now() - began }));
  });
  return { child, ended };
}

type Driver = typeof sqlite.DatabaseSync;

/** A connection to a file, of nobody's but the caller's. */
export function openPlain(file: string): InstanceType<Driver> {
  const load = createRequire(import.meta.url);
  const { DatabaseSync } = load("@photostructure/sqlite") as { DatabaseSync: Driver };
  return new DatabaseSync(file, { timeout: 5000 });
}

/** SQLite's own word on a file, over a connection of its own. */
export function integrityOf(file: string): string {
  const database = openPlain(file);
  try {
    return String(Object.values(database.prepare("pragma integrity_check").get() ?? {})[0]);
  } finally {
    database.close();
  }
}

/** The system's `sqlite3`, where there is one. */
export const SECOND_READER = spawnSync("sqlite3", ["-version"]).status === 0;

/** Copied while nobody can commit: what is in the copy is what a machine that went down now would find. */
function secondReaderOf(file: string): string | null {
  if (!SECOND_READER) return null;
  const folder = mkdtempSync(join(tmpdir(), "grantkeeper-copy-"));
  const copy = join(folder, "copy.db");
  const database = openPlain(file);
  try {
    database.exec("begin immediate");
    copyFileSync(file, copy);
    copyFileSync(`${file}-wal`, `${copy}-wal`);
    database.exec("rollback");
    const question = "pragma integrity_check; select count(*), sum(generation) from grants;";
    const ours = database.prepare("select count(*) || '|' || sum(generation) as n from grants").get();
    const { stdout, stderr } = spawnSync("sqlite3", [copy, question], { encoding: "utf8" });
    return stdout.trim() === `ok\n${String(ours?.["n"])}` ? "agrees" : `${stdout}${stderr}`;
  } finally {
    database.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs work for each item, some at a time. */
export async function each<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
