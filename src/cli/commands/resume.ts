import type { Command } from "commander";
import { resume } from "../../keeper/manage.ts";
import { type CommonOptions, defineCommand, type Session, withKeeper } from "../command.ts";
import { presentGrant } from "../grant-result.ts";

/** `resume NAME`. */
export function defineResume(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "resume <name>",
    summary: "release a suspended grant",
    examples: ["grantkeeper resume meetings"],
  }).action((name: string, options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper }) => {
      const grant = await resume(keeper.ports, name);
      await presentGrant(session, options, keeper.ports, grant, `${name} is resumed.`);
    }),
  );
}
