import { type Command, InvalidArgumentError } from "commander";
import { pc } from "../colours.ts";
import { type GrantDocument, grantDocument } from "../../core/grant.ts";
import { findGrant, grantFacts } from "../../keeper/find.ts";
import type { Ports } from "../../keeper/ports.ts";
import { type CommonOptions, defineCommand, present, type Session, withKeeper } from "../command.ts";
import { documentOf } from "../grant-result.ts";
import { checkGrants } from "../status-check.ts";
import { table } from "../table.ts";
import { colouredLeft, colouredState, describeGrant, moment, troubleOf } from "../wording.ts";

interface Options extends CommonOptions {
  readonly check?: boolean;
  readonly within: number;
}

const DEFAULT_WITHIN = 7;

/** `status [NAME]`: what there is and how it stands. */
export function defineStatus(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "status [name]",
    summary: "show every grant, or one: expiries, re-consent date, trouble",
    examples: [
      "grantkeeper status",
      "grantkeeper status meetings --json",
      "grantkeeper status --check || page-someone",
    ],
    notes: [
      "With --check the exit code tells the worst of the grants shown:",
      "  0 all well   4 consent needed, or within --within days   6 refreshing fails   8 suspended",
    ].join("\n"),
  })
    .option("--check", "set the exit code for monitoring")
    .option("--within <days>", "with --check: how near a re-consent may come", wholeDays, DEFAULT_WITHIN)
    .action((name: string | undefined, options: Options) =>
      withKeeper(session, options, async ({ keeper }) => {
        const { ports } = keeper;
        const now = ports.clock.now();
        const grants =
          name === undefined
            ? await allDocuments(ports)
            : [await documentOf(ports, await findGrant(ports, name))];
        const [only] = grants;
        const document = name === undefined ? { grants } : only;
        present(session, options, document, () =>
          name !== undefined && only !== undefined ? describeGrant(only, now) : overview(grants, now),
        );
        if (options.check === true) session.exitCode = checkGrants(grants, now, options.within);
      }),
    );
}

async function allDocuments(ports: Ports): Promise<GrantDocument[]> {
  const integrations = new Map((await ports.store.integrations()).map((one) => [one.id, one]));
  const now = ports.clock.now();
  return (await ports.store.grants()).flatMap((grant) => {
    const integration = integrations.get(grant.integrationId);
    if (integration === undefined) return [];
    const facts = grantFacts({ integration, profile: ports.profile(integration.provider) });
    return [grantDocument(grant, facts, now)];
  });
}

function overview(grants: readonly GrantDocument[], now: number): string {
  if (grants.length === 0) {
    return "There are no grants yet. Make one with: grantkeeper connect NAME --integration I";
  }
  const rows = grants.map((grant) => [
    grant.name,
    colouredState(grant, now),
    grant.generation === 0 ? "" : colouredLeft(grant.access_token.expires_at, now),
    grant.generation === 0 || grant.reconsent_by === null
      ? ""
      : `${moment(grant.reconsent_by).slice(0, 10)} (${colouredLeft(grant.reconsent_by, now)})`,
  ]);
  const list = table(["GRANT", "STATE", "TOKEN LEFT", "CONSENT AGAIN BY"], rows);
  const troubles = grants
    .map((grant) => [grant.name, troubleOf(grant, now)] as const)
    .filter(([, trouble]) => trouble !== "")
    .map(([name, trouble]) => `${pc.yellow("!")} ${name}: ${trouble}`);
  return troubles.length === 0 ? list : `${list}\n\n${troubles.join("\n")}`;
}

function wholeDays(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It has to be a whole number of days.");
}
