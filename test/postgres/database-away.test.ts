/** PostgreSQL is stopped, frozen, or its connections are cut, at each word that a refresh says to it. */
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { getToken } from "../../src/keeper/get-token.ts";
import { importTokens } from "../../src/keeper/import.ts";
import { addIntegration } from "../../src/keeper/integrations.ts";
import type { Ports } from "../../src/keeper/ports.ts";
import { openToken } from "../../src/keeper/secrets.ts";
import { emptySpool } from "../../src/keeper/spooling.ts";
import { newKeeperState } from "../../src/keeper/state.ts";
import type { Database } from "../../src/store/database.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { prepareSchema } from "../../src/store/schema.ts";
import { createSqlStore } from "../../src/store/sql-store.ts";
import { anotherProcess, asDocument, openRig } from "../keeper/rig.ts";
import { IS_LONG } from "../reliability/bench.ts";
import { familyOf, presentations, worth } from "../reliability/oracle.ts";
import { clock, random } from "../store/sqlite-home.ts";
import { type DatabaseProxy, type Moment, startDatabaseProxy } from "./database-proxy.ts";
import { type PostgresServer, startPostgres } from "./server.ts";
import { describeWith } from "./server-of-the-run.ts";

type Mode = "terminated" | "reset" | "stopped" | "frozen";

/** In the short form each word once, the quick ways oftener than the slow one. */
const SHORT: readonly Mode[] = ["terminated", "reset", "stopped", "reset", "terminated", "stopped", "frozen"];
const LONG: readonly (readonly [Mode, number])[] = [
  ["terminated", 10],
  ["reset", 10],
  ["stopped", 2],
  ["frozen", 1],
];
/** Shorter than in use, so that what stands still is given up sooner. */
const ANSWER_TIMEOUT = 1500;

const server = await startPostgres();
const closing: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const close of closing.toReversed()) await close();
  if (typeof server !== "string") await server.remove();
});

describeWith(server, "the database goes away during a refresh, at a strict provider", (postgres) => {
  test(
    IS_LONG ? "at each word, before it and before its answer, in each way" : "at each word, once",
    { timeout: 3_600_000 },
    async () => {
      const bench = await openAwayBench(postgres);
      const words = await bench.countWords();
      expect(words).toBeGreaterThan(12);
      const cases = IS_LONG ? allCases(words) : shortCases(words);
      const served = { fromSpool: 0, asUsual: 0, notAtAll: 0 };
      const began = performance.now();
      for (const one of cases) served[await bench.tryOut(one)]++;
      const seconds = Math.round((performance.now() - began) / 1000);
      process.stdout.write(
        `${words} words, ${cases.length} faults: lost 0; served ${served.asUsual} from the store, ` +
          `${served.fromSpool} from the spool, refused ${served.notAtAll}, ${seconds} s\n`,
      );
    },
  );

  test("a database that stands still while it should save: the spool has the token set before the save is given up", async () => {
    const bench = await openAwayBench(postgres);
    const seen: string[] = [];
    const { ports, name, close } = await bench.begin({
      failpoint: (point) => {
        seen.push(point);
        if (point === "before_save") freeze(postgres, "SIGSTOP");
      },
      onFailedWrite: () => seen.push("save given up"),
    });
    const document = await getToken(ports, name, 300);
    expect(document.warning).toBeNull();
    expect(seen.indexOf("spooled")).toBeGreaterThan(0);
    expect(seen.indexOf("spooled")).toBeLessThan(seen.indexOf("save given up"));
    freeze(postgres, "SIGCONT");
    await close();
    await bench.judge(name, "frozen while saving");
  });
});

test.skipIf(typeof server === "string").each([1, 2])(
  "a read whose connection ends at word %i is answered all the same: nothing of it had to be stored",
  async (n) => {
    if (typeof server === "string") return;
    const proxy = await startDatabaseProxy(server.port);
    const url = new URL(await server.fresh("read"));
    url.port = String(proxy.port);
    const database = openPostgres({ url: url.href, clock, random });
    await database.read(({ query }) => query("select 1"));
    proxy.arm(n, "before", ({ reset }) => Promise.resolve(reset()));
    expect(await database.read(({ query }) => query("select 7 as n"))).toEqual([{ n: 7 }]);
    expect(proxy.disarm().isDone).toBe(true);
    await database.close();
    await proxy.close();
  },
);

interface Case {
  readonly n: number;
  readonly moment: Moment;
  readonly mode: Mode;
}

function shortCases(words: number): Case[] {
  return Array.from({ length: words }, (_, i) => ({
    n: i + 1,
    moment: i % 2 === 0 ? "before" : "answered",
    mode: SHORT[i % SHORT.length] ?? "reset",
  }));
}

function allCases(words: number): Case[] {
  return LONG.flatMap(([mode, rounds]) =>
    Array.from({ length: rounds * words * 2 }, (_, i) => ({
      n: (Math.floor(i / 2) % words) + 1,
      moment: i % 2 === 0 ? "before" : "answered",
      mode,
    })),
  );
}

/** Stops or wakes every process of the server. */
function freeze(postgres: PostgresServer, signal: "SIGSTOP" | "SIGCONT"): void {
  const main = postgres.pid();
  const children = readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 0 && parentOf(pid) === main);
  for (const pid of [main, ...children]) process.kill(pid, signal);
}

