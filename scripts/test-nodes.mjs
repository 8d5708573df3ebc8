/**
 * Builds and tests with each Node that Grantkeeper promises to run on. The binaries come from npm and stay
 * in `.cache/nodes`. With numbers, only those: `npm run test:nodes -- 22`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { commandOf, ROOT } from "./tools.mjs";

const MAJORS = ["20", "22", "24"];

const system = process.platform === "win32" ? "win" : process.platform;
const PACKAGE = `node-${system}-${process.arch}`;
const BINARY = join("node_modules", PACKAGE, "bin", system === "win" ? "node.exe" : "node");

const chosen = process.argv.slice(2);
const results = (chosen.length > 0 ? chosen : MAJORS).map((major) => testOn(major));
console.log(results.map(({ line }) => line).join("\n"));
if (results.some(({ passed }) => !passed)) process.exitCode = 1;

function testOn(major) {
  const node = install(major);
  const version = execute(node, ["--version"]).said.trim();
  const start = performance.now();
  const build = execute(node, ["scripts/build.mjs"]);
  const run = build.passed ? execute(node, [commandOf("vitest"), "run"]) : build;
  if (!run.passed) console.error(`--- Node ${version}\n${run.said}`);
  const counts = /^\s*Tests\s+(.*)$/m.exec(run.said)?.[1] ?? "no test ran";
  const seconds = Math.round((performance.now() - start) / 1000);
  const line = `${run.passed ? "ok    " : "FAILED"}  Node ${version.padEnd(10)} ${counts}, ${seconds} s`;
  return { passed: run.passed, line };
}

/** The binary of a major version, from npm where it is not here yet. */
function install(major) {
  const folder = join(ROOT, ".cache", "nodes", major);
  const binary = join(folder, BINARY);
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  // Its own package.json, so that npm does not take the project's for it.
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  const npm = spawnSync(
    "npm",
    ["install", "--no-audit", "--no-fund", "--loglevel=error", `${PACKAGE}@${major}`],
    {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
      shell: process.platform === "win32",
    },
  );
  if (npm.status !== 0 || !existsSync(binary)) throw new Error(`${PACKAGE}@${major} could not be installed.`);
  return binary;
}

/** Runs a script with a Node that the script's own child processes find as well. */
function execute(node, args) {
  const PATH = `${dirname(node)}${delimiter}${process.env.PATH}`;
  const { status, stdout, stderr } = spawnSync(node, args, {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, PATH, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
  });
  return { passed: status === 0, said: `${stdout}${stderr}` };
}
