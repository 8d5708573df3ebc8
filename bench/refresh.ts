import { fork } from "node:child_process";
import { join } from "node:path";
import { Pool } from "undici";
import { refreshGrant } from "../src/keeper/refresh.ts";
import { counting, fill, keeperOn, type Place, sqlitePlace } from "./keeper.ts";
import { postgresPlaces } from "./postgres.ts";

interface Provider {
  readonly url: string;
  readonly end: () => void;
}

async function startProvider(root: string, wait: number): Promise<Provider> {
  const child = fork(join(root, "bench/provider-process.mjs"), [String(wait)]);
  const port = await new Promise<number>((resolve) =>
    child.once("message", (message) => resolve((message as { port: number }).port)),
  );
  return { url: `http://127.0.0.1:${port}`, end: () => child.disconnect() };
}

interface Rate {
  readonly perSecond: number;
  /** Microseconds of this process's processor time for each. */
  readonly cpu: number;
}

/** Runs `work` this many times, some at once. */
async function rate(times: number, atOnce: number, work: (i: number) => Promise<unknown>): Promise<Rate> {
  let next = 0;
  const began = performance.now();
  const cpuBefore = process.cpuUsage();
  const worker = async (): Promise<void> => {
    while (next < times) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const { user, system } = process.cpuUsage(cpuBefore);
  return { perSecond: (times * 1000) / (performance.now() - began), cpu: (user + system) / times };
}

/** The anchor: the same request and answer over a bare pool, nothing kept. */
async function bareRate(url: string, times: number, atOnce: number): Promise<Rate> {
  const pool = new Pool(url, { connections: atOnce, pipelining: 1 });
  const body = `grant_type=refresh_token&refresh_token=${"r".repeat(100)}&client_id=${"C".repeat(65)}&client_secret=${"s".repeat(64)}`;
  const headers = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" };
  const post = async (): Promise<unknown> => {
    const answer = await pool.request({ path: "/access_token", method: "POST", headers, body });
    return JSON.parse(await answer.body.text());
  };
  await rate(Math.min(times, 2000), atOnce, post);
  const measured = await rate(times, atOnce, post);
  await pool.close();
  return measured;
}

interface Case {
  readonly name: string;
  readonly atOnce: number;
  /** Milliseconds that the provider takes. */
  readonly wait: number;
  readonly times: number;
}

const CASES: readonly Case[] = [
  { name: "64 in flight", atOnce: 64, wait: 0, times: 20_000 },
  { name: "1,024 in flight", atOnce: 1024, wait: 0, times: 20_000 },
  { name: "100 ms, 64 in flight", atOnce: 64, wait: 100, times: 4000 },
  { name: "100 ms, 1,024 in flight", atOnce: 1024, wait: 100, times: 20_000 },
];

const ROUNDS = 3;

/** Refreshes a second, claim and save both durable, over a bare POST loop at the same provider in the same run. */
export async function measureRefresh(root: string): Promise<void> {
  const postgres = await postgresPlaces();
  const places: [name: string, make: () => Promise<Place>][] = [["SQLite", sqlitePlace]];
  if (postgres === null) console.log("  PostgreSQL: none found, not measured");
  else places.push(["PostgreSQL", postgres.place]);
  for (const one of CASES) {
    const provider = await startProvider(root, one.wait);
    for (const [name, make] of places) await measureCase(`${name}, ${one.name}`, provider.url, one, make);
    provider.end();
  }
  await postgres?.end();
}

async function measureCase(name: string, url: string, one: Case, make: () => Promise<Place>): Promise<void> {
  const ratios: number[] = [];
  let last = "";
  for (let round = 0; round < ROUNDS; round++) {
    const bare = await bareRate(url, one.times, one.atOnce);
    const { measured, commits } = await keeperRate(url, one, await make());
    ratios.push(measured.perSecond / bare.perSecond);
    const speeds = `${bare.perSecond.toFixed(0)} bare/s, ${measured.perSecond.toFixed(0)} refreshes/s`;
    const costs = `${bare.cpu.toFixed(0)} and ${measured.cpu.toFixed(0)} µs of processor`;
    last = `${speeds}, ${costs}, ${commits.toFixed(3)} commits a refresh`;
  }
  const middle = ratios.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
  console.log(`  ${name.padEnd(36)} ${middle.toFixed(3)} × bare   (last round: ${last})`);
}

async function keeperRate(url: string, { times, atOnce }: Case, place: Place) {
  const counted = counting(place.database);
  const bench = await keeperOn({ ...place, database: counted.database }, url, {
    perSecond: null,
    inFlight: atOnce,
  });
  await fill(bench, place.database, times, () => -1);
  const { ports } = bench;
  const grants = await ports.store.grants();
  const before = counted.commits();
  const measured = await rate(times, atOnce, async (i) => {
    const grant = grants[i];
    if (grant !== undefined) await refreshGrant(ports, grant, "schedule");
  });
  const commits = (counted.commits() - before) / times;
  const done = (await ports.store.grants()).filter(({ generation }) => generation === 2).length;
  if (done !== times) throw new Error(`${done} of ${times} were refreshed`);
  await bench.close();
  await place.end();
  return { measured, commits };
}
