/** The built command line as child processes, each test in a home of its own, watched for secrets. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect } from "vitest";
import { startEmulator, type Emulator, type EmulatorOptions } from "../../src/emulator/index.ts";
import {
  argumentLists,
  type Canary,
  type Evidence,
  filesUnder,
  leaksIn,
  type SecretKind,
} from "./canaries.ts";

export const PROGRAM = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

// Everything runs under the most careless umask there is: modes have to be right in spite of it.
process.umask(0);

let scratch = "";
let homesMade = 0;
const running = new Set<ChildProcess>();
const emulators = new Set<Emulator>();
const evidence: Evidence[] = [];
const canaries = new Map<string, Canary>();
const openFiles: string[] = [];

afterEach(async () => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
  const leaks = findLeaks();
  const tooOpen = [...openFiles];
  await Promise.all([...emulators].map((emulator) => emulator.close()));
  emulators.clear();
  canaries.clear();
  evidence.length = 0;
  openFiles.length = 0;
  if (scratch !== "") rmSync(scratch, { recursive: true, force: true });
  scratch = "";
  homesMade = 0;
  expect(leaks, "secrets where none may be").toEqual([]);
  expect(tooOpen, "files that others can use").toEqual([]);
});

/** What was found so far; with `exempt` false also where a command's purpose is to print it. */
export function findLeaks(exempt = true): string[] {
  for (const emulator of emulators) {
    for (const { credential, value } of emulator.ledger()) addSecret(credential, value);
  }
  if (scratch === "") return [];
  for (const home of homes()) {
    const key = join(home, "master.key");
    if (existsSync(key)) addSecret("master_key", readFileSync(key, "utf8").trim());
  }
  // What a test itself wrote lies in `given`.
  const files = filesUnder(scratch, ["master.key"]).filter(({ where }) => !where.startsWith("given"));
  const looked = [...evidence, ...files].map((one) => (exempt ? one : { ...one, may: [] }));
  return leaksIn(looked, [...canaries.values()]);
}

/** From now on this is looked for. */
export function addSecret(kind: SecretKind, value: string): void {
  if (value.length >= 16) canaries.set(value, { kind, value });
}

/** What others could use of the homes until now, for a test that expects something there. */
export function takeOpenFiles(): string[] {
  return openFiles.splice(0);
}

/** Drops what was seen until now, for a test that planted something. */
export function forgetEvidence(): void {
  evidence.length = 0;
}

/** The test's own folder; it goes with the test. */
export function folder(): string {
  if (scratch !== "") return scratch;
  scratch = mkdtempSync(join(tmpdir(), "grantkeeper-cli-"));
  for (const name of ["tmp", "given"]) mkdirSync(join(scratch, name));
  return scratch;
}

/** A home that is not there yet: the program makes it. */
export function newHome(): string {
  homesMade += 1;
  return join(folder(), `home${homesMade}`);
}

function homes(): string[] {
  return readdirSync(scratch)
    .filter((name) => name.startsWith("home"))
    .map((name) => join(scratch, name));
}

/** A file that a test hands to a command; it may hold secrets. */
export function given(name: string, content: string): string {
  const path = join(folder(), "given", name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

export interface RunOptions {
  readonly home: string;
  /** Standard input; without it, none. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Secrets that this run prints on purpose, besides those that its command is there to print. */
  readonly may?: readonly SecretKind[];
  /** Milliseconds after which it is ended, whatever it does; 20 s where absent. */
  readonly ceiling?: number;
}

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  /** 128 + signal where a signal ended it, as shells have it. */
  readonly exitCode: number;
}

/** A command under way. */
export interface Running {
  readonly child: ChildProcess;
  /** The first match in what it wrote so far or will write; rejects if it ends without one. */
  readonly until: (stream: "stdout" | "stderr", pattern: RegExp) => Promise<RegExpExecArray>;
  readonly ended: Promise<Ended>;
}

/** What a command is there to print. */
const PURPOSES: Readonly<Record<string, readonly SecretKind[]>> = {
  token: ["access_token"],
  "api-key": ["api_key"],
  exec: ["access_token"],
  reveal: ["refresh_token"],
  emulator: ["client_secret"],
  serve: ["state"],
  connect: ["state"],
  "authorization-url": ["state"],
};

/** The environment of a command: nothing of ours but what it takes to run. */
function environment({ home, env = {} }: RunOptions): NodeJS.ProcessEnv {
  const { PATH } = process.env;
  return { PATH, HOME: folder(), TMPDIR: join(folder(), "tmp"), GRANTKEEPER_HOME: home, ...env };
}

/** Starts any program under the same watch. */
export function startProgram(
  program: string,
  args: readonly string[],
  options: RunOptions,
  may: readonly SecretKind[] = options.may ?? [],
): Running {
  const child = spawn(program, args, { env: environment(options), stdio: ["pipe", "pipe", "pipe"] });
  running.add(child);
  const texts = { stdout: "", stderr: "" };
  const waiters = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
      for (const look of waiters) look();
    });
  }
  child.stdin.on("error", () => undefined);
  if (options.input !== undefined) child.stdin.end(options.input);
  const where = [program === process.execPath ? "" : program, ...args.slice(1)].join(" ").trim();
  const watch = watchArguments(child, where, args);
  const ended = new Promise<Ended>((resolve, reject) => {
    const ceiling = setTimeout(() => child.kill("SIGKILL"), options.ceiling ?? 20_000);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(ceiling);
      clearInterval(watch);
      running.delete(child);
      for (const look of waiters) look();
      for (const name of ["stdout", "stderr"] as const) {
        evidence.push({ where: `${name} of ${where}`, text: texts[name], may });
      }
      noteModes(options.home, where);
      resolve({ ...texts, exitCode: code ?? (signal === "SIGKILL" ? 137 : signal === "SIGINT" ? 130 : 143) });
    });
  });
  return { child, ended, until: (stream, pattern) => until(texts, stream, pattern, waiters, ended) };
}

