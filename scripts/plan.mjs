/**
 * What has to be done before this folder can run: pure decisions about its files, taken by `setup.mjs`.
 * Contents decide, not dates: a clone, a checkout of another branch and an unpacked archive all set dates anew.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const MINIMUM_NODE = [20, 19];
const LOCK_FILE = "package-lock.json";

/** What npm writes into node_modules as its last act: an interrupted installation has none. */
const INSTALLED_FILE = "node_modules/.package-lock.json";
const INSTALL_STAMP = "node_modules/.grantkeeper-lock";

/** Everything that a build depends on. The lock stands for the bundled dependencies. */
const BUILD_INPUTS = [
  "src",
  "console",
  "scripts/build.mjs",
  "scripts/build-console.mjs",
  "package.json",
  LOCK_FILE,
  "tsconfig.json",
  "tsconfig.build.json",
];
const BUILD_OUTPUTS = [
  "dist/cli/main.js",
  "dist/emulator/index.js",
  "dist/client/index.js",
  "dist/server/server.js",
  "dist/console/index.html",
];
export const BUILD_STAMP = ".inputs";

/** Why this version of Node cannot be used, or null. */
export function refusal(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [wantedMajor, wantedMinor] = MINIMUM_NODE;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return null;
  return `Grantkeeper needs Node ${wantedMajor}.${wantedMinor} or newer; this is Node ${version}.`;
}

/** What has to be done in `root`: installing implies building. */
export function plan(root) {
  if (!isInstalled(root)) return { install: true, build: true };
  return { install: false, build: !isBuilt(root) };
}

function isInstalled(root) {
  if (!existsSync(join(root, INSTALLED_FILE))) return false;
  if (readIfThere(join(root, INSTALL_STAMP)) === installKey(root)) return true;
  // Somebody may have run npm himself: what counts is what lies there.
  const wanted = JSON.parse(readFileSync(join(root, LOCK_FILE), "utf8")).packages;
  const present = JSON.parse(readFileSync(join(root, INSTALLED_FILE), "utf8")).packages;
  if (!isSameTree(wanted, present, process)) return false;
  stampInstall(root);
  return true;
}

/** Whether the packages present are those of the lock, but for optional ones made for other machines. */
export function isSameTree(wanted, present, { platform, arch }) {
  const extra = Object.keys(present).some((path) => !(path in wanted));
  if (extra) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "") return true;
    const found = present[path];
    if (found) return found.version === entry.version && found.integrity === entry.integrity;
    return entry.optional === true && !isMeantFor(entry, platform, arch);
  });
}

/** Packages that name a C library, or no machine at all, are left to npm's judgement. */
function isMeantFor({ os, cpu, libc }, platform, arch) {
  if (libc || (!os && !cpu)) return false;
  return (!os || os.includes(platform)) && (!cpu || cpu.includes(arch));
}

function installKey(root) {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, LOCK_FILE)))
    .digest("hex");
  return `${lock} ${process.platform}-${process.arch}\n`;
}

/** Notes that node_modules is that of the lock, which spares the comparing next time. */
export function stampInstall(root) {
  writeFileSync(join(root, INSTALL_STAMP), installKey(root));
}

function isBuilt(root) {
  if (BUILD_OUTPUTS.some((file) => !existsSync(join(root, file)))) return false;
  return readIfThere(join(root, "dist", BUILD_STAMP)) === hashInputs(root);
}

/** One hash over the names and contents of all that a build reads. */
export function hashInputs(root) {
  const hash = createHash("sha256");
  for (const file of BUILD_INPUTS.flatMap((input) => filesUnder(root, input))) {
    const content = readFileSync(join(root, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return `${hash.digest("hex")}\n`;
}

function filesUnder(root, path) {
  if (!existsSync(join(root, path))) return [];
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .toSorted();
}

function readIfThere(file) {
  return existsSync(file) ? readFileSync(file, "utf8") : null;
}
