import { Command, CommanderError } from "commander";
import { GrantkeeperError } from "../core/errors.ts";
import { defineAuthorizationUrl } from "./commands/authorization-url.ts";
import { defineCompletion } from "./commands/completion.ts";
import { defineConnect } from "./commands/connect.ts";
import { defineDoctor } from "./commands/doctor.ts";
import { defineEmulator } from "./commands/emulator.ts";
import { defineExchange } from "./commands/exchange.ts";
import { defineExec } from "./commands/exec.ts";
import { defineHandoff } from "./commands/handoff.ts";
import { defineImport } from "./commands/import.ts";
import { defineIntegration } from "./commands/integration.ts";
import { defineRefresh } from "./commands/refresh.ts";
import { defineRehearse } from "./commands/rehearse.ts";
import { defineRemove } from "./commands/remove.ts";
import { defineResume } from "./commands/resume.ts";
import { defineReveal } from "./commands/reveal.ts";
import { defineRevoke } from "./commands/revoke.ts";
import { defineStatus } from "./commands/status.ts";
import { defineSuspend } from "./commands/suspend.ts";
import { defineToken } from "./commands/token.ts";
import type { Session } from "./command.ts";
import { reportFailure } from "./failure.ts";
import type { Io } from "./io.ts";
import { VERSION } from "./version.ts";

/** The commands in the order in which a person meets them. */
const DEFINITIONS = [
  defineIntegration,
  defineConnect,
  defineAuthorizationUrl,
  defineExchange,
  defineImport,
  defineStatus,
  defineToken,
  defineRefresh,
  defineExec,
  defineHandoff,
  defineReveal,
  defineSuspend,
  defineResume,
  defineRevoke,
  defineRemove,
  defineRehearse,
  defineEmulator,
  defineDoctor,
  defineCompletion,
];

/** The whole command line as one tree; also read by the documentation's test and by `completion`. */
export function buildProgram(session: Session): Command {
  const program = new Command("grantkeeper")
    .description("Creates OAuth 2.0 security tokens, keeps them alive, and hands them over.")
    .version(VERSION, "-V, --version")
    .helpCommand("help [command]", "show a command's help")
    .showHelpAfterError(false)
    .addHelpText("after", "\nStart without any account:\n  $ grantkeeper rehearse\n");
  for (const define of DEFINITIONS) define(program, session);
  return program;
}

/** Runs a command line. Returns the exit code; prints whatever is to be printed. */
export async function runProgram(io: Io, words: readonly string[]): Promise<number> {
  const session: Session = { io, exitCode: 0 };
  const own = words.includes("--") ? words.slice(0, words.indexOf("--")) : words;
  const asJson = own.includes("--json");
  const usageErrors: string[] = [];
  const program = quiet(buildProgram(session), io, usageErrors);
  if (words.length === 0) {
    program.outputHelp();
    return 0;
  }
  try {
    await program.parseAsync([...words], { from: "user" });
    return session.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportFailure(io, error, asJson);
    // `help COMMAND` takes over the exit code that is set while a command runs; its help went to stdout.
    const wasHelped = error.code === "commander.help" && usageErrors.length === 0;
    if (error.exitCode === 0 || wasHelped) return 0;
    const text = error.code === "commander.help" ? nothingToDo(own) : usageErrors.join(" ");
    return reportFailure(io, usageError(text || error.message, program, own), asJson);
  }
}

/** The parser's own errors become ours: they have a code, a remedy and a JSON form like all others. */
function quiet(program: Command, io: Io, usageErrors: string[]): Command {
  const adopt = (command: Command): void => {
    command.exitOverride();
    command.configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => usageErrors.push(text.trim()),
      outputError: (text) => usageErrors.push(text.trim()),
    });
    for (const child of command.commands) adopt(child);
  };
  adopt(program);
  return program;
}

/** The parser's answer to a group without its command, or to `help` of something unknown, is the whole help. */
function nothingToDo(words: readonly string[]): string {
  const [group = "", about = ""] = words;
  return group === "help" ? `Unknown command '${about}'.` : `A command is missing after '${group}'.`;
}

function usageError(text: string, program: Command, words: readonly string[]): GrantkeeperError {
  const message = text.replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
  const command = program.commands.find((known) => known.name() === words[0])?.name();
  const help = command === undefined ? "grantkeeper --help" : `grantkeeper ${command} --help`;
  return new GrantkeeperError(
    "invalid_request",
    `${message[0]?.toUpperCase() ?? ""}${message.slice(1)}${/[.?!)]$/.test(message) ? "" : "."}`,
    {
      remedy: `See: ${help}.`,
    },
  );
}
