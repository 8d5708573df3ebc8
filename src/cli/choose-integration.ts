import { GrantkeeperError } from "../core/errors.ts";
import type { Ports } from "../keeper/ports.ts";
import type { Session } from "./command.ts";
import { choose, requireTerminal } from "./prompt.ts";

/**
 * The integration that a command is about: the one given, the one that the grant has, the only one there
 * is; else a person is asked.
 */
export async function integrationFor(
  session: Session,
  ports: Ports,
  grantName: string,
  given: string | undefined,
): Promise<string> {
  if (given !== undefined) return given;
  const grant = await ports.store.grant(grantName);
  const own = grant && (await ports.store.integrationById(grant.integrationId));
  if (own !== null) return own.name;
  const all = await ports.store.integrations();
  if (all.length === 0) {
    throw new GrantkeeperError("not_found", "There is no integration yet.", {
      remedy: "Register one first: grantkeeper integration add NAME.",
    });
  }
  const [only] = all;
  if (all.length === 1 && only !== undefined) return only.name;
  requireTerminal(session.io, "--integration");
  return choose(session.io, {
    message: "Which integration is this consent for?",
    flag: "--integration",
    options: all.map(({ name, provider, clientId }) => ({
      value: name,
      label: name,
      hint: `${provider}, ${clientId.slice(0, 8)}…`,
    })),
  });
}
