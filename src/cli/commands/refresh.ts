import type { Command } from "commander";
import { GrantkeeperError } from "../../core/errors.ts";
import { tokenDocument } from "../../core/grant.ts";
import { refreshNow } from "../../keeper/manage.ts";
import { type AfterRejection, replaceRejected } from "../../keeper/rejected-token.ts";
import {
  type CommonOptions,
  defineCommand,
  notice,
  present,
  type Session,
  withKeeper,
  withVerbose,
} from "../command.ts";
import { isRemote } from "../is-remote.ts";
import { moment, timeLeft } from "../wording.ts";

interface Options extends CommonOptions {
  readonly ifFingerprint?: string;
}

/** `refresh NAME`: at once, whatever the schedule says; of a rejected token, once for all who report it. */
export function defineRefresh(program: Command, session: Session): void {
  const command = defineCommand(program, {
    usage: "refresh <name>",
    summary: "refresh a grant at once, whatever its schedule or a back-off says",
    examples: [
      "grantkeeper refresh meetings",
      "grantkeeper refresh meetings --if-fingerprint 0f1e2d3c4b5a6978",
    ],
    notes: [
      "With --if-fingerprint it is a program's word that this token was rejected: sent once, however many",
      "say so, not at all where the token is another one by now, and at most twice a minute.",
    ].join("\n"),
  }).option("--if-fingerprint <fingerprint>", "only while this is the fingerprint of the access token");
  withVerbose(command).action(async (name: string, options: Options) => {
    const { ifFingerprint } = options;
    if (isRemote(session.io.env)) return refreshRemotely(session, options, name);
    return withKeeper(session, options, async ({ keeper }) => {
      const { ports } = keeper;
      const { grant, warning, isNew }: AfterRejection =
        ifFingerprint === undefined
          ? { grant: await refreshNow(ports, name), warning: null, isNew: true }
          : await replaceRejected(ports, name, fingerprintFrom(ifFingerprint));
      const now = ports.clock.now();
      // The token document without the token: printing that is what `token` is for.
      const { access_token: _secret, ...document } = tokenDocument(grant, "", warning, now);
      if (warning !== null && options.json !== true) notice(session, [warning], "Warning");
      present(session, options, document, () => {
        const until = `${moment(grant.accessExpiresAt)} (${timeLeft(grant.accessExpiresAt, now)} left)`;
        const verb = isNew ? "Refreshed" : "Not refreshed";
        return `${verb} ${name}: generation ${grant.generation}, access token until ${until}.`;
      });
    });
  });
}

/** The service decides as for a program whose token was rejected: at most twice a minute. */
async function refreshRemotely(session: Session, options: Options, name: string): Promise<void> {
  const { openRemote } = await import("../remote.ts");
  const { ifFingerprint } = options;
  const given = ifFingerprint === undefined ? null : fingerprintFrom(ifFingerprint);
  const { access_token: _secret, ...document } = await openRemote(session.io.env).refresh(name, given);
  if (document.warning !== null && options.json !== true) notice(session, [document.warning], "Warning");
  present(
    session,
    options,
    document,
    () =>
      `${name}: generation ${document.generation}, access token until ${document.expires_at ?? "unknown"}.`,
  );
}

/** 16 hex digits, as `status` and every document show them. */
function fingerprintFrom(text: string): string {
  if (/^[0-9a-f]{16}$/i.test(text)) return text;
  throw new GrantkeeperError("invalid_request", "--if-fingerprint takes 16 hex digits.", {
    remedy: "See the fingerprint of the access token with: grantkeeper status NAME --json.",
  });
}
