/**
 * Everything that can be judged without running a test, a line for each step. All steps run, so that one
 * look tells all; what failed says why below. With names of steps, only those: `npm run check -- types lint`.
 */
import { spawn } from "node:child_process";
import { checkLock } from "./lock-rules.mjs";
import { commandOf, ROOT } from "./tools.mjs";

/** @type {[name: string, step: () => Promise<string | null>][]} */
const STEPS = [
  ["format", () => run(commandOf("oxfmt"), "--check")],
  ["types", () => run(commandOf("typescript", "tsc"), "-p", "tsconfig.json")],
  ["console", () => run(commandOf("typescript", "tsc"), "-p", "console/tsconfig.json")],
  ["lint", () => run(commandOf("oxlint"), "--type-aware", "--deny-warnings")],
  ["unused", () => run(commandOf("knip"))],
  ["lock", async () => checkLock(ROOT)],
  ["package", () => run(commandOf("publint"), "--strict")],
  ["pack", () => run("scripts/check-pack.mjs")],
];

/** Runs a tool and answers null, or what it said where it failed. */
function run(...args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      env: { ...process.env, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    const listen = (chunk) => {
      said += chunk;
    };
    child.stdout.setEncoding("utf8").on("data", listen);
    child.stderr.setEncoding("utf8").on("data", listen);
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) =>
      resolve(code === 0 ? null : said.trim() || `ended with ${signal ?? code}`),
    );
  });
}

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => STEPS.every(([step]) => step !== name));
if (unknown.length > 0) {
  console.error(`There is no step ${unknown.join(", ")}. Steps: ${STEPS.map(([step]) => step).join(", ")}.`);
  process.exit(2);
}
const failures = [];
for (const [name, step] of STEPS) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const start = performance.now();
  // oxlint-disable-next-line no-await-in-loop -- one at a time, so that the seconds mean something
  const failure = await step();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${failure === null ? "ok    " : "FAILED"}  ${name.padEnd(8)} ${seconds.padStart(5)} s`);
  if (failure !== null) failures.push(`--- ${name}\n${failure}`);
}
if (failures.length > 0) {
  console.error(`\n${failures.join("\n\n")}`);
  process.exitCode = 1;
}
