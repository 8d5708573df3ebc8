import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, type Ended, ROOT, start } from "./bench.ts";

/** Whether there is a strace here that may trace. */
export const HAS_STRACE = spawnSync("strace", ["-e", "trace=none", "true"]).status === 0;

/** A run of the command line under strace, and the system calls that it made. */
export interface Traced extends Ended {
  readonly lines: readonly string[];
  /** Whether something was injected. */
  readonly isHit: boolean;
}

let count = 0;

/**
 * Runs the built command line with the options given to strace, such as
 * `["-e", "inject=fsync:error=EIO:when=2"]`. A count is kept by strace for each system call and thread.
 */
export async function traced(
  { home }: Bench,
  words: readonly string[],
  options: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Traced> {
  const log = join(home, `strace-${++count}.log`);
  const command = [
    "-f",
    "-qq",
    "-o",
    log,
    ...options,
    process.execPath,
    join(ROOT, "dist/cli/main.js"),
    ...words,
  ];
  const ended = await start("strace", command, {
    GRANTKEEPER_HOME: home,
    GRANTKEEPER_SQLITE: "bundled",
    ...env,
  }).ended;
  const lines = readFileSync(log, "utf8").split("\n");
  return { ...ended, lines, isHit: lines.some((line) => line.includes("(INJECTED)")) };
}
