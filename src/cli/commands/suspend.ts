import type { Command } from "commander";
import { suspend } from "../../keeper/manage.ts";
import { type CommonOptions, defineCommand, type Session, withKeeper } from "../command.ts";
import { presentGrant } from "../grant-result.ts";
import { noticeUnsupplied } from "../supply-notice.ts";

/** `suspend NAME`. */
export function defineSuspend(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "suspend <name>",
    summary: "hold a grant: nothing is sent for it and no token handed out",
    examples: ["grantkeeper suspend meetings"],
  }).action((name: string, options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper }) => {
      const grant = await suspend(keeper.ports, name);
      await presentGrant(session, options, keeper.ports, grant, `${name} is suspended.`);
      await noticeUnsupplied(session, keeper.ports, name);
    }),
  );
}
