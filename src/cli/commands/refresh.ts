import type { Command } from "commander";
import { tokenDocument } from "../../core/grant.ts";
import { refreshNow } from "../../keeper/manage.ts";
import {
  type CommonOptions,
  defineCommand,
  present,
  type Session,
  withKeeper,
  withVerbose,
} from "../command.ts";
import { moment, timeLeft } from "../wording.ts";

/** `refresh NAME`: at once, whatever the schedule says. */
export function defineRefresh(program: Command, session: Session): void {
  const command = defineCommand(program, {
    usage: "refresh <name>",
    summary: "refresh a grant at once, whatever its schedule or a back-off says",
    examples: ["grantkeeper refresh meetings"],
  });
  withVerbose(command).action((name: string, options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper }) => {
      const { ports } = keeper;
      const grant = await refreshNow(ports, name);
      const now = ports.clock.now();
      // The token document without the token: printing that is what `token` is for.
      const { access_token: _secret, ...document } = tokenDocument(grant, "", null, now);
      present(session, options, document, () => {
        const until = `${moment(grant.accessExpiresAt)} (${timeLeft(grant.accessExpiresAt, now)} left)`;
        return `Refreshed ${name}: generation ${grant.generation}, access token until ${until}.`;
      });
    }),
  );
}
