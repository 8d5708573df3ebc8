import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { importTokens } from "../src/keeper/import.ts";
import { addIntegration } from "../src/keeper/integrations.ts";
import { openKeeper } from "../src/open.ts";
import { defaultProvider } from "../src/providers/index.ts";

const ROUNDS = 41;
const GRANTS = 10_000;

/** Start-up of whole commands, as ratios to `node -e 0`, taken in turns so that noise meets all alike. */
export async function measureStart(root: string): Promise<void> {
  const main = join(root, "dist", "cli", "main.js");
  const one = await homeWith(1);
  const many = await homeWith(GRANTS);
  const cases: readonly (readonly [name: string, home: string, words: readonly string[]])[] = [
    ["node -e 0", one, ["-e", "0"]],
    ["--version", one, [main, "--version"]],
    ["token", one, [main, "token", "grant-0"]],
    ["token --json", one, [main, "token", "grant-0", "--json"]],
    [`token, ${GRANTS} grants`, many, [main, "token", "grant-4711"]],
    ["status", one, [main, "status"]],
    [`status, ${GRANTS} grants`, many, [main, "status"]],
    [`status --json, ${GRANTS} grants`, many, [main, "status", "--json"]],
  ];
  const times = cases.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, [, home, words]] of cases.entries()) times[i]?.push(run(home, words));
  }
  const [bare] = times;
  for (const [i, [name]] of cases.entries()) {
    const own = times[i] ?? [];
    const ratio = (quantile: number): string => (at(own, quantile) / at(bare ?? [], quantile)).toFixed(2);
    console.log(
      `  ${name.padEnd(30)} ${at(own, 0.5).toFixed(1).padStart(7)} ms   ${ratio(0.5)} × (best ${ratio(0)} ×)`,
    );
  }
  for (const home of [one, many]) rmSync(home, { recursive: true, force: true });
}

function run(home: string, words: readonly string[]): number {
  // One variable alone doubles Node's own start: it would make every ratio look good.
  const { NODE_EXTRA_CA_CERTS: _certificates, ...env } = process.env;
  const started = performance.now();
  const { status } = spawnSync(process.execPath, words, {
    env: { ...env, GRANTKEEPER_HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${words.join(" ")} exited with ${status}`);
  return performance.now() - started;
}

function at(times: readonly number[], quantile: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * quantile)] ?? Number.NaN;
}

/** A home whose store has so many grants of one integration. */
export async function homeWith(grants: number): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), "grantkeeper-bench-"));
  const { ports, close } = await openKeeper({ GRANTKEEPER_HOME: home });
  const [preset] = Object.keys(defaultProvider.presets);
  const input = { clientId: `C${"0".repeat(64)}`, clientSecret: "0".repeat(64), preset };
  await addIntegration(ports, "bench", defaultProvider.id, input);
  const answer = {
    accessToken: "benchmark-access-token-".repeat(5),
    refreshToken: "benchmark-refresh-token-".repeat(5),
    tokenType: "Bearer",
    scopes: null,
    expiresIn: 1_209_599,
    refreshTokenExpiresIn: 7_775_999,
  };
  for (let i = 0; i < grants; i++) {
    await importTokens(ports, `grant-${i}`, "bench", { answer, notices: [] }, ports.clock.now());
  }
  await close();
  return home;
}
