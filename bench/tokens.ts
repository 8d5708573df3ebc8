import { fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createApiKey } from "../src/keeper/api-keys.ts";
import { openKeeper } from "../src/open.ts";
import { startService } from "./service.ts";
import { homeWith } from "./start.ts";

const GRANTS = 10_000;
const KEYS = 10;
const CONNECTIONS = 64;
const REQUESTS = 200_000;
const ROUNDS = 3;

interface Load {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly refused: number;
}

/** `GET …/token` over a bare node:http server that does the same work, in turns, in the same run. */
export async function measureTokens(root: string): Promise<void> {
  const home = await homeWith(GRANTS);
  const keys = await makeKeys(home);
  const bare = fork(join(root, "bench/bare-server-process.mjs"), [JSON.stringify([GRANTS, keys])]);
  const [{ port: barePort }] = (await once(bare, "message")) as [{ port: number }];
  const service = await startService(root, home);
  const port = Number(new URL(service.url).port);
  const ratios: number[] = [];
  const tails: number[] = [];
  // Everything is read once, each consumer's first hand-out written to the audit, and the code warm.
  await load(root, barePort, REQUESTS, keys);
  await load(root, port, REQUESTS * 3, keys);
  for (let round = 0; round < ROUNDS; round++) {
    const anchor = await load(root, barePort, REQUESTS, keys);
    const own = await load(root, port, REQUESTS, keys);
    ratios.push(own.perSecond / anchor.perSecond);
    tails.push(own.p99 / anchor.p99);
    console.log(`  round ${round + 1}: bare ${say(anchor)}; service ${say(own)}`);
  }
  const [ratio, tail] = [ratios, tails].map(middle);
  console.log(
    `  GET …/token, ${CONNECTIONS} connections   ${ratio?.toFixed(2)} × bare, p99 ${tail?.toFixed(2)} ×`,
  );
  service.child.kill("SIGTERM");
  await once(service.child, "exit");
  bare.disconnect();
  rmSync(home, { recursive: true, force: true });
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function say({ perSecond, p50, p99 }: Load): string {
  return `${perSecond.toFixed(0)}/s, p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`;
}

async function makeKeys(home: string): Promise<string[]> {
  const { ports, close } = await openKeeper({ GRANTKEEPER_HOME: home });
  const keys: string[] = [];
  for (let i = 0; i < KEYS; i++) {
    const input = { name: `consumer-${i}`, scopes: ["tokens:read"], grants: null, expiresIn: null };
    keys.push((await createApiKey(ports, input)).key);
  }
  await close();
  return keys;
}

/** Asks for tokens of the first grants at random, as fast as it is answered. */
export async function load(
  root: string,
  port: number,
  requests: number,
  keys: readonly string[],
  grants = GRANTS,
): Promise<Load> {
  const words = JSON.stringify([port, CONNECTIONS, requests, grants, keys]);
  const child = fork(join(root, "bench/load-process.mjs"), [words]);
  const [result] = (await once(child, "message")) as [Load];
  if (result.refused > 0) throw new Error(`${result.refused} of ${requests} were refused`);
  return result;
}
