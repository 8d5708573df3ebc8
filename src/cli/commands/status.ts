import { type Command, InvalidArgumentError } from "commander";
import { pc } from "../colours.ts";
import {
  type Grant,
  type GrantDocument,
  grantDocument,
  type GrantStanding,
  standingOf,
} from "../../core/grant.ts";
import { findGrant, grantFacts } from "../../keeper/find.ts";
import type { Ports } from "../../keeper/ports.ts";
import { type CommonOptions, defineCommand, present, type Session, withKeeper } from "../command.ts";
import { presentGrant } from "../grant-result.ts";
import { checkGrants } from "../status-check.ts";
import { isRemote } from "../is-remote.ts";
import { table } from "../table.ts";
import { wrap } from "../wrap.ts";
import { colouredLeft, colouredState, troubleOf } from "../wording.ts";

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
    .action(async (name: string | undefined, options: Options) => {
      if (isRemote(session.io.env)) return showRemote(session, options, name);
      return withKeeper(session, options, async ({ keeper }) => {
        const { ports } = keeper;
        const standings =
          name === undefined
            ? await showAll(session, options, ports)
            : [await showOne(session, options, ports, name)];
        if (options.check === true)
          session.exitCode = checkGrants(standings, ports.clock.now(), options.within);
      });
    });
}

/** The same, out of what the service says. */
async function showRemote(session: Session, options: Options, name: string | undefined): Promise<void> {
  const { openRemote, standingFrom } = await import("../remote.ts");
  const remote = openRemote(session.io.env);
  const now = Date.now();
  const grants = name === undefined ? await remote.grants() : [await remote.grant(name)];
  const standings = grants.map(standingFrom);
  present(session, options, name === undefined ? { grants } : grants[0], () => overview(standings, now));
  if (options.check === true) session.exitCode = checkGrants(standings, now, options.within);
}

async function showOne(
  session: Session,
  options: Options,
  ports: Ports,
  name: string,
): Promise<GrantStanding> {
  const grant = await findGrant(ports, name);
  await presentGrant(session, options, ports, grant, null);
  return standingOf(grant);
}

async function showAll(session: Session, options: Options, ports: Ports): Promise<readonly GrantStanding[]> {
  const now = ports.clock.now();
  if (options.json === true) {
    const grants = await ports.store.grants();
    present(session, options, { grants: await documentsOf(ports, grants) }, () => "");
    return grants.map(standingOf);
  }
  const standings = await ports.store.standings();
  present(session, options, null, () => overview(standings, now));
  return standings;
}

async function documentsOf(ports: Ports, grants: readonly Grant[]): Promise<GrantDocument[]> {
  const integrations = new Map((await ports.store.integrations()).map((one) => [one.id, one]));
  const now = ports.clock.now();
  return grants.flatMap((grant) => {
    const integration = integrations.get(grant.integrationId);
    if (integration === undefined) return [];
    const facts = grantFacts({ integration, profile: ports.profile(integration.provider) });
    return [grantDocument(grant, facts, now)];
  });
}

function overview(grants: readonly GrantStanding[], now: number): string {
  if (grants.length === 0) {
    return "There are no grants yet. Make one with: grantkeeper connect NAME --integration I";
  }
  const troubles: string[] = [];
  const rows = grants.map((grant) => {
    const trouble = troubleOf(grant, now);
    if (trouble !== "")
      troubles.push(`${pc.yellow("!")} ${wrap(`${grant.name}: ${trouble}`, 2).trimStart()}`);
    const { name, generation, accessExpiresAt, refreshExpiresAt } = grant;
    const state = colouredState(grant, trouble);
    if (generation === 0) return [name, state];
    const again =
      refreshExpiresAt === null ? "" : `${dateOf(refreshExpiresAt)} (${colouredLeft(refreshExpiresAt, now)})`;
    return [name, state, colouredLeft(accessExpiresAt, now), again];
  });
  const list = table(["GRANT", "STATE", "TOKEN LEFT", "CONSENT AGAIN BY"], rows);
  return troubles.length === 0 ? list : `${list}\n\n${troubles.join("\n")}`;
}

const DAY = 24 * 60 * 60 * 1000;
const dates = new Map<number, string>();

/** `2026-12-07`. Thousands of grants end on a few days, and making a date's text is the slowest part of a row. */
function dateOf(time: number): string {
  const day = Math.floor(time / DAY);
  const known = dates.get(day);
  if (known !== undefined) return known;
  const made = new Date(time).toISOString().slice(0, 10);
  dates.set(day, made);
  return made;
}

function wholeDays(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It has to be a whole number of days.");
}
