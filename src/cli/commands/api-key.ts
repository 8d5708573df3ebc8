import type { Command } from "commander";
import { API_KEY_SCOPES, type ApiKey, apiKeyDocument, isUsable } from "../../core/api-key.ts";
import { instant } from "../../core/grant.ts";
import { createApiKey, listApiKeys, revokeApiKey } from "../../keeper/api-keys.ts";
import { type CommonOptions, defineCommand, notice, present, type Session, withKeeper } from "../command.ts";
import { durationOption } from "../duration.ts";
import { tell } from "../io.ts";
import { pc } from "../colours.ts";
import { table } from "../table.ts";
import { wrap } from "../wrap.ts";
import { moment } from "../wording.ts";

interface CreateOptions extends CommonOptions {
  readonly scope?: readonly string[];
  readonly grant?: readonly string[];
  readonly expires?: number;
}

/** `api-key create|list|revoke`. */
export function defineApiKey(program: Command, session: Session): void {
  const parent = program
    .command("api-key")
    .summary("keep the keys of programs that fetch tokens over HTTP")
    .description("Keeps the keys of programs that use the HTTP API.");
  defineCreate(parent, session);
  defineList(parent, session);
  defineRevoke(parent, session);
}

function defineCreate(parent: Command, session: Session): void {
  defineCommand(parent, {
    usage: "create <name>",
    summary: "make a key; it is printed once and kept nowhere",
    examples: [
      "grantkeeper api-key create recorder --scope tokens:read --grant meetings --expires 90d",
      "grantkeeper api-key create console --scope admin > console.key",
    ],
    notes: [
      "The key alone goes to standard output, so that it can be piped into where it is needed.",
      `Scopes: ${Object.keys(API_KEY_SCOPES).join(", ")}.`,
    ].join("\n"),
  })
    .option("--scope <scopes...>", "what the key may do; several, or the option again")
    .option("--grant <names...>", "the only grants that it is for (default: all)")
    .option(
      "--expires <time>",
      "when it ends by itself, as 12h, 90d, 1y (default: never)",
      durationOption({
        units: ["m", "h", "d", "y"],
        most: 10 * 365 * 86_400_000,
        rule: "It has to be a time such as 12h, 90d or 1y, ten years at most.",
      }),
    )
    .action((name: string, options: CreateOptions) =>
      withKeeper(session, options, async ({ keeper }) => {
        const { scope = [], grant = null, expires = null } = options;
        const grants = grant?.flatMap((text) => text.split(",")) ?? null;
        const input = { name, scopes: scope, grants, expiresIn: expires };
        const { apiKey, key, unknownGrants } = await createApiKey(keeper.ports, input);
        present(session, options, createdDocument(apiKey, key), () => key);
        if (options.json !== true)
          tell(session.io, "This key is shown this once: keep it where only its program reads it.");
        notice(
          session,
          unknownGrants.map((one) => `There is no grant ${one} yet.`),
        );
      }),
    );
}

function createdDocument({ id, name, scopes, grants, expiresAt }: ApiKey, key: string) {
  return { id, name, key, scopes, grants, expires_at: instant(expiresAt) };
}

function defineList(parent: Command, session: Session): void {
  defineCommand(parent, {
    usage: "list",
    summary: "show the keys, what each may do and when it was last used",
    examples: ["grantkeeper api-key list"],
  }).action((options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper }) => {
      const keys = await listApiKeys(keeper.ports);
      const now = keeper.ports.clock.now();
      present(session, options, { api_keys: keys.map(apiKeyDocument) }, () =>
        keys.length === 0 ? "There are no API keys." : overview(keys, now),
      );
    }),
  );
}

/** A line for each key, and below it what it may do: eight scopes would be wider than a terminal. */
function overview(keys: readonly ApiKey[], now: number): string {
  const rows = keys.map((key) => [
    key.name,
    stateOf(key, now),
    key.id,
    key.lastUsedAt === null ? "never" : moment(key.lastUsedAt),
  ]);
  const [head = "", ...lines] = table(["NAME", "STATE", "ID", "LAST USED"], rows).split("\n");
  const allowed = keys.map(({ scopes, grants }) => {
    const about = grants === null ? "all grants" : grants.join(", ");
    return pc.dim(wrap(`${scopes.join(", ")}; ${about}`, 2));
  });
  return [head, ...lines.flatMap((line, i) => [line, allowed[i] ?? ""])].join("\n");
}

function stateOf(key: ApiKey, now: number): string {
  if (key.revokedAt !== null) return "revoked";
  return isUsable(key, now) ? "active" : "expired";
}

function defineRevoke(parent: Command, session: Session): void {
  defineCommand(parent, {
    usage: "revoke <key>",
    summary: "revoke a key, by its id or name: it is refused everywhere a second later",
    examples: ["grantkeeper api-key revoke recorder"],
  }).action((idOrName: string, options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper }) => {
      const revoked = await revokeApiKey(keeper.ports, idOrName);
      present(session, options, apiKeyDocument(revoked), () => `${revoked.name} (${revoked.id}) is revoked.`);
    }),
  );
}
