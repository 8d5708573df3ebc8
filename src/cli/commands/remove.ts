import type { Command } from "commander";
import { remove } from "../../keeper/manage.ts";
import { type CommonOptions, defineCommand, notice, present, type Session, withKeeper } from "../command.ts";
import { noticeUnsupplied } from "../supply-notice.ts";

/** `remove NAME`. */
export function defineRemove(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "remove <name>",
    summary: "forget a grant and its tokens; its history in the audit stays",
    examples: ["grantkeeper remove meetings"],
    notes: "The provider is not told: to end the consent there as well, run revoke first.",
  }).action((name: string, options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper }) => {
      const grant = await remove(keeper.ports, name);
      const wasAlive = (grant.generation > 0 && grant.state !== "revoked") || grant.revocation !== null;
      present(session, options, { removed: name }, () => `${name} is forgotten.`);
      await noticeUnsupplied(session, keeper.ports, name);
      if (wasAlive) notice(session, ["The provider was not told: its tokens live on until they run out."]);
    }),
  );
}
