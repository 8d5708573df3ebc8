import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import type { Bug } from "./bugs.ts";
import type { Scale } from "./plan.ts";
import type { Result } from "./simulate.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = join(ROOT, ".cache", "simulation");

/** Worker processes: as many as a small machine has processors. */
const WORKERS = 2;

export interface Runs {
  readonly from: number;
  readonly to: number;
  readonly scale: Scale;
  readonly bug?: Bug;
  /** Ends at the first seed that breaks an invariant. */
  readonly untilBroken?: boolean;
}

/** Makes the worker's program: the engine as it is, its judges, and nothing that waits for real time. */
export async function bundleSimulation(): Promise<string> {
  mkdirSync(FOLDER, { recursive: true });
  const bundle = await rolldown({
    cwd: ROOT,
    input: { simulation: "test/simulation/main.ts" },
    external: [/^@photostructure\/sqlite/, /^node:/],
    platform: "node",
  });
  // In one piece: a chunk that is loaded when it is first wanted would be real input and output.
  await bundle.write({ dir: FOLDER, format: "esm", entryFileNames: "[name].mjs", codeSplitting: false });
  await bundle.close();
  return join(FOLDER, "simulation.mjs");
}

/** Runs seeds, spread over worker processes. */
export async function runSeeds(program: string, runs: Runs): Promise<Result[]> {
  const found = new AbortController();
  const children = Array.from({ length: WORKERS }, (_, i) => worker(program, runs, i, found));
  const results = await Promise.all(children);
  return results.flat().toSorted((a, b) => a.seed - b.seed);
}

function worker(program: string, runs: Runs, i: number, found: AbortController): Promise<Result[]> {
  const { from, to, scale, bug, untilBroken = false } = runs;
  const words = [from + i, WORKERS, to, scale.days, scale.grants, bug ?? "", ""].map(String);
  const child = spawn(process.execPath, [program, ...words], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  found.signal.addEventListener("abort", () => child.kill());
  const results: Result[] = [];
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const result = JSON.parse(line) as Result;
      results.push(result);
      if (untilBroken && result.broken.length > 0) found.abort();
    }
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0 || found.signal.aborted || results.some(({ broken }) => broken.length > 0))
        resolve(results);
      else reject(new Error(`a worker of the simulation ended with ${String(code)}`));
    });
  });
}

/** What to type to see a seed again, step by step. */
function replayCommand(seed: number, { days, grants }: Scale): string {
  return `npm run simulate -- ${seed} --days ${days} --grants ${grants}`;
}

/** What is broken, with the command that shows it again; one line for each seed. */
export function brokenSeeds(results: readonly Result[], scale: Scale): string[] {
  return results
    .filter(({ broken }) => broken.length > 0)
    .map(
      ({ seed, broken }) => `seed ${seed}: ${broken.join("; ")}. See it again: ${replayCommand(seed, scale)}`,
    );
}
