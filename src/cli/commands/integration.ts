import type { Command } from "commander";
import { GrantkeeperError } from "../../core/errors.ts";
import { findIntegration } from "../../keeper/find.ts";
import {
  addIntegration,
  integrationDocument,
  type IntegrationInput,
  removeIntegration,
  updateIntegration,
} from "../../keeper/integrations.ts";
import { defaultProvider } from "../../providers/index.ts";
import { completeIntegration } from "../ask-integration.ts";
import { type CommonOptions, defineCommand, notice, present, type Session, withKeeper } from "../command.ts";
import { type Io, tell } from "../io.ts";
import { readSecret } from "../secret-input.ts";
import { fields, table } from "../table.ts";
import { wrap } from "../wrap.ts";
import { moment } from "../wording.ts";

interface InputOptions extends CommonOptions {
  readonly provider?: string;
  readonly clientId?: string;
  readonly clientSecretStdin?: boolean;
  readonly clientSecretFile?: string;
  readonly clientSecretEnv?: string;
  readonly redirectUri?: string;
  readonly scope?: string;
  readonly preset?: string;
  readonly baseUrl?: string;
  readonly allowUnknownScopes?: boolean;
}

/** `integration add|list|show|update|remove`. */
export function defineIntegration(program: Command, session: Session): void {
  const parent = program
    .command("integration")
    .summary("keep client registrations")
    .description("Keeps client registrations at providers.");
  defineAdd(parent, session);
  defineList(parent, session);
  defineShow(parent, session);
  defineUpdate(parent, session);
  defineRemoveIntegration(parent, session);
}

function withInput(command: Command): Command {
  const presets = Object.keys(defaultProvider.presets).join(", ");
  return command
    .option("--client-id <id>", "the client id")
    .option("--client-secret-stdin", "read the client secret from standard input")
    .option("--client-secret-file <file>", "read the client secret from a file")
    .option("--client-secret-env <variable>", "read the client secret from an environment variable")
    .option("--redirect-uri <uri>", "the redirect URI, exactly as registered in the portal")
    .option("--scope <scopes>", 'scopes to ask for, as in "A B"')
    .option("--preset <name>", `a ready list of scopes: ${presets}`)
    .option("--base-url <url>", "talk to <url>/authorize and <url>/access_token instead")
    .option("--allow-unknown-scopes", "accept scopes that the provider is not known to have");
}

async function readInput(io: Io, options: InputOptions): Promise<IntegrationInput> {
  const { clientId, redirectUri, scope, preset, baseUrl, allowUnknownScopes } = options;
  const source = {
    stdin: options.clientSecretStdin,
    file: options.clientSecretFile,
    env: options.clientSecretEnv,
  };
  const clientSecret = (await readSecret(io, source, "--client-secret")) ?? undefined;
  return { clientId, clientSecret, redirectUri, scope, preset, baseUrl, allowUnknownScopes };
}

function defineAdd(parent: Command, session: Session): void {
  const command = defineCommand(parent, {
    usage: "add <name>",
    summary: "keep a client registration; asks for what is missing at a terminal",
    examples: [
      `grantkeeper integration add recorder --provider ${defaultProvider.id} --client-id C0FFEE… \\`,
      "      --client-secret-file secret.txt --preset meetings-capture",
    ],
  }).option("--provider <id>", `the provider (default: ${defaultProvider.id})`);
  withInput(command).action((name: string, options: InputOptions) =>
    withKeeper(session, options, async ({ keeper }) => {
      const { ports } = keeper;
      const given = await readInput(session.io, options);
      const { provider, input } = await completeIntegration(session.io, ports, {
        ...given,
        provider: options.provider,
      });
      const { integration, notices } = await addIntegration(ports, name, provider, input);
      const document = integrationDocument(integration);
      present(session, options, document, () => `${name} is registered.\n\n${describe(document)}`);
      notice(session, notices);
      if (options.json !== true) {
        const { portal } = ports.profile(provider);
        tell(session.io, `\nRegister this redirect URI in the portal: ${integration.redirectUri}`);
        tell(session.io, wrap(portal.redirectUri, 2));
        tell(session.io, `Then: grantkeeper connect NAME --integration ${name}`);
      }
    }),
  );
}

