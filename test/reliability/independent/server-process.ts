import { spawn } from "node:child_process";
import { chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IS_LONG } from "../bench.ts";

/** Debian's `nobody` and `nogroup`: a server gets no more rights than it needs, also where the tests run as root. */
const NOBODY = 65_534;
const START_PATIENCE = 30_000;

/** A program that serves on loopback, with a folder of its own that goes with it. */
export interface ServerProcess {
  readonly close: () => Promise<void>;
}

interface ServerStart {
  readonly folder: string;
  readonly program: string;
  readonly words: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it will listen, on 127.0.0.1. */
  readonly port: number;
}

/**
 * Whether the tests with a server of Debian's run: at full length only, and where it is installed. Says so where it
 * is not.
 */
export function isRunHere(server: string, isInstalled: boolean, debianPackage: string): boolean {
  if (IS_LONG && !isInstalled) {
    process.stdout.write(`${server} is not installed here, skipped: apt-get install ${debianPackage}\n`);
  }
  return IS_LONG && isInstalled;
}

/** A folder in which a server of no rights may write. */
export function serverFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "grantkeeper-server-"));
  giveAway(folder);
  return folder;
}

/** Hands a file or folder to the user that servers run as. */
export function giveAway(path: string): void {
  if (process.getuid?.() === 0) chownSync(path, NOBODY, NOBODY);
}

/** Starts a server in the foreground and waits until it takes connections: what it says of itself may come before. */
export async function startServer({
  folder,
  program,
  words,
  env,
  port,
}: ServerStart): Promise<ServerProcess> {
  const rights = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const child = spawn(program, words, {
    ...rights,
    cwd: folder,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: folder, LC_ALL: "C.UTF-8", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
  });
  const close = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  let failure: string | null = null;
  child.once("error", ({ message }) => (failure = message));
  child.once("exit", (code, signal) => (failure ??= `ended with ${code ?? signal}`));
  const giveUpAt = performance.now() + START_PATIENCE;
  while (!(await isListening(port))) {
    if (performance.now() > giveUpAt) failure ??= "does not listen";
    if (failure !== null) {
      await close();
      throw new Error(`${program}: ${failure}. ${said.slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { close };
}

/** Lines of a server's log that hold the text; read from its file, since output through a pipe may lag behind. */
export function countLines(file: string, text: string): number {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.includes(text)).length;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** A port that nobody listens on at the moment, for servers that cannot choose one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
