import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import type { Event, EventType } from "../../src/core/events.ts";
import type { Grant } from "../../src/core/grant.ts";
import type { Rotation } from "../../src/core/refresh-rules.ts";
import {
  type Emulator,
  type EmulatorOptions,
  type RegisteredClient,
  startEmulator,
  type TokenAnswer,
} from "../../src/emulator/index.ts";
import { importTokens } from "../../src/keeper/import.ts";
import { addIntegration } from "../../src/keeper/integrations.ts";
import type { Clock, Ports } from "../../src/keeper/ports.ts";
import { openToken } from "../../src/keeper/secrets.ts";
import { newKeeperState } from "../../src/keeper/state.ts";
import { createTransport } from "../../src/oauth/transport.ts";
import { webex } from "../../src/providers/webex.ts";
import { createSealer } from "../../src/seal/sealer.ts";
import type { Database } from "../../src/store/database.ts";
import { prepareSchema } from "../../src/store/schema.ts";
import { createFileSpool } from "../../src/store/spool.ts";
import { createSqlStore } from "../../src/store/sql-store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";

/** When the tests take place. */
export const START = Date.UTC(2026, 10, 23, 12);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** A clock that only moves when it is told to, or when someone sleeps. */
export interface FakeClock extends Clock {
  /** Moves both clocks. */
  readonly advance: (ms: number) => void;
  /** Moves one of them alone, as a suspended machine or a correction does. */
  readonly jump: (which: "wall" | "monotonic", ms: number) => void;
}

function fakeClock(): FakeClock {
  let wall = START;
  let monotonic = 1000;
  const advance = (ms: number): void => {
    wall += ms;
    monotonic += ms;
  };
  return {
    now: () => wall,
    monotonic: () => monotonic,
    // Sleeping moves the clock, and lets others on (a socket, a timer) have their turn.
    sleep: (ms) => {
      advance(ms);
      return new Promise((resolve) => setTimeout(resolve, 2));
    },
    // Alarms are for what hangs; here nothing does but by a test's own doing.
    alarm: () => () => undefined,
    advance,
    jump: (which, ms) => {
      if (which === "wall") wall += ms;
      else monotonic += ms;
    },
  };
}

/** A keeper wired by hand, with its grant `g` at a real emulator over loopback. */
export interface Rig {
  readonly home: string;
  readonly ports: Ports;
  readonly clock: FakeClock;
  readonly emulator: Emulator;
  readonly client: RegisteredClient;
  /** The tokens with which `g` began. */
  readonly tokens: TokenAnswer;
  /** The store without what a test put in its way. */
  readonly plainStore: Ports["store"];
  /** A new connection to the same database, as another process has it. */
  readonly connect: () => Database;
  readonly grant: () => Promise<Grant>;
  readonly refreshToken: () => Promise<string | null>;
  readonly accessToken: () => Promise<string | null>;
  readonly events: (type?: EventType) => Promise<Event[]>;
  /** Requests for a refresh that the emulator has seen. */
  readonly refreshes: () => number;
  readonly parked: () => Promise<{ id: string; reason: string; tokens: string }[]>;
  readonly spooled: () => string[];
  /** Moves the clocks of both sides. */
  readonly pass: (ms: number) => void;
}

export interface RigOptions extends EmulatorOptions {
  readonly rotation?: Rotation;
  /** What our profile believes; the emulator's rotation where absent. */
  readonly believed?: Rotation;
  /** Seconds of the first access token's life that are left at the start; its whole life where absent. */
  readonly secondsLeft?: number;
  /** Replaces ports, each given the one that would have been. */
  readonly replace?: (ports: Ports) => Partial<Ports>;
  /** Wraps the database under the store. */
  readonly wrap?: (database: Database) => Database;
}

const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const masterKey: Uint8Array = randomBytes(32);

/** Deterministic jitter, so that a test says the same each time. */
const random = { fraction: () => 0.5, bytes: (length: number) => randomBytes(length) };