function defineList(parent: Command, session: Session): void {
  defineCommand(parent, {
    usage: "list",
    summary: "list the integrations",
    examples: ["grantkeeper integration list"],
  }).action((options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper }) => {
      const integrations = (await keeper.ports.store.integrations()).map(integrationDocument);
      present(session, options, { integrations }, () => {
        if (integrations.length === 0)
          return "There are no integrations yet. Make one with: grantkeeper integration add NAME";
        const rows = integrations.map((one) => [
          one.name,
          one.provider,
          `${one.client_id.slice(0, 12)}${one.client_id.length > 12 ? "…" : ""}`,
          one.incident === null ? "ok" : `refused since ${moment(parseInstant(one.incident.since))}`,
        ]);
        return table(["INTEGRATION", "PROVIDER", "CLIENT ID", "STATE"], rows);
      });
    }),
  );
}

function defineShow(parent: Command, session: Session): void {
  defineCommand(parent, {
    usage: "show <name>",
    summary: "show an integration, but never its secret",
    examples: ["grantkeeper integration show recorder"],
  }).action((name: string, options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper }) => {
      const document = integrationDocument(await findIntegration(keeper.ports, name));
      present(session, options, document, () => describe(document));
    }),
  );
}

function defineUpdate(parent: Command, session: Session): void {
  const command = defineCommand(parent, {
    usage: "update <name>",
    summary: "change an integration; its grants go on with what is new",
    examples: ["grantkeeper integration update recorder --client-secret-file new-secret.txt"],
  });
  withInput(command).action((name: string, options: InputOptions) =>
    withKeeper(session, options, async ({ keeper }) => {
      const input = await readInput(session.io, options);
      if (Object.values(input).every((value) => value === undefined)) throw nothingGiven();
      const { integration, notices } = await updateIntegration(keeper.ports, name, input);
      const document = integrationDocument(integration);
      present(session, options, document, () => `${name} is changed.\n\n${describe(document)}`);
      notice(session, notices);
    }),
  );
}

function defineRemoveIntegration(parent: Command, session: Session): void {
  defineCommand(parent, {
    usage: "remove <name>",
    summary: "forget an integration that no grant needs",
    examples: ["grantkeeper integration remove recorder"],
  }).action((name: string, options: CommonOptions) =>
    withKeeper(session, options, async ({ keeper }) => {
      await removeIntegration(keeper.ports, name);
      present(session, options, { removed: name }, () => `${name} is forgotten.`);
    }),
  );
}

function describe(integration: ReturnType<typeof integrationDocument>): string {
  const pairs: [string, string][] = [
    ["Integration", integration.name],
    ["Provider", integration.provider],
    ["Client id", integration.client_id],
    ["Client secret", integration.has_client_secret ? "kept, sealed" : "none"],
    ["Redirect URI", integration.redirect_uri],
    ["Scopes", integration.scopes.join(" ")],
  ];
  if (integration.base_url !== null) pairs.push(["Base URL", integration.base_url]);
  const { incident } = integration;
  if (incident !== null) {
    pairs.push(
      ["Trouble", `${incident.message} (since ${moment(parseInstant(incident.since))})`],
      ["What to do", incident.remedy],
    );
  }
  return fields(pairs);
}

function nothingGiven(): GrantkeeperError {
  return new GrantkeeperError("invalid_request", "Nothing to change was given.", {
    remedy: "Name what changes, as in --client-secret-file F or --redirect-uri URI.",
  });
}

function parseInstant(instant: string | null): number | null {
  return instant === null ? null : Date.parse(instant);
}
