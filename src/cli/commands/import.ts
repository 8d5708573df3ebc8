import { type Command, InvalidArgumentError } from "commander";
import { GrantkeeperError } from "../../core/errors.ts";
import { importTokens, readImport } from "../../keeper/import.ts";
import { type CommonOptions, defineCommand, notice, type Session, withKeeper } from "../command.ts";
import { integrationFor } from "../choose-integration.ts";
import { presentGrant, warnOfMissingScopes } from "../grant-result.ts";
import type { Io } from "../io.ts";
import { readInputFile, readStdin } from "../secret-input.ts";

interface Options extends CommonOptions {
  readonly integration?: string;
  readonly file?: string;
  readonly obtainedAt?: number;
}

/** `import NAME`. */
export function defineImport(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "import <name> [source]",
    summary: "take over tokens that were obtained elsewhere; nothing is sent",
    examples: [
      "grantkeeper import meetings --integration recorder --file tokens.json",
      "pbpaste | grantkeeper import meetings --integration recorder -",
    ],
    notes: [
      "The source is a file (--file F) or standard input (-): the JSON of the token endpoint's answer,",
      '{"refresh_token": "…"}, or the refresh token alone.',
    ].join("\n"),
  })
    .option("--integration <name>", "the integration that the tokens were made for")
    .option("--file <file>", "the file with the tokens")
    .option(
      "--obtained-at <time>",
      "when they were obtained; their lives count from then (default: now)",
      pointInTime,
    )
    .action((name: string, source: string | undefined, options: Options) =>
      withKeeper(session, options, async ({ keeper }) => {
        const { ports } = keeper;
        const document = readImport(await readSource(session.io, source, options.file));
        const integration = await integrationFor(session, ports, name, options.integration);
        const obtainedAt = options.obtainedAt ?? ports.clock.now();
        const grant = await importTokens(ports, name, integration, document, obtainedAt);
        await presentGrant(session, options, ports, grant, `${name} is taken over. Nothing was sent.`);
        notice(session, document.notices);
        await warnOfMissingScopes(session, ports, grant);
      }),
    );
}

function readSource(io: Io, source: string | undefined, file: string | undefined): Promise<string> | string {
  if (source === "-" && file === undefined) return readStdin(io);
  if (file === "-" && source === undefined) return readStdin(io);
  if (file !== undefined && source === undefined) return readInputFile(file);
  throw new GrantkeeperError(
    "invalid_request",
    "Say where the tokens are: --file F, or - for standard input.",
    {
      remedy: "Tokens themselves are never taken from the argument list.",
    },
  );
}

function pointInTime(text: string): number {
  const time = Date.parse(text);
  if (!Number.isNaN(time)) return time;
  throw new InvalidArgumentError("It has to be a time such as 2026-11-23T18:00:00Z.");
}
