import { getToken } from "../src/keeper/get-token.ts";
import { createScheduler } from "../src/keeper/scheduler.ts";
import type { Send } from "../src/oauth/send.ts";
import { clock, fill, keeperOn, type Place, SEALED, sqlitePlace } from "./keeper.ts";
import { postgresPlaces } from "./postgres.ts";

const MILLION = Number(process.env["GRANTKEEPER_BENCH_GRANTS"] ?? 1_000_000);
const NEVER_SOON = 1_000_000_000;
const DUE = [0, 1, 10, 100, 1000, 10_000] as const;

/** A provider within this process: what is measured is the keeper. */
function answering(sentAt: number[]): Send {
  return async (request) => {
    if (request.mayStillSend?.() === false) return { kind: "not_sent", detail: "too late" };
    sentAt.push(performance.now());
    const n = sentAt.length;
    const answer = {
      access_token: `access-${n}`,
      refresh_token: `refresh-${n}`,
      expires_in: 1_209_600,
      refresh_token_expires_in: 7_776_000,
    };
    return {
      kind: "answer",
      status: 200,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(answer),
      truncated: false,
    };
  };
}

/** Start with 10,000 overdue grants and a provider limit of 20 a second, watched for a minute. */
export async function measureOverdue(): Promise<void> {
  const seconds = Number(process.env["GRANTKEEPER_BENCH_SECONDS"] ?? 60);
  const place = await sqlitePlace();
  const sentAt: number[] = [];
  const bench = await keeperOn(
    place,
    "http://127.0.0.1:1",
    { perSecond: 20, inFlight: 64 },
    answering(sentAt),
  );
  await fill(bench, place.database, 10_000, () => -1);
  const { ports } = bench;
  const began = performance.now();
  const scheduler = createScheduler(ports, { onError: (error) => console.error(error) });
  await scheduler.tick();
  const ready = performance.now() - began;
  const served: number[] = [];
  while (performance.now() - began < seconds * 1000) {
    const at = performance.now();
    await getToken(ports, `grant-${Math.floor(Math.random() * 10_000)}`, 0);
    served.push(performance.now() - at);
    if (served.length % 50 === 0) await clock.sleep(20);
    if (scheduler.inFlight() < 256) await scheduler.tick();
  }
  const rows = await ports.store.grants();
  const dead = rows.filter(({ state }) => state !== "active").length;
  served.sort((a, b) => a - b);
  const p99 = served[Math.floor(served.length * 0.99)] ?? Number.NaN;
  console.log(
    `  ready ${ready.toFixed(0)} ms; ${sentAt.length} sent in ${seconds} s, at most ${busiest(sentAt)} in any second`,
  );
  console.log(`  dead ${dead}; valid tokens served meanwhile: ${served.length}, p99 ${p99.toFixed(2)} ms`);
  // What is under way goes on for minutes; the benchmark has seen enough.
  await place.end();
  process.exit(0);
}

function busiest(sentAt: readonly number[]): number {
  let most = 0;
  let from = 0;
  sentAt.forEach((at, i) => {
    while ((sentAt[from] ?? at) <= at - 1000) from++;
    most = Math.max(most, i - from + 1);
  });
  return most;
}

/** A million grants, next to none of them due: start, memory, and what a tick costs. */
export async function measureMillion(): Promise<void> {
  const postgres = await postgresPlaces();
  await measureMany("SQLite", await sqlitePlace());
  if (postgres !== null) await measureMany("PostgreSQL", await postgres.place());
  await postgres?.end();
}

async function measureMany(name: string, place: Place): Promise<void> {
  const sentAt: number[] = [];
  const bench = await keeperOn(
    place,
    "http://127.0.0.1:1",
    { perSecond: null, inFlight: 1024 },
    answering(sentAt),
  );
  await fill(bench, place.database, MILLION, () => NEVER_SOON);
  const { ports } = bench;
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const began = performance.now();
  const scheduler = createScheduler(ports, { onError: (error) => console.error(error), most: 16_000 });
  await scheduler.tick();
  const ready = performance.now() - began;
  globalThis.gc?.();
  const grown = (process.memoryUsage().rss - before) / 1024 / 1024;
  console.log(
    `  ${name}: ${MILLION} grants; first tick ${ready.toFixed(0)} ms, memory grown by ${grown.toFixed(1)} MB`,
  );
  for (const due of DUE) {
    await place.database.write(({ query }) =>
      query(
        `update grants set next_attempt_at = 1 where id in (
           select id from grants where generation = 1 and cast(substr(name, 7) as integer) < $2 limit $1)`,
        [due, SEALED],
      ),
    );
    const sent = sentAt.length;
    const tickBegan = performance.now();
    while ((await scheduler.tick()).hasMore) await scheduler.room();
    await scheduler.settled();
    const took = performance.now() - tickBegan;
    if (sentAt.length - sent !== due) throw new Error(`${sentAt.length - sent} of ${due} were refreshed`);
    console.log(
      `    ${String(due).padStart(6)} due: ${took.toFixed(1)} ms for ticks and refreshes of ${sentAt.length - sent}`,
    );
  }
  await bench.close();
  await place.end();
}
