/** Integrations and connected grants for tests that begin where those are there. */
import { createServer } from "node:net";
import { basename } from "node:path";
import { expect } from "vitest";
import type { Emulator, EmulatorOptions, RegisteredClient, TokenAnswer } from "../../src/emulator/index.ts";
import { addIntegration as addToStore } from "../../src/keeper/integrations.ts";
import { openKeeper } from "../../src/open.ts";
import { addSecret, type Ended, given, json, newHome, run, textAt, withEmulator } from "./support.ts";

export const PRESET = "meetings-capture-with-account";

export type Client = RegisteredClient & { readonly redirectUri: string };

/** Registers a client whose redirect URI is a free port of this machine. */
export async function registerAt(
  emulator: Emulator,
  options: Partial<RegisteredClient> = {},
): Promise<RegisteredClient & { readonly redirectUri: string }> {
  const redirectUri = options.redirectUris?.[0] ?? `http://127.0.0.1:${await freePort()}/oauth/callback`;
  const client = emulator.registerClient({ redirectUris: [redirectUri], ...options });
  addSecret("client_secret", client.clientSecret);
  return { ...client, redirectUri };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

export interface Place {
  readonly home: string;
  readonly emulator: Emulator;
  readonly client: Client;
}

export interface PlaceOptions {
  readonly emulator?: EmulatorOptions;
  readonly preset?: string;
  readonly redirectUri?: string;
  /** Nothing but commands has opened the store, so that each file is as a command leaves it. */
  readonly byCommand?: boolean;
}

/** A home with the integration `recorder`, and the emulator that it stands for. */
export async function registeredHome(options: PlaceOptions = {}): Promise<Place> {
  const home = newHome();
  const emulator = await withEmulator(options.emulator);
  const { redirectUri } = options;
  const client = await registerAt(emulator, redirectUri === undefined ? {} : { redirectUris: [redirectUri] });
  if (options.byCommand === true) {
    await addIntegration({ home, emulator, client }, "recorder", ["--preset", options.preset ?? PRESET]);
    return { home, emulator, client };
  }
  // Without a process: nearly every test begins here. The command has its own tests.
  const keeper = await openKeeper({ GRANTKEEPER_HOME: home });
  await addToStore(keeper.ports, "recorder", "webex", {
    clientId: client.clientId,
    clientSecret: client.clientSecret,
    redirectUri: client.redirectUri,
    baseUrl: emulator.baseUrl,
    preset: options.preset ?? PRESET,
  });
  await keeper.close();
  return { home, emulator, client };
}

/** Registers an integration with more words of the command line. */
export async function addIntegration(
  { home, emulator, client }: Place,
  name: string,
  words: readonly string[],
): Promise<Ended> {
  const command = ["integration", "add", name, "--client-id", client.clientId, "--client-secret-stdin"];
  const where = ["--base-url", emulator.baseUrl, "--redirect-uri", client.redirectUri];
  const ended = await run([...command, ...where, ...words], { home, input: client.clientSecret });
  expect(ended.exitCode, ended.stderr).toBe(0);
  return ended;
}

/** Begins an authorization; `state` is looked for from then on. */
export async function begin(
  { home }: Place,
  grant = "meetings",
): Promise<{ readonly address: string; readonly state: string }> {
  const document = await json(["authorization-url", grant, "--integration", "recorder"], { home });
  const state = textAt(document, "state");
  addSecret("state", state);
  return { address: textAt(document, "authorization_url"), state };
}

/** A home with a grant that an administrator has just consented to. */
export async function connectedHome(options: PlaceOptions = {}): Promise<Place> {
  const place = await registeredHome(options);
  await consent(place);
  return place;
}

/** Walks authorization and exchange. */
export async function consent(place: Place, grant = "meetings"): Promise<Ended> {
  const { address } = await begin(place, grant);
  const location = await place.emulator.approve(address);
  const ended = await run(["exchange", grant, "--redirected-url", location], place);
  expect(ended.exitCode, ended.stderr).toBe(0);
  return ended;
}

const DAY = 24 * 60 * 60 * 1000;

/** A grant whose tokens were obtained some days ago: with 14 days and more its access token has run out. */
export async function agedGrant(place: Place, days: number, grant = "meetings"): Promise<TokenAnswer> {
  const { home, emulator, client } = place;
  const tokens = emulator.issueTokens({ clientId: client.clientId });
  const obtainedAt = new Date(Date.now() - days * DAY).toISOString();
  const file = given(`${basename(home)}-${grant}.json`, JSON.stringify(tokens));
  const words = ["import", grant, "--integration", "recorder", "--file", file, "--obtained-at", obtainedAt];
  const ended = await run(words, { home });
  expect(ended.exitCode, ended.stderr).toBe(0);
  return tokens;
}

/** How many token requests the emulator has had. */
export function tokenRequests({ emulator }: Pick<Place, "emulator">): number {
  return emulator.requests().filter(({ endpoint }) => endpoint === "code" || endpoint === "refresh").length;
}

/** As many cases at a time as keep the processors busy. */
const AT_ONCE = 4;

/** Checks each row of a table, several at a time, each in places of its own; a failure names its row. */
export async function forAll<Row extends readonly [what: string, ...rest: readonly unknown[]]>(
  rows: readonly Row[],
  check: (row: Row) => Promise<void>,
): Promise<void> {
  const waiting = [...rows];
  const failures: string[] = [];
  const work = async (): Promise<void> => {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      try {
        await check(row);
      } catch (error) {
        failures.push(
          `${row[0]}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  expect(failures).toEqual([]);
}
