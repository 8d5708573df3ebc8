/** Databases that are copied, dumped and restored, on a real server; the emulator says what was sent. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { getToken } from "../../src/keeper/get-token.ts";
import { importTokens } from "../../src/keeper/import.ts";
import { addIntegration } from "../../src/keeper/integrations.ts";
import { refreshNow } from "../../src/keeper/manage.ts";
import type { HeldStore } from "../../src/keeper/ports.ts";
import { type OpenKeeper, openKeeper } from "../../src/open.ts";
import { asDocument } from "../keeper/rig.ts";
import { findBinaries } from "./binaries.ts";
import { type PostgresServer, type ServerInUse, startPostgres, SUPERUSER_PASSWORD } from "./server.ts";
import { describeWith, sharedPostgres } from "./server-of-the-run.ts";

const key = randomBytes(32).toString("base64");
const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), "grantkeeper-copied-"));
  closing.push(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

/** A keeper on a database, and what it found to be wrong with it. */
async function keeperOn(
  url: string,
  home = newHome(),
): Promise<OpenKeeper & { readonly found: HeldStore[] }> {
  const found: HeldStore[] = [];
  const env = { GRANTKEEPER_HOME: home, GRANTKEEPER_DATABASE_URL: url, GRANTKEEPER_MASTER_KEY: key };
  const keeper = await openKeeper(env, { onHeld: (held) => found.push(held) });
  closing.push(() => keeper.close());
  return { ...keeper, found };
}

/** A store with grants `a` and `b`, whose access tokens have run out, and its home. */
async function begin(server: ServerInUse, database: string): Promise<{ emulator: Emulator; home: string }> {
  const emulator = await startEmulator({ port: 0, rotation: "strict", maxAccessTokens: 0 });
  closing.push(() => emulator.close());
  const client = emulator.registerClient();
  const home = newHome();
  const keeper = await keeperOn(await server.fresh(database), home);
  await addIntegration(keeper.ports, "recorder", "webex", {
    clientId: client.clientId,
    clientSecret: client.clientSecret,
    preset: "meetings-capture",
    baseUrl: emulator.baseUrl,
  });
  for (const name of ["a", "b"]) {
    const tokens = emulator.issueTokens({ clientId: client.clientId });
    const obtainedAt = keeper.ports.clock.now() - (tokens.expires_in + 60) * 1000;
    await importTokens(keeper.ports, name, "recorder", asDocument(tokens), obtainedAt);
  }
  await keeper.close();
  return { emulator, home };
}

const refreshes = (emulator: Emulator): number =>
  emulator.requests().filter(({ endpoint }) => endpoint === "refresh").length;

async function expectHeld(
  { ports, found }: Awaited<ReturnType<typeof keeperOn>>,
  reason: HeldStore["reason"],
  emulator: Emulator,
): Promise<void> {
  const before = refreshes(emulator);
  expect(found).toEqual([{ reason, inUseBy: null, grants: 2 }]);
  for (const name of ["a", "b"]) {
    await expect(getToken(ports, name, 300)).rejects.toMatchObject({ code: "suspended" });
    await expect(refreshNow(ports, name)).rejects.toMatchObject({ code: "suspended" });
  }
  expect(refreshes(emulator)).toBe(before);
}

