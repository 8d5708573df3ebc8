import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createApiKey } from "../src/keeper/api-keys.ts";
import { importTokens } from "../src/keeper/import.ts";
import { updateIntegration } from "../src/keeper/integrations.ts";
import { openKeeper } from "../src/open.ts";
import { openSqlite } from "../src/store/sqlite.ts";
import { clock, random } from "./keeper.ts";
import { type BenchedService, startService } from "./service.ts";
import { homeWith } from "./start.ts";
import { load } from "./tokens.ts";

const SIZES = [0, 10_000, Number(process.env["GRANTKEEPER_BENCH_GRANTS"] ?? 1_000_000)] as const;
const SERVED = 100_000;
const ROUNDS = 5;

/** How soon the service is there, and what it keeps in memory, by the number of grants that it keeps. */
export async function measureSize(root: string): Promise<void> {
  for (const grants of SIZES) {
    const home = await homeWith(Math.min(grants, 10_000));
    if (grants > 10_000) await multiply(home, grants);
    const key = await keyIn(home);
    const began = performance.now();
    const service = await startService(root, home);
    const listening = performance.now() - began;
    while ((await fetch(`${service.url}/readyz`)).status !== 200) await clock.sleep(5);
    const ready = performance.now() - began;
    await clock.sleep(5000);
    const idle = residentMegabytes(service);
    let served = "";
    if (grants > 0) {
      const port = Number(new URL(service.url).port);
      await load(root, port, SERVED, [key], Math.min(grants, 10_000));
      served = `; ${residentMegabytes(service)} MB once ${SERVED} tokens of 10000 were served`;
    }
    console.log(
      `  ${grants} grants: listens after ${listening.toFixed(0)} ms, ready after ${ready.toFixed(0)} ms, ${idle} MB idle${served}`,
    );
    await end(service, home);
  }
}

/** A thousand consumers that come at once for one token that has run out, before a provider that takes 100 ms. */
export async function measureHerd(root: string): Promise<void> {
  const provider = fork(join(root, "bench/provider-process.mjs"), ["100"]);
  const [{ port: providerPort }] = (await once(provider, "message")) as [{ port: number }];
  const home = await homeWith(0);
  const key = await keyIn(home);
  const { ports, close } = await openKeeper({ GRANTKEEPER_HOME: home });
  await updateIntegration(ports, "bench", { baseUrl: `http://127.0.0.1:${providerPort}` });
  const service = await startService(root, home);
  const tails: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const answer = {
      accessToken: `expired-${round}`,
      refreshToken: "benchmark-refresh-token",
      tokenType: "Bearer",
      scopes: null,
      expiresIn: 3600,
      refreshTokenExpiresIn: 7_775_999,
    };
    await importTokens(
      ports,
      `herd-${round}`,
      "bench",
      { answer, notices: [] },
      ports.clock.now() - 3_600_000,
    );
    const words = JSON.stringify([new URL(service.url).port, 1000, `/v1/grants/herd-${round}/token`, key]);
    const herd = fork(join(root, "bench/herd-process.mjs"), [words]);
    const [{ waits, statuses }] = (await once(herd, "message")) as [
      { waits: number[]; statuses: Record<string, number> },
    ];
    const at = (quantile: number): number => waits[Math.floor((waits.length - 1) * quantile)] ?? Number.NaN;
    const { generation } = (await ports.store.grant(`herd-${round}`)) ?? { generation: 0 };
    tails.push(at(0.99));
    console.log(
      `  round ${round + 1}: ${JSON.stringify(statuses)}, ${generation - 1} refresh; p50 ${at(0.5).toFixed(0)} ms, p99 ${at(0.99).toFixed(0)} ms`,
    );
  }
  const middle = tails.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
  console.log(
    `  1000 consumers, one expired token: p99 the provider's 100 ms + ${(middle - 100).toFixed(0)} ms`,
  );
  await close();
  await end(service, home);
  provider.disconnect();
}

async function keyIn(home: string): Promise<string> {
  const { ports, close } = await openKeeper({ GRANTKEEPER_HOME: home });
  const input = { name: "consumer", scopes: ["tokens:read"], grants: null, expiresIn: null };
  const { key } = await createApiKey(ports, input);
  await close();
  return key;
}

/** Rows beside those that are there; their tokens do not open, since nobody will ask for them. */
async function multiply(home: string, grants: number): Promise<void> {
  const database = openSqlite({ file: join(home, "grantkeeper.db"), clock, random });
  await database.write(async ({ query }) => {
    const rows = await query("select name from pragma_table_info('grants')");
    const others = rows.map(({ name }) => String(name)).filter((name) => name !== "id" && name !== "name");
    await query(
      `with recursive n(i) as (select 10000 union all select i + 1 from n where i + 1 < ${grants})
       insert into grants (id, name, ${others.join(", ")})
       select printf('%032x', i), 'grant-' || i, ${others.join(", ")}
         from n, (select * from grants where name = 'grant-0')`,
    );
  }, "relaxed");
  await database.close();
}

function residentMegabytes({ child }: BenchedService): number {
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}

async function end({ child }: BenchedService, home: string): Promise<void> {
  child.kill("SIGTERM");
  await once(child, "exit");
  rmSync(home, { recursive: true, force: true });
}
