import { spawn } from "node:child_process";
import { constants } from "node:os";
import { type Command, InvalidArgumentError } from "commander";
import { GrantkeeperError } from "../../core/errors.ts";
import type { TokenDocument } from "../../core/grant.ts";
import { DEFAULT_MIN_TTL, getToken } from "../../keeper/get-token.ts";
import { type CommonOptions, defineCommand, notice, type Session, withKeeper } from "../command.ts";
import type { Io } from "../io.ts";
import { isRemote } from "../is-remote.ts";

interface Options extends CommonOptions {
  readonly env: string;
}

/** `exec NAME -- CMD ARG…`. */
export function defineExec(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "exec <name> <command> [args...]",
    summary: "run a command with the access token in an environment variable",
    examples: [
      "grantkeeper exec meetings -- ./fetch-recordings.sh",
      "grantkeeper exec meetings --env WEBHOOK_TOKEN -- node job.js",
    ],
    notes: "Exits as the command does. What stands after -- is the command's own.",
  })
    .option("--env <variable>", "the variable that gets the token", variableName, "ACCESS_TOKEN")
    .action(async (name: string, command: string, args: string[], options: Options) => {
      const { access_token: token, warning } = await fetchToken(session, options, name);
      if (warning !== null) notice(session, [warning], "Warning");
      session.exitCode = await run(session.io, command, args, { [options.env]: token });
    });
}

async function fetchToken(session: Session, options: Options, name: string): Promise<TokenDocument> {
  const { env } = session.io;
  if (isRemote(env)) return (await import("../remote.ts")).openRemote(env).token(name, DEFAULT_MIN_TTL);
  let document: TokenDocument | null = null;
  await withKeeper(session, options, async ({ keeper }) => {
    document = await getToken(keeper.ports, name, DEFAULT_MIN_TTL);
  });
  return document ?? neverWithout();
}

function neverWithout(): never {
  throw new Error("a token was asked for, and neither came nor was refused");
}

/** The child has the terminal and gets the signals; we only wait for it and pass its end on. */
function run(
  io: Io,
  command: string,
  args: readonly string[],
  more: Record<string, string>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "inherit", env: { ...io.env, ...more } });
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    const ignore = (): void => undefined;
    // A terminal sends Ctrl-C to the child as well; what is sent to us alone is passed on.
    process.on("SIGINT", ignore).on("SIGTERM", pass).on("SIGHUP", pass);
    child.once("error", (cause: NodeJS.ErrnoException) => {
      const why = cause.code === "ENOENT" ? "is not found" : `cannot be run (${cause.code ?? "unknown"})`;
      reject(
        new GrantkeeperError("invalid_request", `The command ${JSON.stringify(command)} ${why}.`, {
          remedy: "Check its name and the PATH.",
          cause,
        }),
      );
    });
    child.once("exit", (code, signal) => {
      process.off("SIGINT", ignore).off("SIGTERM", pass).off("SIGHUP", pass);
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

function variableName(text: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(text)) return text;
  throw new InvalidArgumentError("It has to be the name of an environment variable.");
}
