/** Integrations and connected grants for tests that begin where those are there. */
import { createServer } from "node:net";
import { expect } from "vitest";
import type { Emulator, EmulatorOptions, RegisteredClient, TokenAnswer } from "../../src/emulator/index.ts";
import { grantDocument, type GrantDocument } from "../../src/core/grant.ts";
import { contextOf, findGrant, grantFacts } from "../../src/keeper/find.ts";
import { beginAuthorization, completeAuthorization } from "../../src/keeper/authorize.ts";
import { importTokens, readImport } from "../../src/keeper/import.ts";
import { addIntegration as addToStore } from "../../src/keeper/integrations.ts";
import type { Ports } from "../../src/keeper/ports.ts";
import { parseRedirected } from "../../src/oauth/callback.ts";
import { openKeeper } from "../../src/open.ts";
import { addSecret, type Ended, json, newHome, run, textAt, withEmulator } from "./support.ts";

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
  await within(home, (ports) =>
    addToStore(ports, "recorder", "webex", {
      clientId: client.clientId,
      clientSecret: client.clientSecret,
      redirectUri: client.redirectUri,
      baseUrl: emulator.baseUrl,
      preset: options.preset ?? PRESET,
    }),
  );
  return { home, emulator, client };
}

/**
 * What a command does, without a process for it: nearly every test begins so, and each start of a process
 * costs more than all that it does. The commands have their own tests.
 */
export async function within<T>(home: string, work: (ports: Ports) => Promise<T>): Promise<T> {
  const keeper = await openKeeper({ GRANTKEEPER_HOME: home });
  try {
    return await work(keeper.ports);
  } finally {
    await keeper.close();
  }
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
  const { state, authorizationUrl } = await within(home, (ports) =>
    beginAuthorization(ports, grant, "recorder"),
  );
  addSecret("state", state);
  return { address: authorizationUrl, state };
}

/** What `status` says of a grant, without a process for it. */
export async function statusOf({ home }: Pick<Place, "home">, name = "meetings"): Promise<GrantDocument> {
  return within(home, async (ports) => {
    const grant = await findGrant(ports, name);
    return grantDocument(grant, grantFacts(await contextOf(ports, grant)), ports.clock.now());
  });
}

/** A home with a grant that an administrator has just consented to. */
export async function connectedHome(options: PlaceOptions = {}): Promise<Place> {
  const place = await registeredHome(options);
  await (options.byCommand === true ? consentByCommand(place) : consent(place));
  return place;
}

/** Walks authorization and exchange. */
export async function consent(place: Place, grant = "meetings"): Promise<void> {
  const { address } = await begin(place, grant);
  const location = await place.emulator.approve(address);
  const redirected = parseRedirected(location, place.client.redirectUri);
  await within(place.home, (ports) => completeAuthorization(ports, grant, redirected));
}

/** The same by the command, for what that says of it. */
export async function consentByCommand(place: Place): Promise<Ended> {
  const begun = await json(["authorization-url", "meetings", "--integration", "recorder"], place);
  addSecret("state", textAt(begun, "state"));
  const location = await place.emulator.approve(textAt(begun, "authorization_url"));
  const ended = await run(["exchange", "meetings", "--redirected-url", location], place);
  expect(ended.exitCode, ended.stderr).toBe(0);
  return ended;
}

const DAY = 24 * 60 * 60 * 1000;

/** A grant whose tokens were obtained some days ago: with 14 days and more its access token has run out. */
export async function agedGrant(place: Place, days: number, grant = "meetings"): Promise<TokenAnswer> {
  const { home, emulator, client } = place;
  const tokens = emulator.issueTokens({ clientId: client.clientId });
  const document = readImport(JSON.stringify(tokens));
  await within(home, (ports) => importTokens(ports, grant, "recorder", document, Date.now() - days * DAY));
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
