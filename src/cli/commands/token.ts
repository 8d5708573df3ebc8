import { type Command, InvalidArgumentError } from "commander";
import { DEFAULT_MIN_TTL } from "../../keeper/get-token.ts";
import { defineCommand, type Session } from "../command.ts";
import { runToken } from "../run-token.ts";

interface Options {
  readonly json?: boolean;
  readonly minTtl?: number;
}

/** `token NAME`: a valid access token on stdout. */
export function defineToken(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "token <name>",
    summary: "print a valid access token, refreshed first when it is about to run out",
    examples: [
      "grantkeeper token meetings",
      'curl -H "Authorization: Bearer $(grantkeeper token meetings)" …',
    ],
  })
    .option(
      "--min-ttl <seconds>",
      `seconds of life it must have left (default ${DEFAULT_MIN_TTL})`,
      wholeSeconds,
    )
    .action(async (name: string, { json = false, minTtl }: Options) => {
      session.exitCode = await runToken(session.io, { name, minTtl: minTtl ?? null, json });
    });
}

function wholeSeconds(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It has to be a whole number of seconds.");
}
