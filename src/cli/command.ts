import { Command } from "commander";
import { type OpenKeeper, openKeeper } from "../open.ts";
import { failpointFrom } from "./failpoint.ts";
import { heldNotice } from "./held-notice.ts";
import { deferInterrupts, type Interrupts } from "./interrupt.ts";
import { type Io, printJson, say, tell } from "./io.ts";
import { wireWatcher } from "./wire-watcher.ts";

/** Where a command leaves its exit code. */
export interface Session {
  readonly io: Io;
  exitCode: number;
}

interface CommandFacts {
  /** Name and arguments, as in `token <name>`. */
  readonly usage: string;
  readonly summary: string;
  /** Full command lines, at least one. */
  readonly examples: readonly string[];
  /** More to say, below the options. */
  readonly notes?: string;
}

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** Adds a command with the options, the example and the error style that all have. */
export function defineCommand(parent: Command, { usage, summary, examples, notes }: CommandFacts): Command {
  const command = parent
    .command(usage)
    .summary(summary)
    .description(summary)
    .option("--json", "print one JSON document on stdout and nothing else there");
  const shown = examples.map((example) => `  $ ${example}`).join("\n");
  const more = notes === undefined ? "" : `\n${notes}\n`;
  return command.addHelpText(
    "after",
    `${more}\n${examples.length === 1 ? "Example" : "Examples"}:\n${shown}\n`,
  );
}

/** `--verbose`, for the commands that talk to a provider. */
export function withVerbose(command: Command): Command {
  return command.option("--verbose", "show each request to the provider on stderr, secrets masked");
}

/** What a command gets to work with. */
export interface Work {
  readonly keeper: OpenKeeper;
  readonly interrupts: Interrupts;
}

/** Opens the keeper for one command and closes it, whatever comes. */
export async function withKeeper(
  session: Session,
  options: CommonOptions,
  work: (parts: Work) => Promise<void>,
): Promise<void> {
  const { io } = session;
  const interrupts = deferInterrupts(io);
  try {
    const keeper = await openKeeper(io.env, {
      watch: options.verbose === true ? wireWatcher(io) : undefined,
      failpoint: failpointFrom(io.env),
      onSend: interrupts.sendingBegins,
      onHeld: heldNotice(io),
    });
    try {
      await work({ keeper, interrupts });
      session.exitCode = interrupts.exitCode() ?? session.exitCode;
    } finally {
      await keeper.close();
    }
  } finally {
    interrupts.end();
  }
}

/** The result of a command: the document, or its text for people. */
export function present(
  session: Session,
  options: CommonOptions,
  document: unknown,
  text: () => string,
): void {
  if (options.json === true) printJson(session.io, document);
  else say(session.io, text());
}

/** Sentences beside the result. */
export function notice(session: Session, sentences: readonly string[], word = "Note"): void {
  for (const sentence of sentences) tell(session.io, `${word}: ${sentence}`);
}
