import type { Command } from "commander";
import { instant } from "../../core/grant.ts";
import { beginAuthorization } from "../../keeper/authorize.ts";
import { type CommonOptions, defineCommand, notice, present, type Session, withKeeper } from "../command.ts";
import { integrationFor } from "../choose-integration.ts";

interface Options extends CommonOptions {
  readonly integration?: string;
}

/** `authorization-url NAME`. */
export function defineAuthorizationUrl(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "authorization-url <name>",
    summary: "print the address at which an administrator consents; end it with exchange",
    examples: ["grantkeeper authorization-url meetings --integration recorder"],
  })
    .option("--integration <name>", "the integration to consent to")
    .action((name: string, options: Options) =>
      withKeeper(session, options, async ({ keeper }) => {
        const { ports } = keeper;
        const integration = await integrationFor(session, ports, name, options.integration);
        const begun = await beginAuthorization(ports, name, integration);
        const document = {
          authorization_url: begun.authorizationUrl,
          state: begun.state,
          expires_at: instant(begun.expiresAt),
        };
        present(session, options, document, () => begun.authorizationUrl);
        if (options.json === true) return;
        notice(session, [
          `Open it within ten minutes, accept, and copy the address that the browser ends at (${begun.redirectUri}?…).`,
          `Then run: grantkeeper exchange ${name} --redirected-url 'THAT ADDRESS'`,
        ]);
      }),
    );
}
