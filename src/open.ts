import { randomBytes } from "node:crypto";
import { userInfo } from "node:os";
import { join } from "node:path";
import { type Config, type Environment, readConfig } from "./config.ts";
import { GrantkeeperError } from "./core/errors.ts";
import type { Clock, Failpoint, Ports, Random } from "./keeper/ports.ts";
import { emptySpool } from "./keeper/saving.ts";
import type { OutgoingRequest, Send, SendResult } from "./oauth/send.ts";
import { providerProfile } from "./providers/index.ts";
import { findMasterKey, type FoundKey, makeMasterKey } from "./seal/master-key.ts";
import { createSealer, wrongMasterKey } from "./seal/sealer.ts";
import type { Database } from "./store/database.ts";
import { hasEnded, processIdentity } from "./store/process-identity.ts";
import { claimMasterKey, prepareSchema, type StoreFacts } from "./store/schema.ts";
import { createFileSpool } from "./store/spool.ts";
import { openSqlite } from "./store/sqlite.ts";
import { createSqlStore } from "./store/sql-store.ts";

/** A keeper at work: its ports, and the end of it. */
export interface OpenKeeper {
  readonly ports: Ports;
  readonly config: Config;
  readonly keyId: string;
  readonly close: () => Promise<void>;
}

/** What a caller may watch or replace. */
export interface OpenOptions {
  /** Sees each exchange with a provider, for people who ask what is sent. Must mask what it shows. */
  readonly watch?: ((request: OutgoingRequest, result: SendResult) => void) | undefined;
  readonly failpoint?: Failpoint | undefined;
  /** Called before anything is sent. */
  readonly onSend?: (() => void) | undefined;
}

/** The real clock and the real chance: handed to everything that decides by them. */
const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
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
  const database = openDatabase(config);
  try {
    const facts = await prepareSchema(database, () => Buffer.from(systemRandom.bytes(16)).toString("hex"));
    const sealer = createSealer(masterKeyFor(config, facts).key);
    await confirmKey(database, facts, sealer.keyId);
    const transport = lazyTransport(config, options);
    const failpoint = options.failpoint ?? (() => undefined);
    const ports: Ports = {
      store: createSqlStore(database, failpoint),
      spool: createFileSpool(join(config.home, "spool"), sealer, systemClock.now),
      sealer,
      send: transport.send,
      clock: systemClock,
      random: systemRandom,
      failpoint,
      profile: providerProfile,
      actor: `command_line:${userInfo().username}`,
      get owner() {
        return processIdentity();
      },
      hasEnded,
    };
    await emptySpool(ports);
    const close = async (): Promise<void> => {
      await transport.close();
      await database.close();
    };
    return { ports, config, keyId: sealer.keyId, close };
  } catch (error) {
    await database.close();
    throw error;
  }
}

function openDatabase(config: Config): Database {
  if (config.databaseUrl === null) {
    const file = join(config.home, "grantkeeper.db");
    return openSqlite({ file, clock: systemClock, random: systemRandom, driver: config.sqlite });
  }
  throw new GrantkeeperError("invalid_request", "This version keeps its store in SQLite only.", {
    remedy: "Unset GRANTKEEPER_DATABASE_URL (database_url in grantkeeper.yaml).",
  });
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
): { send: Send; close: () => Promise<void> } {
  let opened: Promise<{ send: Send; close: () => Promise<void> }> | undefined;
  return {
    send: async (request) => {
      onSend?.();
      opened ??= import("./transport-for.ts").then(({ transportFor }) => transportFor(config));
      const result = await (await opened).send(request);
      watch?.(request, result);
      return result;
    },
    close: async () => (await opened)?.close(),
  };
}