describeWith(await sharedPostgres(), "a PostgreSQL database", (server) => {
  test("copied with `create database … template`: the copy is held whole, the original goes on", async () => {
    const { emulator, home } = await begin(server, "origin");
    await server.run("postgres", "drop database if exists a_copy", "create database a_copy template origin");
    await expectHeld(await keeperOn(server.url("a_copy")), "copied_store", emulator);
    const original = await keeperOn(server.url("origin"), home);
    for (let i = 0; i < 5; i++)
      expect(await refreshNow(original.ports, "a")).toMatchObject({ state: "active" });
    expect((await getToken(original.ports, "b", 300)).warning).toBeNull();
    expect(original.found).toEqual([]);
    expect(refreshes(emulator)).toBe(6);
  });

  test("copied, and opened from the home of the original: held too", async () => {
    const { emulator, home } = await begin(server, "origin");
    await server.run("postgres", "drop database if exists a_copy", "create database a_copy template origin");
    await expectHeld(await keeperOn(server.url("a_copy"), home), "copied_store", emulator);
  });

  test("renamed: is the same one", async () => {
    const { emulator, home } = await begin(server, "origin");
    await server.run(
      "postgres",
      "drop database if exists renamed",
      "alter database origin rename to renamed",
    );
    const keeper = await keeperOn(server.url("renamed"), home);
    expect((await getToken(keeper.ports, "a", 300)).warning).toBeNull();
    expect(keeper.found).toEqual([]);
    expect(refreshes(emulator)).toBe(1);
  });

  test("opened by five new homes at once: each is adopted, nothing is held, one refresh for all", async () => {
    const { emulator } = await begin(server, "origin");
    const keepers = await Promise.all(Array.from({ length: 5 }, () => keeperOn(server.url("origin"))));
    // All are in this process: as replicas they go by names of their own.
    const replicas = keepers.map(({ ports }, i) => ({
      ...ports,
      owner: `replica ${i}`,
      hasEnded: () => false,
    }));
    const documents = await Promise.all(replicas.map((ports) => getToken(ports, "a", 300)));
    expect(new Set(documents.map(({ access_token }) => access_token)).size).toBe(1);
    expect(keepers.flatMap(({ found }) => found)).toEqual([]);
    for (const { identity } of keepers) expect(await identity.confirm()).toBe("ours");
    expect(refreshes(emulator)).toBe(1);
  });

  test("counted by six replicas at the same moments: its count never goes back, and nothing is held", async () => {
    await begin(server, "origin");
    const keepers = await Promise.all(Array.from({ length: 6 }, () => keeperOn(server.url("origin"))));
    for (let round = 0; round < 15; round++) {
      await Promise.all(
        keepers.map(async ({ identity }) => {
          await identity.beforeSending();
          await identity.advance();
        }),
      );
      expect(await Promise.all(keepers.map(({ identity }) => identity.confirm()))).toEqual(
        keepers.map(() => "ours"),
      );
    }
    expect(keepers.flatMap(({ found }) => found)).toEqual([]);
  });

  test("put back to an older state by statements while a keeper runs: it holds everything at its next look", async () => {
    const { emulator, home } = await begin(server, "origin");
    const tables = ["meta", "grants"];
    await server.run(
      "origin",
      "create schema kept",
      ...tables.map((table) => `create table kept.${table} as table public.${table}`),
    );
    const keeper = await keeperOn(server.url("origin"), home);
    expect(await getToken(keeper.ports, "a", 300)).toMatchObject({ generation: 2 });
    expect(await keeper.identity.confirm()).toBe("ours");
    await server.run(
      "origin",
      "update grants g set generation = k.generation, refresh_token = k.refresh_token from kept.grants k where k.id = g.id",
      "delete from meta",
      "insert into meta table kept.meta",
    );
    expect(await keeper.identity.confirm()).toBe("held");
    await expectHeld(keeper, "restored_store", emulator);
    expect(refreshes(emulator)).toBe(1);
  });
});

/** A server whose own `pg_dump` is there: the one of the npm package has none. */
async function serverWithDump(): Promise<{ server: PostgresServer; programs: string } | string> {
  const root = "/usr/lib/postgresql";
  const programs = (existsSync(root) ? readdirSync(root) : [])
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, "bin"))
    .find((folder) => ["initdb", "pg_dump", "psql"].every((name) => existsSync(join(folder, name))));
  if (programs === undefined) return "no PostgreSQL with pg_dump is installed";
  const scratch = mkdtempSync(join(tmpdir(), "gk-pg-"));
  const binaries = findBinaries(scratch);
  rmSync(scratch, { recursive: true, force: true });
  if (typeof binaries === "string") return binaries;
  const server = await startPostgres({ directory: programs, user: binaries.user });
  return typeof server === "string" ? server : { server, programs };
}

describeWith(await serverWithDump(), "a database from a dump", ({ server, programs }) => {
  afterAll(() => server.remove());
  const tool = (name: string, words: readonly string[], input = ""): string => {
    const env = { PATH: process.env["PATH"] ?? "", PGPASSWORD: SUPERUSER_PASSWORD, PGUSER: "keeper_test" };
    const at = ["-h", "127.0.0.1", "-p", String(server.port)];
    const { status, stdout, stderr } = spawnSync(join(programs, name), [...at, ...words], {
      env,
      input,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`${name} failed: ${stderr}`);
    return stdout;
  };
  const dump = (database: string): string => tool("pg_dump", [database]);
  const restore = (database: string, text: string): string =>
    tool("psql", ["-v", "ON_ERROR_STOP=1", "-q", "-d", database], text);

  test("restored into another database: held, and the original goes on", async () => {
    const { emulator, home } = await begin(server, "origin");
    const text = dump("origin");
    await server.fresh("another");
    restore("another", text);
    await expectHeld(await keeperOn(server.url("another")), "copied_store", emulator);
    const original = await keeperOn(server.url("origin"), home);
    expect(await refreshNow(original.ports, "a")).toMatchObject({ state: "active" });
    expect(original.found).toEqual([]);
  });

  test("restored into its own database after it was used: held; as it was left: not", async () => {
    const { emulator, home } = await begin(server, "origin");
    const old = dump("origin");
    const user = await keeperOn(server.url("origin"), home);
    await getToken(user.ports, "a", 300);
    await user.close();
    const last = dump("origin");
    const putBack = async (text: string) => {
      await server.empty("origin");
      restore("origin", text);
      return keeperOn(server.url("origin"), home);
    };
    const same = await putBack(last);
    expect(same.found).toEqual([]);
    expect(await getToken(same.ports, "a", 300)).toMatchObject({ generation: 2 });
    await same.close();
    await expectHeld(await putBack(old), "restored_store", emulator);
    expect(refreshes(emulator)).toBe(1);
  });
});
