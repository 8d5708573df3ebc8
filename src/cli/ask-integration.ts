import { DEFAULT_REDIRECT_URI } from "../core/integration.ts";
import type { IntegrationInput } from "../keeper/integrations.ts";
import type { Ports } from "../keeper/ports.ts";
import { defaultProvider, PROVIDERS } from "../providers/index.ts";
import type { ProviderProfile } from "../providers/profile.ts";
import { type Io, isInteractive } from "./io.ts";
import { ask, askSecret, choose } from "./prompt.ts";

/** What was given of an integration on the command line. */
export interface GivenIntegration extends IntegrationInput {
  readonly provider?: string | undefined;
}

/**
 * Asks for what is missing of an integration, each with a line on where it stands in the provider's
 * portal. Without a terminal the first missing flag is named.
 */
export async function completeIntegration(io: Io, ports: Ports, given: GivenIntegration) {
  const provider = given.provider ?? (await askProvider(io));
  const profile = ports.profile(provider);
  const { portal } = profile;
  const clientId =
    given.clientId ?? (await ask(io, { message: "Client id", hint: portal.clientId, flag: "--client-id" }));
  const clientSecret = given.clientSecret ?? (await askClientSecret(io, profile));
  const redirectUri = given.redirectUri ?? (await askRedirectUri(io, profile));
  const hasScopes = given.scope !== undefined || given.preset !== undefined;
  const preset = hasScopes ? given.preset : await askPreset(io, profile);
  return {
    provider,
    input: { ...given, clientId, clientSecret, redirectUri, preset } satisfies IntegrationInput,
  };
}

async function askProvider(io: Io): Promise<string> {
  if (!isInteractive(io)) return defaultProvider.id;
  return choose(io, {
    message: "Which provider?",
    flag: "--provider",
    options: PROVIDERS.map(({ id, title }) => ({ value: id, label: title })),
  });
}

async function askClientSecret(io: Io, profile: ProviderProfile): Promise<string | undefined> {
  if (profile.clientAuthentication === "none") return undefined;
  const hint = profile.portal.clientSecret;
  return askSecret(io, {
    message: "Client secret (not shown)",
    hint,
    flag: "--client-secret-stdin, -file or -env",
  });
}

/** The default is a good one: it is only offered for change, never demanded. */
async function askRedirectUri(io: Io, profile: ProviderProfile): Promise<string> {
  if (!isInteractive(io)) return DEFAULT_REDIRECT_URI;
  const hint = profile.portal.redirectUri;
  return ask(io, { message: "Redirect URI", hint, flag: "--redirect-uri", initial: DEFAULT_REDIRECT_URI });
}

async function askPreset(io: Io, profile: ProviderProfile): Promise<string> {
  return choose(io, {
    message: "Which scopes?",
    hint: profile.portal.scopes,
    flag: "--preset or --scope",
    options: Object.entries(profile.presets).map(([name, { purpose }]) => ({
      value: name,
      label: name,
      hint: purpose,
    })),
  });
}