export async function openRig(options: RigOptions = {}): Promise<Rig> {
  const { replace, wrap, believed, secondsLeft, ...behaviour } = options;
  const home = mkdtempSync(join(tmpdir(), "grantkeeper-rig-"));
  closing.push(() => rmSync(home, { recursive: true, force: true }));
  const clock = fakeClock();
  const emulator = await startEmulator({ port: 0, now: () => START, ...behaviour });
  closing.push(() => emulator.close());
  const client = emulator.registerClient();
  // Patience for a busy database is measured in real time, whatever the test's clock says.
  const patient: Clock = { ...clock, monotonic: () => performance.now(), sleep: realSleep };
  const connect = (): Database => {
    const database = openSqlite({
      file: join(home, "grantkeeper.db"),
      clock: patient,
      random,
      driver: "bundled",
      leaseClock: clock.now,
    });
    closing.push(() => database.close());
    return database;
  };
  const plain = connect();
  await prepareSchema(plain, () => "instance");
  const sealer = createSealer(masterKey);
  const transport = createTransport();
  closing.push(() => transport.close());
  const profile = { ...webex, rotation: believed ?? behaviour.rotation ?? "rolling" };
  const store = (database: Database, failpoint: Ports["failpoint"]) => createSqlStore(database, failpoint);
  const base: Ports = {
    store: store(plain, () => undefined),
    spool: createFileSpool(join(home, "spool"), sealer, clock.now),
    sealer,
    send: transport.send,
    clock,
    random,
    failpoint: () => undefined,
    profile: () => profile,
    actor: "test",
    owner: "here",
    hasEnded: () => false,
    state: newKeeperState(clock, random),
  };
  await addIntegration(base, "recorder", "webex", {
    clientId: client.clientId,
    clientSecret: client.clientSecret,
    preset: "meetings-capture",
    baseUrl: emulator.baseUrl,
  });
  const tokens = emulator.issueTokens({ clientId: client.clientId });
  const obtainedAt = secondsLeft === undefined ? START : START - (tokens.expires_in - secondsLeft) * 1000;
  await importTokens(base, "g", "recorder", asDocument(tokens), obtainedAt);
  const changed = replace?.(base) ?? {};
  const wrapped =
    wrap === undefined ? {} : { store: store(wrap(plain), changed.failpoint ?? base.failpoint) };
  const ports: Ports = { ...base, ...wrapped, ...changed };
  const grant = async (): Promise<Grant> => {
    const found = await base.store.grant("g");
    if (found === null) throw new Error("the grant is gone");
    return found;
  };
  return {
    home,
    ports,
    clock,
    emulator,
    client,
    tokens,
    plainStore: base.store,
    connect,
    grant,
    refreshToken: async () => openToken(sealer, await grant(), "refresh_token"),
    accessToken: async () => openToken(sealer, await grant(), "access_token"),
    events: async (type) => {
      const all = await base.store.events({ limit: 1000 });
      return type === undefined ? all : all.filter((event) => event.type === type);
    },
    refreshes: () => emulator.requests().filter(({ endpoint }) => endpoint === "refresh").length,
    parked: async () => {
      const rows = await plain.read(({ query }) => query("select id, reason, tokens from parked_token_sets"));
      return rows.map((row) => ({
        id: String(row["id"]),
        reason: String(row["reason"]),
        tokens: String(row["tokens"]),
      }));
    },
    spooled: () => {
      const folder = join(home, "spool");
      return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".sealed")) : [];
    },
    pass: (ms) => {
      clock.advance(ms);
      emulator.advance(ms);
    },
  };
}

/** The same keeper as another process of this store: it remembers nothing of what this one does. */
export function anotherProcess(ports: Ports, changes: Partial<Ports> = {}): Ports {
  return { ...ports, owner: "there", state: newKeeperState(ports.clock, ports.random), ...changes };
}

/** A token answer of the emulator as a document to import. */
export function asDocument(tokens: TokenAnswer) {
  return {
    answer: {
      accessToken: tokens.access_token,
      refreshToken: tokens.refresh_token,
      tokenType: tokens.token_type,
      scopes: tokens.scope.split(" "),
      expiresIn: tokens.expires_in,
      refreshTokenExpiresIn: tokens.refresh_token_expires_in,
    },
    notices: [],
  };
}

function realSleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
