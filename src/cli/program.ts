import { Command, CommanderError } from "commander";
import { GrantkeeperError } from "../core/errors.ts";
import type { Session } from "./command.ts";
import { reportFailure } from "./failure.ts";
import type { Io } from "./io.ts";
import { VERSION } from "./version.ts";

type Define = (program: Command, session: Session) => void;

/** The commands in the order in which a person meets them; each is loaded when it is wanted. */
const COMMANDS: Readonly<Record<string, () => Promise<Define>>> = {
  integration: async () => (await import("./commands/integration.ts")).defineIntegration,
  connect: async () => (await import("./commands/connect.ts")).defineConnect,
  "authorization-url": async () => (await import("./commands/authorization-url.ts")).defineAuthorizationUrl,
  exchange: async () => (await import("./commands/exchange.ts")).defineExchange,
  import: async () => (await import("./commands/import.ts")).defineImport,
  status: async () => (await import("./commands/status.ts")).defineStatus,
  token: async () => (await import("./commands/token.ts")).defineToken,
  refresh: async () => (await import("./commands/refresh.ts")).defineRefresh,
  exec: async () => (await import("./commands/exec.ts")).defineExec,
  handoff: async () => (await import("./commands/handoff.ts")).defineHandoff,
  reveal: async () => (await import("./commands/reveal.ts")).defineReveal,
  "api-key": async () => (await import("./commands/api-key.ts")).defineApiKey,
  "data-source": async () => (await import("./commands/data-source.ts")).defineDataSource,
  delivery: async () => (await import("./commands/delivery.ts")).defineDelivery,
  serve: async () => (await import("./commands/serve.ts")).defineServe,
  console: async () => (await import("./commands/console.ts")).defineConsole,
  run: async () => (await import("./commands/run.ts")).defineRun,
  suspend: async () => (await import("./commands/suspend.ts")).defineSuspend,
  resume: async () => (await import("./commands/resume.ts")).defineResume,
  revoke: async () => (await import("./commands/revoke.ts")).defineRevoke,
  remove: async () => (await import("./commands/remove.ts")).defineRemove,
  rehearse: async () => (await import("./commands/rehearse.ts")).defineRehearse,
  emulator: async () => (await import("./commands/emulator.ts")).defineEmulator,
  config: async () => (await import("./commands/config.ts")).defineConfig,
  migrate: async () => (await import("./commands/migrate.ts")).defineMigrate,
  doctor: async () => (await import("./commands/doctor.ts")).defineDoctor,
  completion: async () => (await import("./commands/completion.ts")).defineCompletion,
};

/** Commands that look at all others. */
const NEED_ALL: ReadonlySet<string> = new Set(["completion"]);

/**
 * The command line as a tree: all of it, as help, completion and the documentation's test read it, or
 * only the command that the words begin with, since loading the others takes longer than most work.
 */
export async function buildProgram(session: Session, words: readonly string[] = []): Promise<Command> {
  const program = new Command("grantkeeper")
    .description("Creates OAuth 2.0 security tokens, keeps them alive, and hands them over.")
    .version(VERSION, "-V, --version")
    .helpCommand("help [command]", "show a command's help")
    .showHelpAfterError(false)
    .addHelpText("after", "\nStart without any account:\n  $ grantkeeper rehearse\n");
  const [first = ""] = words;
  for (const load of wantedBy(first)) (await load())(program, session);
  return program;
}

function wantedBy(first: string): readonly (() => Promise<Define>)[] {
  if (first === "--version" || first === "-V") return [];
  const own = Object.hasOwn(COMMANDS, first) && !NEED_ALL.has(first) ? COMMANDS[first] : undefined;
  return own === undefined ? Object.values(COMMANDS) : [own];
}

/** Runs a command line. Returns the exit code; prints whatever is to be printed. */
export async function runProgram(io: Io, words: readonly string[]): Promise<number> {
  const session: Session = { io, exitCode: 0 };
  const own = words.includes("--") ? words.slice(0, words.indexOf("--")) : words;
  const asJson = own.includes("--json");
  const usageErrors: string[] = [];
  const program = quiet(await buildProgram(session, words), io, usageErrors);
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
      writeOut: (text) => io.print(text),
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
