import type { Command } from "commander";
import { type CommonOptions, defineCommand, type Session } from "../command.ts";

interface Options extends CommonOptions {
  readonly keep?: boolean;
}

/** `rehearse`: the whole procedure, really performed, against the emulator. */
export function defineRehearse(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "rehearse",
    summary: "walk the whole procedure against the emulator; needs no account anywhere",
    examples: ["grantkeeper rehearse"],
    notes: "Each step is the real command, run in a home of its own that is removed at the end.",
  })
    .option("--keep", "keep the rehearsal's home, and say where it is")
    .action(async (options: Options) => {
      const { rehearse } = await import("../rehearsal.ts");
      session.exitCode = await rehearse(session.io, {
        json: options.json === true,
        keep: options.keep === true,
      });
    });
}
