import { type Command, InvalidArgumentError, Option } from "commander";
import { GrantkeeperError } from "../../core/errors.ts";
import { DEFAULT_REDIRECT_URI } from "../../core/integration.ts";
import { parseScopes } from "../../core/scopes.ts";
import type { Emulator, EmulatorOptions, RegisteredClient } from "../../emulator/index.ts";
import { defaultProvider } from "../../providers/index.ts";
import { type CommonOptions, defineCommand, present, type Session } from "../command.ts";
import { fields } from "../table.ts";

interface Options extends CommonOptions {
  readonly port: number;
  readonly rotation: "rolling" | "grace" | "strict";
  readonly errorShape: "gateway" | "broker";
  readonly accessTokenSeconds?: number;
  readonly refreshTokenSeconds?: number;
  readonly codeSeconds?: number;
  readonly graceSeconds?: number;
  readonly redirectUri: string;
  readonly scope?: string;
}

/** `emulator`: a local stand-in for the default provider, until it is ended. */
export function defineEmulator(program: Command, session: Session): void {
  const command = defineCommand(program, {
    usage: "emulator",
    summary: "run a local stand-in for the provider: sign-in page, tokens, faults, time",
    examples: ["grantkeeper emulator --port 8701 --rotation strict"],
    notes: [
      "It listens on loopback and gives out tokens that are worth nothing elsewhere. While it runs:",
      "  curl -X POST -H 'content-type: application/json' -d '{\"advance_seconds\": 86400}' \\",
      "      http://127.0.0.1:8701/_emulator/clock",
      "See docs/emulator.md for faults, the ledger, and everything that can be configured.",
    ].join("\n"),
  })
    .option("--port <port>", "the port to listen at; 0 takes a free one", wholeNumber, 8701)
    .addOption(
      new Option("--rotation <model>", "what a refresh does to the refresh token")
        .choices(["rolling", "grace", "strict"])
        .default("rolling"),
    )
    .addOption(
      new Option("--error-shape <shape>", "the form of error answers")
        .choices(["gateway", "broker"])
        .default("gateway"),
    )
    .option("--access-token-seconds <n>", "life of access tokens (default 14 days)", wholeNumber)
    .option("--refresh-token-seconds <n>", "life of refresh tokens (default 90 days)", wholeNumber)
    .option("--code-seconds <n>", "life of authorization codes (default 300)", wholeNumber)
    .option("--grace-seconds <n>", "with --rotation grace: the window (default 30)", wholeNumber)
    .option("--redirect-uri <uri>", "registered with the integration it makes", DEFAULT_REDIRECT_URI)
    .option("--scope <scopes>", "scopes that the integration may ask for");
  command.action((options: Options) => run(session, options));
}

async function run(session: Session, options: Options): Promise<void> {
  const emulator = await start(options);
  const client = emulator.registerClient({
    name: "Emulated integration",
    redirectUris: [options.redirectUri],
    scopes: options.scope === undefined ? presetScopes() : parseScopes(options.scope),
  });
  const document = {
    url: emulator.url,
    base_url: emulator.baseUrl,
    client_id: client.clientId,
    client_secret: client.clientSecret,
    redirect_uri: options.redirectUri,
    control_url: `${emulator.url}/_emulator/`,
  };
  // Before anything is said: whoever reads it may end us at once.
  const signalled = untilSignalled();
  present(session, options, document, () => introduction(emulator, client, options));
  await signalled;
  await emulator.close();
}

async function start(options: Options): Promise<Emulator> {
  const { startEmulator } = await import("../../emulator/index.ts");
  const { rotation, errorShape, port, accessTokenSeconds, refreshTokenSeconds, codeSeconds, graceSeconds } =
    options;
  const settings: EmulatorOptions = {
    port,
    rotation,
    errorShape,
    ...(accessTokenSeconds !== undefined && { accessTokenSeconds }),
    ...(refreshTokenSeconds !== undefined && { refreshTokenSeconds }),
    ...(codeSeconds !== undefined && { codeSeconds }),
    ...(graceSeconds !== undefined && { graceSeconds }),
  };
  try {
    return await startEmulator(settings);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cause;
    throw new GrantkeeperError("conflict", `Port ${port} is taken.`, {
      remedy: "End the program that listens there, or choose another: --port 0 takes a free one.",
      cause,
    });
  }
}

function presetScopes(): string[] {
  return [...new Set(Object.values(defaultProvider.presets).flatMap(({ scopes }) => scopes))];
}

function introduction(emulator: Emulator, client: RegisteredClient, { redirectUri }: Options): string {
  return [
    `The emulator is at ${emulator.url} – it is not the provider, and its tokens are worth nothing elsewhere.`,
    "",
    fields([
      ["Base URL", emulator.baseUrl],
      ["Client id", client.clientId],
      ["Client secret", client.clientSecret],
      ["Redirect URI", redirectUri],
    ]),
    "",
    "In another terminal:",
    `  export EMULATED_SECRET=${client.clientSecret}`,
    `  grantkeeper integration add emulated --client-id ${client.clientId} \\`,
    `      --client-secret-env EMULATED_SECRET --preset meetings-capture --base-url ${emulator.baseUrl}`,
    "  grantkeeper connect trial --integration emulated",
    "",
    "Ctrl-C ends it.",
  ].join("\n");
}

function untilSignalled(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}

function wholeNumber(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It has to be a whole number.");
}
