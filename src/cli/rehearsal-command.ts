import { spawn } from "node:child_process";
import type { Io } from "./io.ts";

/** How a command of the rehearsal ended. */
export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** A command under way. */
export interface Started {
  /** The first match on stderr, as soon as it is there; null where the command ended without. */
  readonly said: (pattern: RegExp) => Promise<string | null>;
  readonly ended: Promise<Ended>;
}

interface Surroundings {
  readonly io: Io;
  readonly home: string;
}

/** Starts this same program with other words, in the rehearsal's own home. */
export function startCommand({ io, home }: Surroundings, words: readonly string[], input = ""): Started {
  const {
    GRANTKEEPER_DATABASE_URL: _db,
    GRANTKEEPER_MASTER_KEY: _key,
    GRANTKEEPER_MASTER_KEY_FILE: _file,
    ...env
  } = io.env;
  const colour = io.stdout.isTTY && env["NO_COLOR"] === undefined ? { FORCE_COLOR: "1" } : {};
  const child = spawn(process.execPath, [process.argv[1] ?? "", ...words], {
    env: { ...env, ...colour, GRANTKEEPER_HOME: home },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ stdout, stderr, exitCode: code ?? 1 }));
  });
  const said = (pattern: RegExp): Promise<string | null> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = pattern.exec(stderr);
        if (found !== null) resolve(found[0]);
      };
      child.stderr.on("data", look);
      void ended.then(() => resolve(null));
      look();
    });
  return { said, ended };
}

/** Runs a command to its end. */
export function runCommand(surroundings: Surroundings, words: readonly string[], input = ""): Promise<Ended> {
  return startCommand(surroundings, words, input).ended;
}
