import type { Environment } from "../config.ts";

/** What a command sees of its surroundings. */
export interface Io {
  readonly env: Environment;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** The process's own. */
export function processIo(): Io {
  // A reader that has seen enough (`| head`) closes the pipe; that is no fault to tell anybody of, and no
  // reason to stop: tokens may be on their way, and have to be saved.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
  return { env: process.env, stdin: process.stdin, stdout: process.stdout, stderr: process.stderr };
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
  io.stdout.write(`${text}\n`);
}

/** The one JSON document of `--json`. */
export function printJson(io: Io, document: unknown): void {
  io.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}
