import type { Command } from "commander";
import { ERROR_CODES, GrantkeeperError } from "../../core/errors.ts";
import { resume, resumeAll, type ResumedAll } from "../../keeper/resume.ts";
import { type CommonOptions, defineCommand, notice, present, type Session, withKeeper } from "../command.ts";
import { presentGrant } from "../grant-result.ts";
import { wrap } from "../wrap.ts";

interface Options extends CommonOptions {
  readonly acceptRisk?: boolean;
  readonly all?: boolean;
}

/** `resume NAME`, `resume --all`. */
export function defineResume(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "resume [name]",
    summary: "release a suspended grant, or all of a store that was copied or restored",
    examples: ["grantkeeper resume meetings", "grantkeeper resume --all"],
    notes: [
      "Grants of a store that was copied or restored are held too. Where the provider replaces the refresh",
      "token at each use, releasing one can end it, and --accept-risk is asked for. --all releases those that",
      "are safe, lists the others, and exits with 8 where some stay held; what a person held is one of these.",
    ].join("\n"),
  })
    .option("--all", "release every grant that is held because the store was copied or restored")
    .option("--accept-risk", "release although the refresh token may have been replaced elsewhere")
    .action((name: string | undefined, options: Options) =>
      options.all === true ? releaseAll(session, options, name) : releaseOne(session, options, name),
    );
}

function releaseOne(session: Session, options: Options, name: string | undefined): Promise<void> {
  if (name === undefined) throw usage("The name of a grant is missing.");
  return withKeeper(session, options, async ({ keeper }) => {
    const { grant, verdict } = await resume(keeper.ports, name, options.acceptRisk === true);
    notice(session, [verdict.reason], "Verdict");
    await presentGrant(session, options, keeper.ports, grant, `${name} is resumed.`);
  });
}

function releaseAll(session: Session, options: Options, name: string | undefined): Promise<void> {
  if (name !== undefined) throw usage("A name and --all exclude each other.");
  return withKeeper(session, options, async ({ keeper }) => {
    const result = await resumeAll(keeper.ports, options.acceptRisk === true);
    present(session, options, result, () => describe(result));
    if (result.held.length > 0) session.exitCode = ERROR_CODES.suspended.exit;
  });
}

function describe({ resumed, held }: ResumedAll): string {
  const first = resumed.length === 1 ? "1 grant is resumed." : `${resumed.length} grants are resumed.`;
  if (held.length === 0) return first;
  const list = held.map(({ name, reason }) => wrap(`${name}: ${reason}`, 2));
  return [first, "Still held:", ...list].join("\n");
}

function usage(message: string): GrantkeeperError {
  return new GrantkeeperError("invalid_request", message, {
    remedy: "Run: grantkeeper resume NAME, or: grantkeeper resume --all.",
  });
}
