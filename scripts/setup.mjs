/**
 * Makes a folder ready to run: installs the dependencies when they do not match the lock, and builds when a
 * source has changed. Runs before `npm start`, `npm test`, `npm run check` and `npm run bench`; where there is
 * nothing to do it says nothing. Plain Node, since it runs before anything is installed; and what an old Node
 * lacks is imported late, so that it is refused in words.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { plan, refusal, stampInstall } from "./plan.mjs";

function install(root) {
  say("Installing the dependencies (npm ci)...");
  // npm is a script of its own on Windows, which only a shell starts.
  const npm = spawnSync("npm", ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    // stdout belongs to whoever runs us.
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (npm.error) throw new Error(`npm could not be started: ${npm.error.message}`);
  if (npm.status !== 0) throw new Error("npm ci failed; what it said stands above.");
  stampInstall(root);
}

async function makeReady(root) {
  const todo = plan(root);
  if (!todo.install && !todo.build) return;
  mkdirSync(join(root, ".cache"), { recursive: true });
  const { withLock } = await import("./lock.mjs");
  await withLock(join(root, ".cache", "setup.lock"), async () => {
    // Whoever held the lock before us may have done it.
    const { install: mustInstall, build: mustBuild } = plan(root);
    if (mustInstall) install(root);
    if (!mustInstall && !mustBuild) return;
    say("Building...");
    const { build } = await import("./build.mjs");
    await build(root);
  });
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

const reason = refusal(process.versions.node);
if (reason) {
  say(reason);
  process.exit(1);
}
try {
  await makeReady(fileURLToPath(new URL("..", import.meta.url)).replace(/[\\/]$/, ""));
} catch (error) {
  const { stripVTControlCharacters } = await import("node:util");
  say(`setup: ${stripVTControlCharacters(error.message)}`);
  process.exitCode = 1;
}