function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return null;
  }
}

interface Watching {
  readonly failpoint?: Ports["failpoint"];
  readonly onFailedWrite?: () => void;
}

async function openAwayBench(postgres: PostgresServer) {
  const rig = await openRig({ rotation: "strict", maxAccessTokens: 0 });
  const { emulator } = rig;
  // By a name of its own, so that what is done to the one under test is not done to the judge.
  const url = `${await postgres.fresh("away")}?application_name=judge`;
  const database = openPostgres({ url, clock, random });
  await prepareSchema(database, () => "instance");
  const proxy: DatabaseProxy = await startDatabaseProxy(postgres.port);
  closing.push(async () => {
    await database.close();
    await proxy.close();
  });
  const portsOver = (one: Database, { failpoint = () => undefined, onFailedWrite }: Watching = {}): Ports => {
    const write: Database["write"] = async (...given) => {
      try {
        return await one.write(...given);
      } catch (error) {
        onFailedWrite?.();
        throw error;
      }
    };
    const store = createSqlStore({ ...one, write }, failpoint);
    return { ...rig.ports, clock, store, failpoint, state: newKeeperState(clock, random) };
  };
  const direct = portsOver(database);
  await addIntegration(direct, "recorder", "webex", {
    clientId: rig.client.clientId,
    clientSecret: rig.client.clientSecret,
    preset: "meetings-capture",
    baseUrl: emulator.baseUrl,
  });
  const firsts = new Map<string, string>();

  /** A grant whose token has run out, and a process that has just begun, with one connection open. */
  const begin = async (watching: Watching = {}) => {
    const name = `g${firsts.size + 1}`;
    const tokens = emulator.issueTokens({ clientId: rig.client.clientId });
    firsts.set(name, tokens.refresh_token);
    const obtainedAt = clock.now() - (tokens.expires_in + 60) * 1000;
    await importTokens(direct, name, "recorder", asDocument(tokens), obtainedAt);
    const through = new URL(postgres.url("away"));
    through.port = String(proxy.port);
    through.search = "connect_timeout=1";
    const own = openPostgres({ url: through.href, clock, random, answerTimeout: ANSWER_TIMEOUT });
    await own.read(({ query }) => query("select 1"));
    return { ports: portsOver(own, watching), name, close: () => own.close() };
  };

  const entriesOf = (name: string) => familyOf(emulator.ledger(), firsts.get(name) ?? "");

  /** Another process goes on, on the database that is back: nothing is lost, and nothing was sent twice. */
  const judge = async (name: string, where: string): Promise<void> => {
    const before = await direct.store.grant(name);
    // No send without a claim that is on disk: each has counted the fence up.
    expect(before?.leaseFence ?? 0, where).toBeGreaterThanOrEqual(presentations(entriesOf(name)).length);
    const next = anotherProcess({ ...direct, clock }, { hasEnded: (owner: string) => owner === "here" });
    await emptySpool(next);
    const document = await getToken(next, name, 300);
    expect(document.warning, where).toBeNull();
    const grant = await direct.store.grant(name);
    const family = entriesOf(name);
    expect(
      presentations(family).map(({ verdict }) => verdict),
      where,
    ).toEqual(["accepted"]);
    expect(
      worth(family, grant === null ? null : openToken(direct.sealer, grant, "refresh_token")),
      where,
    ).toBe("good");
    expect(rig.spooled(), where).toEqual([]);
    expect(grant?.leaseOwner, where).toBeNull();
  };

  return {
    begin,
    judge,
    countWords: async (): Promise<number> => {
      const { ports, name, close } = await begin();
      proxy.arm(Number.POSITIVE_INFINITY, "before", () => Promise.resolve());
      await getToken(ports, name, 300);
      await close();
      return proxy.disarm().words;
    },
    tryOut: async ({ n, moment, mode }: Case): Promise<"fromSpool" | "asUsual" | "notAtAll"> => {
      const { ports, name, close } = await begin();
      const where = `${mode}, ${moment} word ${n}`;
      proxy.arm(n, moment, async ({ reset }) => {
        if (mode === "reset") reset();
        else if (mode === "terminated") await terminate(postgres);
        else if (mode === "stopped") await postgres.stop();
        else freeze(postgres, "SIGSTOP");
      });
      const asked = await getToken(ports, name, 300).then(
        (document) => document.access_token,
        (error: unknown) => error,
      );
      expect(proxy.disarm().isDone, where).toBe(true);
      const isSpooled = rig.spooled().length > 0;
      if (typeof asked !== "string") expect(asked, where).toMatchObject({ code: "storage_unavailable" });
      if (isSpooled) expect(asked, `${where}: what waits in the spool is served`).toBeTypeOf("string");
      if (mode === "stopped") await postgres.start();
      if (mode === "frozen") freeze(postgres, "SIGCONT");
      await close();
      await judge(name, where);
      if (isSpooled) return "fromSpool";
      return typeof asked === "string" ? "asUsual" : "notAtAll";
    },
  };
}

async function terminate(postgres: PostgresServer): Promise<void> {
  await postgres.run(
    "postgres",
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'grantkeeper'",
  );
}
