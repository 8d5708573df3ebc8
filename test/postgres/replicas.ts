/** Replicas in processes of their own on one real PostgreSQL, at the emulator, on a clock that they all share and that runs fast. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Rotation } from "../../src/core/refresh-rules.ts";
import { type Emulator, type LedgerEntry, startEmulator } from "../../src/emulator/index.ts";
import { importTokens } from "../../src/keeper/import.ts";
import { addIntegration } from "../../src/keeper/integrations.ts";
import type { Ports } from "../../src/keeper/ports.ts";
import { openToken } from "../../src/keeper/secrets.ts";
import { openKeeper } from "../../src/open.ts";
import { asDocument } from "../keeper/rig.ts";
import { type Ended, type Running, start } from "../reliability/bench.ts";
import { presentations, type RefreshWatch, watchRefreshes } from "../reliability/oracle.ts";
import { bundleChild } from "../store/bundle-child.ts";
import type { ServerInUse } from "./server.ts";

/** How fast the time of keepers and provider passes. */
const FASTER = 20;
/** Seconds of that time: a token's life. It is refreshed when two thirds to four fifths of it are over. */
export const LIFE = 40;

/** A replica at work. */
export interface Replica extends Running {
  readonly home: string;
  /** Resolves after its first look; rejects where it ends before. */
  readonly ready: Promise<void>;
}

export interface ReplicaOptions {
  /** The database that it sees, where that is not the server's own address. */
  readonly url?: string;
  /** Of a replica that has ended, whose place this one takes; else a new one. */
  readonly home?: string;
  readonly machine?: "same" | "another";
  /** Where it stops itself. */
  readonly stopsAt?: string;
}

/** One database, one provider, some grants, and replicas that come and go. */
export interface Replicas {
  readonly emulator: Emulator;
  readonly watch: RefreshWatch;
  readonly clientId: string;
  /** A keeper in this process on the same store and clock. */
  readonly ports: Ports;
  readonly start: (options?: ReplicaOptions) => Replica;
  /** The environment of a command on this store, with a home of its own. */
  readonly environment: (url?: string) => Record<string, string>;
  /** How often the grant that was refreshed least was. */
  readonly fewest: () => Promise<number>;
  /** The ledger's entries of each grant, and the refresh token that the store has for it now. */
  readonly families: () => Promise<readonly Family[]>;
  readonly close: () => Promise<void>;
}

export interface Family {
  readonly name: string;
  readonly id: string;
  readonly generation: number;
  readonly stored: string | null;
  /** The refresh token with which it began. */
  readonly first: string;
  readonly entries: readonly LedgerEntry[];
}

export interface ReplicasOptions {
  readonly database: string;
  readonly rotation: Rotation;
  readonly grants: number;
  /** What `start` starts. */
  readonly program?: string;
}

/** The program of a replica; call it in a test file's body. */
export function replicaProgram(): Promise<string> {
  return bundleChild("test/postgres/replica.ts");
}

/** A store in a database that is made anew, with grants `g1`, `g2`, … whose lives begin now. */
export async function openReplicas(
  server: ServerInUse,
  { database, rotation, grants, program = "" }: ReplicasOptions,
): Promise<Replicas> {
  const direct = await server.fresh(database);
  const key = randomBytes(32).toString("base64");
  const homes: string[] = [];
  const running = new Set<Running>();
  const environment = (url = direct): Record<string, string> => {
    const home = mkdtempSync(join(tmpdir(), "grantkeeper-replica-"));
    homes.push(home);
    return { GRANTKEEPER_HOME: home, GRANTKEEPER_DATABASE_URL: url, GRANTKEEPER_MASTER_KEY: key };
  };
  const base = Date.now();
  const now = (): number => base + (Date.now() - base) * FASTER;
  const emulator = await startEmulator({
    port: 0,
    maxAccessTokens: 0,
    rotation,
    now,
    accessTokenSeconds: LIFE,
  });
  const client = emulator.registerClient();
  const keeper = await openKeeper(environment());
  const ports: Ports = { ...keeper.ports, clock: { ...keeper.ports.clock, now } };
  await addIntegration(ports, "recorder", "webex", {
    clientId: client.clientId,
    clientSecret: client.clientSecret,
    preset: "meetings-capture",
    baseUrl: emulator.baseUrl,
  });
  const first = new Map<string, string>();
  for (let n = 1; n <= grants; n++) {
    const tokens = emulator.issueTokens({ clientId: client.clientId });
    first.set(`g${n}`, tokens.refresh_token);
    // oxlint-disable-next-line no-await-in-loop -- one after another: their lives begin one after another, too
    await importTokens(ports, `g${n}`, "recorder", asDocument(tokens), now());
  }
  const startReplica = ({ url, home, machine = "same", stopsAt = "-" }: ReplicaOptions = {}): Replica => {
    const env = { ...environment(url), ...(home !== undefined && { GRANTKEEPER_HOME: home }) };
    const words = [program, String(FASTER), String(base), rotation, machine, stopsAt];
    const one = start(process.execPath, words, env);
    running.add(one);
    void one.ended.then(() => running.delete(one));
    return { ...one, home: String(env["GRANTKEEPER_HOME"]), ready: readiness(one) };
  };
  return {
    emulator,
    watch: watchRefreshes(emulator),
    clientId: client.clientId,
    ports,
    start: startReplica,
    environment,
    fewest: async () => {
      const [result] = await server.run(database, "select min(generation) - 1 as n from grants");
      return Number((result?.rows[0] as { n: string } | undefined)?.n);
    },
    families: async () => {
      const ledger = new Map<string | null, LedgerEntry[]>();
      for (const entry of emulator.ledger()) {
        const known = ledger.get(entry.grantId);
        if (known === undefined) ledger.set(entry.grantId, [entry]);
        else known.push(entry);
      }
      const all = await ports.store.grants();
      return all.map((grant) => {
        const token = first.get(grant.name) ?? "";
        const minted = [...ledger.values()].find((entries) => entries.some(({ value }) => value === token));
        return {
          name: grant.name,
          id: grant.id,
          generation: grant.generation,
          stored: openToken(ports.sealer, grant, "refresh_token"),
          first: token,
          entries: minted ?? [],
        };
      });
    },
    close: async () => {
      for (const { child } of running) child.kill("SIGKILL");
      await Promise.all([...running].map(({ ended }) => ended));
      await keeper.close();
      await emulator.close();
      for (const home of homes) rmSync(home, { recursive: true, force: true });
    },
  };
}

function readiness({ child, ended }: Running): Promise<void> {
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout?.on("data", (text: string) => {
      if (text.includes("ready")) resolve();
    });
    void ended.then(({ stderr }) => reject(new Error(`the replica ended before it was ready: ${stderr}`)));
  });
  // Whoever asks for it hears of it.
  ready.catch(() => undefined);
  return ready;
}

/** Ends replicas in order; what they said on stderr. */
export async function endInOrder(replicas: readonly Replica[]): Promise<Ended[]> {
  for (const { child } of replicas) child.kill("SIGTERM");
  return Promise.all(replicas.map(({ ended }) => ended));
}

/** How long after the one before each refresh of a grant came, in seconds of the fast time. */
export function periodsOf({ entries }: Pick<Family, "entries">): number[] {
  const at = presentations(entries as LedgerEntry[]).map((entry) => entry.at);
  const begun = entries[0]?.at ?? 0;
  return at.map((time, i) => (time - (i === 0 ? begun : (at[i - 1] ?? 0))) / 1000);
}
