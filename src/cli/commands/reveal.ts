import { Argument, type Command } from "commander";
import { revealRefreshToken } from "../../keeper/manage.ts";
import { copyToClipboard } from "../clipboard.ts";
import { type CommonOptions, defineCommand, notice, present, type Session, withKeeper } from "../command.ts";

interface Options extends CommonOptions {
  readonly copy?: boolean;
}

/** `reveal NAME refresh_token`. */
export function defineReveal(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "reveal <name>",
    summary: "print a grant's refresh token, or copy it; the audit says who did",
    examples: ["grantkeeper reveal meetings refresh_token --copy"],
    notes: "Two programs that both refresh one grant can end it: suspend it here once another keeps it.",
  })
    .addArgument(new Argument("<what>", "what to reveal").choices(["refresh_token"]))
    .option("--copy", "put it on the clipboard instead of printing it")
    .action((name: string, _what: string, options: Options) =>
      withKeeper(session, options, async ({ keeper }) => {
        const token = await revealRefreshToken(keeper.ports, name);
        if (options.copy !== true) return present(session, options, { refresh_token: token }, () => token);
        const through = await copyToClipboard(session.io, token);
        present(
          session,
          options,
          { copied: true, through },
          () => `The refresh token of ${name} is on the clipboard.`,
        );
        notice(session, [`Copied through ${through}. Clear the clipboard when you are done.`]);
      }),
    );
}
