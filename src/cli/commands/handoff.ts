import { type Command, Option } from "commander";
import { findGrant } from "../../keeper/find.ts";
import { handOff } from "../../keeper/hand-off.ts";
import { type CommonOptions, defineCommand, type Session, withKeeper } from "../command.ts";
import { HAND_OFF_FORMATS, type HandOffFormat, renderHandOff } from "../hand-off-formats.ts";
import { printJson, say } from "../io.ts";

interface Options extends CommonOptions {
  readonly format: HandOffFormat;
}

/** `handoff NAME`. */
export function defineHandoff(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "handoff <name>",
    summary: "what to type into the data source and its adapter, field by field",
    examples: ["grantkeeper handoff meetings", "grantkeeper handoff meetings --format curl > by-hand.sh"],
    notes:
      "No secret is printed: the fields say where each stands, and curl reads them from the environment.",
  })
    .addOption(
      new Option("--format <format>", "the form of the answer").choices(HAND_OFF_FORMATS).default("text"),
    )
    .action((name: string, options: Options) =>
      withKeeper(session, options, async ({ keeper }) => {
        const document = await handOff(keeper.ports, await findGrant(keeper.ports, name));
        if (options.json === true || options.format === "json") printJson(session.io, document);
        else say(session.io, renderHandOff(document, options.format, keeper.ports.clock.now()));
      }),
    );
}
