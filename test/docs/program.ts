/** The program's command tree, for comparing the documentation with it: parsed, never acted upon. */
import { Command } from "commander";
import { processIo } from "../../src/cli/io.ts";
import { buildProgram } from "../../src/cli/program.ts";

/** A command that does something, by the words that call it. */
export interface Leaf {
  readonly path: string;
  readonly command: Command;
}

const IO = processIo();

/** A fresh tree. */
export function programTree(): Promise<Command> {
  return buildProgram({ io: IO, exitCode: 0 });
}

/** Every command without subcommands. */
export function leavesOf(command: Command, path: readonly string[] = []): Leaf[] {
  return command.commands.flatMap((child) => {
    const own = [...path, child.name()];
    return child.commands.length === 0 ? [{ path: own.join(" "), command: child }] : leavesOf(child, own);
  });
}

/** Why the program's own parser refuses these words, or null. */
export async function refusalOf(words: readonly string[]): Promise<string | null> {
  const said: string[] = [];
  const program = await programTree();
  const adopt = (command: Command): void => {
    command.exitOverride();
    command.configureOutput({ writeOut: () => {}, writeErr: (text) => said.push(text.trim()) });
    for (const child of command.commands) adopt(child);
  };
  adopt(program);
  for (const { command } of leavesOf(program)) command.action(() => {});
  try {
    await program.parseAsync([...words], { from: "user" });
    return null;
  } catch (error) {
    const { exitCode = 1, message = "" } = error as { exitCode?: number; message?: string };
    return exitCode === 0 ? null : said.join(" ") || message;
  }
}
