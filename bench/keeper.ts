import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Limits } from "../src/core/budget.ts";
import type { Grant } from "../src/core/grant.ts";
import type { Integration } from "../src/core/integration.ts";
import { addIntegration } from "../src/keeper/integrations.ts";
import { newGrant } from "../src/keeper/pending.ts";
import type { Clock, Ports } from "../src/keeper/ports.ts";
import { sealTokens } from "../src/keeper/secrets.ts";
import { newKeeperState } from "../src/keeper/state.ts";
import { createTransport } from "../src/oauth/transport.ts";
import { webex } from "../src/providers/webex.ts";
import { createSealer } from "../src/seal/sealer.ts";
import type { Database } from "../src/store/database.ts";
import { prepareSchema } from "../src/store/schema.ts";
import { createFileSpool } from "../src/store/spool.ts";
import { createSqlStore } from "../src/store/sql-store.ts";
import { openSqlite } from "../src/store/sqlite.ts";
import { insertGrants } from "./grants.ts";

export const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  alarm: (ms, work) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};

export const random = { fraction: () => Math.random(), bytes: (length: number) => randomBytes(length) };

/** A database to measure on, and how it is thrown away. */
export interface Place {
  readonly home: string;
  readonly database: Database;
  readonly end: () => Promise<void>;
}

export async function sqlitePlace(): Promise<Place> {
  const home = mkdtempSync(join(tmpdir(), "grantkeeper-bench-"));
  const database = openSqlite({ file: join(home, "bench.db"), clock, random });
  return {
    home,
    database,
    end: async () => {
      await database.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** A database that counts its commits. */
export function counting(database: Database): {
  readonly database: Database;
  readonly commits: () => number;
} {
  let commits = 0;
  const write: Database["write"] = (work, durability, patience) => {
    commits++;
    return database.write(work, durability, patience);
  };
  return { database: { ...database, write }, commits: () => commits };
}

/** A keeper by hand, whose wiring the benchmark decides. */
export interface Bench {
  readonly ports: Ports;
  readonly integration: Integration;
  readonly close: () => Promise<void>;
}

export async function keeperOn(
  { home, database }: Place,
  url: string,
  limits: Limits,
  send?: Ports["send"],
): Promise<Bench> {
  await prepareSchema(database, () => "bench");
  const sealer = createSealer(randomBytes(32));
  const transport = createTransport({ connections: limits.inFlight });
  const profile = { ...webex, limits };
  const ports: Ports = {
    store: createSqlStore(database, () => undefined),
    spool: createFileSpool(join(home, "spool"), sealer, clock.now),
    sealer,
    send: send ?? transport.send,
    clock,
    random,
    failpoint: () => undefined,
    profile: () => profile,
    actor: "bench",
    owner: `bench-${randomBytes(4).toString("hex")}`,
    hasEnded: () => false,
    state: newKeeperState(clock, random),
  };
  const { integration } = await addIntegration(ports, "recorder", "webex", {
    clientId: `C${"0".repeat(64)}`,
    clientSecret: randomBytes(32).toString("hex"),
    preset: "meetings-capture",
    baseUrl: url,
  });
  return { ports, integration, close: () => transport.close() };
}

/** So many grants, the first ones by their number, have tokens that open. */
export const SEALED = 100_000;

/** Puts grants into the store; `dueIn` says of each in how many ms it is due. */
export async function fill(
  { ports, integration }: Bench,
  database: Database,
  count: number,
  dueIn: (i: number) => number,
): Promise<void> {
  const now = ports.clock.now();
  // Sealed once for all the others: a million seals are not what is measured.
  const shared = sealTokens(ports.sealer, "shared", 1, tokensOf(integration, now));
  await insertGrants(database, count, (i): Grant => {
    const grant = newGrant(ports, `grant-${i}`, integration, integration.scopes);
    const tokens = i < SEALED ? sealTokens(ports.sealer, grant.id, 1, tokensOf(integration, now)) : shared;
    return {
      ...grant,
      ...tokens,
      scopes: integration.scopes,
      state: "active",
      accessIssuedAt: now - 1000,
      accessExpiresAt: now + dueIn(i) + 600_000,
      nextAttemptAt: now + dueIn(i),
    };
  });
}

function tokensOf({ scopes }: Integration, now: number) {
  return {
    accessToken: `access-${"a".repeat(100)}`,
    refreshToken: `refresh-${"r".repeat(100)}`,
    tokenType: "Bearer",
    scopes,
    accessExpiresAt: now + 1000,
    refreshExpiresAt: now + 7_776_000_000,
  };
}
