import { randomBytes } from "node:crypto";
import { userInfo } from "node:os";
import { join } from "node:path";
import { type Config, type Environment, readConfig } from "./config.ts";
import { GrantkeeperError } from "./core/errors.ts";
import type { Clock, Failpoint, HeldStore, Ports, Random, StoreIdentity } from "./keeper/ports.ts";
import { emptySpool } from "./keeper/spooling.ts";
import { newKeeperState } from "./keeper/state.ts";
import type { OutgoingRequest, Send, SendResult } from "./oauth/send.ts";
import { providerProfile } from "./providers/index.ts";
import { findMasterKey, type FoundKey, makeMasterKey } from "./seal/master-key.ts";
import { createSealer, wrongMasterKey } from "./seal/sealer.ts";
import { type AboutDatabase, readAboutDatabase } from "./store/about-database.ts";
import type { Database } from "./store/database.ts";
import { openIdentity } from "./store/identity.ts";
import { openInstanceMemory } from "./store/instance-memory.ts";
import { placeOf } from "./store/place.ts";
import { hasEnded, hasEndedHere, keeperIdentity } from "./store/process-identity.ts";
import { claimMasterKey, prepareSchema, type StoreFacts } from "./store/schema.ts";
import { createFileSpool } from "./store/spool.ts";
import { openSqlite } from "./store/sqlite.ts";
import { createSqlStore } from "./store/sql-store.ts";

/** A keeper at work: its ports, and the end of it. */
export interface OpenKeeper {
  readonly ports: Ports;
  readonly config: Config;
  readonly keyId: string;
  /** What its database says of itself. */
  readonly aboutDatabase: () => Promise<AboutDatabase>;
  /** For keepers that live long: they look again at each tick. */
  readonly identity: StoreIdentity;
  readonly close: () => Promise<void>;
}

/** What a caller may watch or replace. */
export interface OpenOptions {
  /** Sees each exchange with a provider, for people who ask what is sent. Must mask what it shows. */
  readonly watch?: ((request: OutgoingRequest, result: SendResult) => void) | undefined;
  readonly failpoint?: Failpoint | undefined;
  /** Who acts, as the audit names it; the person at the command line where absent. */
  readonly actor?: string | undefined;
  /** A keeper that stays: it hears from the other replicas at once, where the database can tell. */
  readonly listens?: boolean;
  /** Called before anything is sent. */
  readonly onSend?: (() => void) | undefined;
  /** Called when the store turns out to be a copy or a restored one, after every grant is held. */
  readonly onHeld?: ((found: HeldStore) => void) | undefined;
}

/** The real clock and the real chance: handed to everything that decides by them. */
const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  alarm: (ms, work) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};

const systemRandom: Random = {
  fraction: () => Math.random(),
  bytes: (length) => randomBytes(length),
};

/**
 * Opens the store of this environment and wires the ports: the one place where adapters meet.
 * @throws {GrantkeeperError} `master_key_unusable` or `storage_unavailable`; then nothing was written.
 */
