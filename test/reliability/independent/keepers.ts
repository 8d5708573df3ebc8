import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EventType } from "../../../src/core/events.ts";
import type { Grant, TokenDocument } from "../../../src/core/grant.ts";
import { beginAuthorization, completeAuthorization } from "../../../src/keeper/authorize.ts";
import { getToken } from "../../../src/keeper/get-token.ts";
import { importTokens } from "../../../src/keeper/import.ts";
import { addIntegration } from "../../../src/keeper/integrations.ts";
import type { Ports } from "../../../src/keeper/ports.ts";
import { refreshGrant } from "../../../src/keeper/refresh.ts";
import { openToken } from "../../../src/keeper/secrets.ts";
import { parseRedirected } from "../../../src/oauth/callback.ts";
import { type OpenKeeper, openKeeper } from "../../../src/open.ts";
import type { ProviderProfile } from "../../../src/providers/profile.ts";
import { webex } from "../../../src/providers/webex.ts";
import { IS_LONG } from "../bench.ts";
import { type ReadPage, walkToRedirect } from "./browser.ts";

/** What is to be kept alive, and where. */
export interface Counterpart {
  readonly profile: ProviderProfile;
  readonly baseUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  /** What a person does on the server's pages. */
  readonly consent: ReadPage;
}

/** Keepers of their own connections over one home, at a server that is none of ours. */
export interface Keepers {
  readonly home: string;
  /** One for each keeper. */
  readonly ports: readonly Ports[];
  readonly first: Ports;
  /** Walks the whole authorization code flow for a grant. */
  readonly connect: (name: string) => Promise<Grant>;
  /** The same token set again, its access token run out. */
  readonly expire: (name: string) => Promise<void>;
  readonly grant: (name: string) => Promise<Grant>;
  readonly refreshToken: (name: string) => Promise<string>;
  /** What the audit says of a grant, oldest first, but for its hand-outs. */
  readonly history: (name: string) => Promise<EventType[]>;
  readonly close: () => Promise<void>;
}

/** A profile of a plain OAuth 2.0 server, with nothing of Webex in it. */
export function plainProfile(
  facts: Pick<ProviderProfile, "endpoints" | "rotation" | "clientAuthentication">,
): ProviderProfile {
  const { portal } = webex;
  return {
    ...facts,
    id: "independent",
    title: "A server that is none of ours",
    baseUrl: "http://127.0.0.1",
    idleLimit: null,
    limits: { perSecond: null, inFlight: 64 },
    presets: {},
    scopePurposes: {},
    isKnownScope: () => true,
    checkClientId: () => null,
    checkClientSecret: () => null,
    refusals: [],
    account: () => null,
    portal,
    handOff: null,
  };
}

const INTEGRATION = "server";

