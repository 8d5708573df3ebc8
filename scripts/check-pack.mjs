/**
 * Installs Grantkeeper as a user would: packs it, installs the tarball into an empty folder, and runs it
 * there. Prints how much was installed.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readJson, ROOT } from "./tools.mjs";

const QUIET = ["--no-audit", "--no-fund", "--loglevel=error"];

const folder = mkdtempSync(join(tmpdir(), "grantkeeper pack "));
try {
  const [packed] = JSON.parse(npm(ROOT, "pack", "--json", "--ignore-scripts", "--pack-destination", folder));
  refuseStrays(packed.files.map((file) => file.path));
  const home = join(folder, "user");
  mkdirSync(home);
  writeFileSync(join(home, "package.json"), "{}\n");
  npm(home, "install", "--prefix", home, "--ignore-scripts", ...QUIET, join(folder, packed.filename));
  const installed = readdirSync(join(home, "node_modules"), { recursive: true, withFileTypes: true });
  const files = installed.filter((entry) => entry.isFile());
  const bytes = files.reduce(
    (sum, file) => sum + statSync(join(file.parentPath ?? file.path, file.name)).size,
    0,
  );
  const { packages } = readJson(join(home, "node_modules/.package-lock.json"));
  const { version } = readJson(join(ROOT, "package.json"));
  const said = run(process.execPath, ["node_modules/grantkeeper/dist/cli/main.js", "--version"], home).trim();
  if (said !== version) throw new Error(`--version says ${said}, the package is ${version}`);
  importAll(home);
  console.log(
    `${packed.filename}: ${kilobytes(packed.size)} kB; installed: ${Object.keys(packages).length} packages, ` +
      `${(bytes / 1e6).toFixed(1)} MB; runs.`,
  );
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function refuseStrays(paths) {
  const wanted =
    /^(dist|docs|examples|packaging)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md)$/;
  const strays = paths.filter((path) => !wanted.test(path) || path.endsWith(".inputs"));
  if (strays.length > 0) throw new Error(`in the tarball, though it should not be: ${strays.join(", ")}`);
}

function importAll(home) {
  for (const name of ["grantkeeper", "grantkeeper/server", "grantkeeper/emulator"])
    run(process.execPath, ["--input-type=module", "-e", `await import("${name}")`], home);
}

function npm(cwd, ...args) {
  return run("npm", args, cwd);
}

function run(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    shell: process.platform === "win32" && command === "npm",
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stderr}${stdout}`);
  return stdout;
}

function kilobytes(bytes) {
  return Math.round(bytes / 1e3);
}