export async function openKeeper(env: Environment, options: OpenOptions = {}): Promise<OpenKeeper> {
  const config = await readConfig(env);
  const database = await openDatabase(config);
  try {
    const facts = await prepareSchema(database, newInstanceId);
    const sealer = createSealer(masterKeyFor(config, facts).key);
    await confirmKey(database, facts, sealer.keyId);
    const actor = options.actor ?? `command_line:${userInfo().username}`;
    const { onHeld = () => undefined } = options;
    const identity = await openIdentity({ ...identityParts(config, database), actor, onHeld }, facts);
    const transport = lazyTransport(config, options, identity);
    const failpoint = options.failpoint ?? (() => undefined);
    // Asked for when a lease is taken: a command that takes none need not look at its own process.
    let owner: string | undefined;
    const ports: Ports = {
      store: createSqlStore(database, failpoint),
      spool: createFileSpool(join(config.home, "spool"), sealer, systemClock.now),
      sealer,
      send: transport.send,
      clock: systemClock,
      random: systemRandom,
      failpoint,
      profile: providerProfile,
      actor,
      get owner() {
        owner ??= keeperIdentity();
        return owner;
      },
      hasEnded: config.databaseUrl === null ? hasEndedHere : hasEnded,
      state: newKeeperState(systemClock, systemRandom),
    };
    await emptySpoolWherePossible(ports);
    const listening = options.listens === true ? await listenFor(config, ports) : null;
    const close = async (): Promise<void> => {
      await listening?.close();
      await transport.close();
      await database.close();
    };
    const { keyId } = sealer;
    return { ports, config, keyId, aboutDatabase: () => readAboutDatabase(database), identity, close };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** What the store cannot take yet is served from the spool; it keeps no command from its work. */
async function emptySpoolWherePossible(ports: Ports): Promise<void> {
  try {
    await emptySpool(ports);
  } catch {
    // Whoever refreshes one of these grants, and each tick, tries again and says why it fails.
  }
}

async function listenFor({ databaseUrl, databasePassword }: Config, { state, random }: Ports) {
  if (databaseUrl === null) return null;
  const { listenForChanges } = await import("./store/postgres-listener.ts");
  return listenForChanges({
    url: databaseUrl,
    password: databasePassword,
    random,
    onChange: (payload) => state.wakers.wake(payload === null || payload === "" ? null : payload.split(" ")),
  });
}

/** What `migrateStore` found and left. */
export interface Migration {
  readonly place: string;
  readonly schemaVersion: number;
  /** 0 where there was no store. */
  readonly migratedFrom: number;
}

/**
 * Makes or migrates the schema of this environment's store, as every start does, and nothing else.
 * @throws {GrantkeeperError} `storage_unavailable`; then nothing was changed.
 */
export async function migrateStore(env: Environment): Promise<Migration> {
  const database = await openDatabase(await readConfig(env));
  try {
    const { schemaVersion, migratedFrom } = await prepareSchema(database, newInstanceId);
    return { place: database.place, schemaVersion, migratedFrom };
  } finally {
    await database.close();
  }
}

function identityParts(config: Config, database: Database) {
  const file = databaseFile(config.home);
  return {
    database,
    memory: openInstanceMemory(join(config.home, "instance")),
    place: () => placeOf(database, file),
    newInstanceId,
    now: systemClock.now,
  };
}

function newInstanceId(): string {
  return Buffer.from(systemRandom.bytes(16)).toString("hex");
}

async function openDatabase({ home, sqlite, databaseUrl, databasePassword }: Config): Promise<Database> {
  const means = { clock: systemClock, random: systemRandom };
  if (databaseUrl === null) return openSqlite({ ...means, file: databaseFile(home), driver: sqlite });
  if (/^postgres(ql)?:/i.test(databaseUrl)) {
    // Loaded only where it is wanted: reading a token from SQLite must not wait for it.
    const { openPostgres } = await import("./store/postgres.ts");
    return openPostgres({ ...means, url: databaseUrl, password: databasePassword });
  }
  // No part of it is repeated: it may hold a password all the same.
  throw new GrantkeeperError(
    "invalid_request",
    "GRANTKEEPER_DATABASE_URL (database_url) is for no database that Grantkeeper knows.",
    {
      remedy:
        "Use postgres://USER:PASSWORD@HOST:5432/DATABASE for PostgreSQL, or unset it for SQLite in the home.",
    },
  );
}

function databaseFile(home: string): string {
  return join(home, "grantkeeper.db");
}

/** A key is made only while nothing was ever sealed: a new key for old secrets would hide their loss. */
function masterKeyFor(config: Config, facts: StoreFacts): FoundKey {
  const homeFile = join(config.home, "master.key");
  const found = findMasterKey({ value: config.masterKey, file: config.masterKeyFile, homeFile });
  if (found !== null) return found;
  if (facts.masterKeyId === null) return makeMasterKey(homeFile, systemRandom.bytes);
  throw new GrantkeeperError(
    "master_key_unusable",
    `The store is sealed under master key ${facts.masterKeyId}, and no key was found.`,
    {
      remedy: `Put the key back at ${homeFile}, or name it in GRANTKEEPER_MASTER_KEY_FILE or GRANTKEEPER_MASTER_KEY. Nothing was changed.`,
    },
  );
}

async function confirmKey(database: Database, facts: StoreFacts, keyId: string): Promise<void> {
  const needed = facts.masterKeyId ?? (await claimMasterKey(database, keyId));
  if (needed !== keyId) throw wrongMasterKey(needed, keyId);
}

/** The network is loaded with the first request: most commands send none. */
function lazyTransport(
  config: Config,
  { watch, onSend }: OpenOptions,
  identity: StoreIdentity,
): { send: Send; close: () => Promise<void> } {
  let opened: Promise<{ send: Send; close: () => Promise<void> }> | undefined;
  return {
    send: async (request) => {
      onSend?.();
      await identity.beforeSending();
      opened ??= import("./transport-for.ts").then(({ transportFor }) => transportFor(config));
      const result = await (await opened).send(request);
      watch?.(request, result);
      return result;
    },
    close: async () => (await opened)?.close(),
  };
}
