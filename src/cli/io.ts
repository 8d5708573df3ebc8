import { writeSync } from "node:fs";
import type { Environment } from "../config.ts";

/** What a command sees of its surroundings. */
export interface Io {
  readonly env: Environment;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Writes to standard output. */
  readonly print: (text: string) => void;
}

/** The process's own. Each stream is set up when it is first used: a token read needs none of them. */
export function processIo(): Io {
  return {
    env: process.env,
    print: (text) => printDirectly(text, () => tolerant(process.stdout)),
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return tolerant(process.stdout);
    },
    get stderr() {
      return tolerant(process.stderr);
    },
  };
}

/**
 * A reader that has seen enough (`| head`) closes the pipe; that is no fault to tell anybody of. Nor does it
 * end the command: tokens that are on their way have to be saved all the same.
 */
function tolerant(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  if (stream.listeners("error").includes(goOn)) return stream;
  return stream.on("error", goOn);
}

function goOn(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}

/** Whether a person can be asked: both ends of the dialogue are a terminal (prompts go to stderr). */
export function isInteractive({ stdin, stderr }: Io): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}

/** A line for people: progress, warnings; never on stdout. */
export function tell(io: Io, line: string): void {
  io.stderr.write(`${line}\n`);
}

/** The result for people. */
export function say(io: Io, text: string): void {
  io.print(`${text}\n`);
}

/** The one JSON document of `--json`. */
export function printJson(io: Io, document: unknown): void {
  io.print(`${JSON.stringify(document, null, 2)}\n`);
}

const STDOUT = 1;

/**
 * Writes straight to the descriptor: setting up the stream for it costs as much as opening the store.
 * Where the descriptor cannot take it at once, the stream does it after all.
 */
function printDirectly(text: string, stream: () => NodeJS.WriteStream): void {
  const bytes = Buffer.from(text);
  let written = 0;
  try {
    while (written < bytes.length) written += writeSync(STDOUT, bytes, written);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EPIPE") return;
    stream().write(bytes.subarray(written));
  }
}