function until(
  texts: { readonly stdout: string; readonly stderr: string },
  stream: "stdout" | "stderr",
  pattern: RegExp,
  waiters: Set<() => void>,
  ended: Promise<Ended>,
): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const match = pattern.exec(texts[stream]);
      if (match === null) return;
      waiters.delete(look);
      resolve(match);
    };
    waiters.add(look);
    look();
    void ended.then(({ exitCode, ...said }) =>
      reject(new Error(`${String(pattern)} never came; exit ${exitCode}: ${JSON.stringify(said)}`)),
    );
  });
}

/** The child's argument list at 20 Hz: an authorization code may stand there, and the state beside it. */
function watchArguments(child: ChildProcess, where: string, args: readonly string[]): NodeJS.Timeout {
  const may: SecretKind[] = args.includes("exchange") ? ["code", "state"] : [];
  const seen = new Set<string>();
  const look = (): void => {
    for (const text of child.pid === undefined ? [] : argumentLists(child.pid)) {
      if (seen.has(text)) continue;
      seen.add(text);
      evidence.push({ where: `arguments of ${where}`, text, may });
    }
  };
  look();
  return setInterval(look, 50);
}

function noteModes(home: string, where: string): void {
  if (process.platform === "win32" || !existsSync(home)) return;
  const paths = [home, ...readdirSync(home, { recursive: true }).map((name) => join(home, String(name)))];
  for (const path of paths) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && (stat.mode & 0o077) !== 0)
      openFiles.push(`${path} ${stat.mode.toString(8)}: ${where}`);
  }
}

/** Starts a command with an open standard input that is no terminal, or with the input given. */
export function start(words: readonly string[], options: RunOptions): Running {
  const may = [...(PURPOSES[words[0] ?? ""] ?? []), ...(options.may ?? [])];
  return startProgram(process.execPath, [PROGRAM, ...words], options, may);
}

/** Runs a command to its end. */
export function run(words: readonly string[], options: RunOptions): Promise<Ended> {
  return start(words, { input: "", ...options }).ended;
}

/** Runs a command that has to succeed, with `--json`, and gives its document. */
export async function json(
  words: readonly string[],
  options: RunOptions,
): Promise<Readonly<Record<string, unknown>>> {
  const ended = await run([...words, "--json"], options);
  expect(ended.exitCode, `${words.join(" ")}: ${ended.stdout}${ended.stderr}`).toBe(0);
  return documentOf(ended);
}

/** The one JSON document on stdout. */
export function documentOf({ stdout }: Ended): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(stdout);
  if (typeof value !== "object" || value === null) throw new Error(`no document: ${stdout}`);
  return Object.fromEntries(Object.entries(value));
}

/** A field of a document as text, by its path. */
export function textAt(document: unknown, ...path: readonly string[]): string {
  let value: unknown = document;
  for (const name of path)
    value = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  return typeof value === "string" ? value : "";
}

/** An emulator on a free port; closed after the test. */
export async function withEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const emulator = await startEmulator({ port: 0, ...options });
  emulators.add(emulator);
  return emulator;
}
