import type { Command } from "commander";
import { revoke } from "../../keeper/revoke.ts";
import {
  type CommonOptions,
  defineCommand,
  notice,
  present,
  type Session,
  withKeeper,
  withVerbose,
} from "../command.ts";
import { documentOf } from "../grant-result.ts";
import { noticeUnsupplied } from "../supply-notice.ts";

/** `revoke NAME`. */
export function defineRevoke(program: Command, session: Session): void {
  const command = defineCommand(program, {
    usage: "revoke <name>",
    summary: "end a grant: the provider is told, and its tokens are forgotten",
    examples: ["grantkeeper revoke meetings"],
  });
  withVerbose(command).action((name: string, options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper }) => {
      const { grant, toldProvider, advice } = await revoke(keeper.ports, name);
      const document = { ...(await documentOf(keeper.ports, grant)), told_provider: toldProvider };
      present(session, options, document, () =>
        toldProvider ? `${name} is revoked, at the provider too.` : `${name} is revoked here.`,
      );
      await noticeUnsupplied(session, keeper.ports, name);
      if (advice !== null)
        notice(
          session,
          [
            grant.revocation === null
              ? `The provider could not be told. ${advice}`
              : `The provider could not be told yet: ${grant.revocation.detail} ${advice}`,
          ],
          "Warning",
        );
    }),
  );
}