/** Opens keepers over a new home, and has the first of them keep the client registration. */
export async function openKeepers(counterpart: Counterpart, count: number): Promise<Keepers> {
  const { profile, baseUrl, clientId, clientSecret, redirectUri, scopes, consent } = counterpart;
  const home = mkdtempSync(join(tmpdir(), "grantkeeper-independent-"));
  const open: OpenKeeper[] = [];
  for (let made = 0; made < count; made++) {
    // oxlint-disable-next-line no-await-in-loop -- the first makes home and key
    open.push(await openKeeper({ GRANTKEEPER_HOME: home, GRANTKEEPER_SQLITE: "bundled" }));
  }
  const all = open.map(({ ports }): Ports => ({ ...ports, profile: () => profile }));
  const [first] = all;
  if (first === undefined) throw new Error("no keeper was asked for");
  const client = { clientId, clientSecret, redirectUri, scope: scopes.join(" "), baseUrl };
  await addIntegration(first, INTEGRATION, profile.id, { ...client, allowUnknownScopes: true });
  const grant = async (name: string): Promise<Grant> => {
    const found = await first.store.grant(name);
    if (found === null) throw new Error(`no grant ${name}`);
    return found;
  };
  const refreshToken = async (name: string): Promise<string> => {
    const token = openToken(first.sealer, await grant(name), "refresh_token");
    if (token === null) throw new Error(`${name} has lost its refresh token`);
    return token;
  };
  return {
    home,
    ports: all,
    first,
    connect: async (name) => {
      const begun = await beginAuthorization(first, name, INTEGRATION);
      // OpenID Connect Core section 11: offline access needs consent that is asked for.
      const address = `${begun.authorizationUrl}&prompt=consent`;
      const redirected = await walkToRedirect(address, redirectUri, consent);
      return completeAuthorization(first, name, parseRedirected(redirected, redirectUri));
    },
    expire: async (name) => {
      const kept = await grant(name);
      const answer = {
        accessToken: openToken(first.sealer, kept, "access_token") ?? "",
        refreshToken: await refreshToken(name),
        tokenType: "Bearer",
        scopes: kept.scopes,
        expiresIn: 60,
        refreshTokenExpiresIn: null,
      };
      const obtainedAt = first.clock.now() - 120_000;
      await importTokens(first, name, INTEGRATION, { answer, notices: [] }, obtainedAt);
    },
    grant,
    refreshToken,
    history: async (name) => {
      const events = await first.store.events({ grantId: (await grant(name)).id, limit: 10_000 });
      return events.map(({ type }) => type).filter((type) => type !== "token_handed_out");
    },
    close: async () => {
      for (const keeper of open) await keeper.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Begins many grants, each by a consent of its own. */
export async function connectAll(keepers: Keepers, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `grant-${index}`);
  // oxlint-disable-next-line no-await-in-loop -- one person, one consent after the other
  for (const name of names) await keepers.connect(name);
  return names;
}

/** Many callers at once, spread over all keepers, that want the token of one grant. */
export function askTogether(keepers: Keepers, name: string, callers: number): Promise<TokenDocument[]> {
  const perKeeper = callers / keepers.ports.length;
  const ask = (ports: Ports): Promise<TokenDocument>[] =>
    Array.from({ length: perKeeper }, () => getToken(ports, name, 60));
  return Promise.all(keepers.ports.flatMap(ask));
}

/** What a run of cycles came to, as our own store tells it. */
export interface Cycled {
  readonly cycles: number;
  /** Refreshes that ended with an error. */
  readonly failed: number;
  /** Different access tokens among the results. */
  readonly accessTokens: number;
  readonly seconds: number;
}

/**
 * Refreshes each grant time after time, all grants at once, each turn by another keeper. A grant's own turns
 * follow one another, as periods do.
 */
export async function runCycles(
  keepers: Keepers,
  names: readonly string[],
  turnsEach: number,
): Promise<Cycled> {
  const began = performance.now();
  const fingerprints = new Set<string | null>();
  let failed = 0;
  const turns = async (name: string): Promise<void> => {
    for (let turn = 0; turn < turnsEach; turn++) {
      const ports = keepers.ports[turn % keepers.ports.length];
      if (ports === undefined) throw new Error("no keeper");
      // oxlint-disable-next-line no-await-in-loop -- each turn spends what the one before it brought
      const { grant, error } = await refreshGrant(ports, await keepers.grant(name), "person");
      if (error !== null) failed++;
      fingerprints.add(grant.accessFingerprint);
    }
  };
  await Promise.all(names.map(turns));
  const seconds = (performance.now() - began) / 1000;
  return { cycles: names.length * turnsEach, failed, accessTokens: fingerprints.size, seconds };
}

/** Prints a long run's figures, as docs/reliability.md has them. */
export function report(
  title: string,
  { cycles, failed, seconds }: Cycled,
  seen: Record<string, number>,
): void {
  if (!IS_LONG) return;
  const words = Object.entries(seen).map(([name, count]) => `${name} ${count}`);
  process.stdout.write(
    `${title}: cycles ${cycles}, failed ${failed}, ${words.join(", ")}, ${seconds.toFixed(1)} s\n`,
  );
}
