/** A real terminal for a command: `script` of util-linux makes the pseudo-terminal. */
import { spawnSync } from "node:child_process";
import { stripVTControlCharacters } from "node:util";
import type { SecretKind } from "./canaries.ts";
import { PROGRAM, type RunOptions, startProgram } from "./support.ts";

/** Whether there is a `script` that takes a command and gives its exit code. */
export const hasTerminal = canMakeTerminals();

function canMakeTerminals(): boolean {
  const { stdout } = spawnSync("script", ["--version"], { encoding: "utf8" });
  const can = typeof stdout === "string" && stdout.includes("util-linux");
  // oxlint-disable-next-line no-console -- whoever runs the tests should know what was not tested
  if (!can) console.warn("No util-linux `script` here: nothing is tested at a terminal.");
  return can;
}

export const ENTER = "\r";
export const CTRL_C = "\u0003";
export const CTRL_D = "\u0004";

export interface Session {
  /** Types once what was shown since the last typing has the pattern. */
  readonly answer: (shown: RegExp, typed: string) => Promise<void>;
  /** The first match in all that was shown, or will be. */
  readonly shows: (pattern: RegExp) => Promise<RegExpExecArray>;
  readonly signal: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<{ readonly screen: string; readonly raw: string; readonly exitCode: number }>;
}

/** Starts a command at a terminal of 100 columns, where stdin, stdout and stderr are one. */
export function atTerminal(
  words: readonly string[],
  options: RunOptions,
  may: readonly SecretKind[] = [],
): Session {
  const line = [process.execPath, PROGRAM, ...words].map(quoted).join(" ");
  // Not exec: the shell sets the size of the terminal, which is 0 by 0 at first.
  const command = `stty cols 100 rows 40; exec ${line}`;
  const env = { SHELL: "/bin/sh", TERM: "xterm", ...options.env };
  const running = startProgram("script", ["-qefc", command, "/dev/null"], { ...options, env }, may);
  const { child } = running;
  let raw = "";
  let seen = 0;
  child.stdout?.on("data", (text: string) => {
    raw += text;
  });
  const screen = (): string => asShown(raw);
  return {
    answer: async (shown, typed) => {
      await running.until(
        "stdout",
        seenAfter(shown, () => seen),
      );
      seen = raw.length;
      child.stdin?.write(typed);
    },
    shows: (pattern) =>
      running.until(
        "stdout",
        seenAfter(pattern, () => 0),
      ),
    signal: (signal) => child.kill(signal),
    ended: running.ended.then(({ exitCode }) => ({ screen: screen(), raw, exitCode })),
  };
}

/** A pattern for plain text, matched against what a terminal was sent since some point. */
function seenAfter(pattern: RegExp, from: () => number): RegExp {
  const looking = new RegExp(pattern.source, pattern.flags);
  looking.exec = (text) => pattern.exec(asShown(text.slice(from())));
  return looking;
}

/** What was sent to a terminal, without what moves and colours. */
function asShown(text: string): string {
  return stripVTControlCharacters(text).replaceAll("\r", "");
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
