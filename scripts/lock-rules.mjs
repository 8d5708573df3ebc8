/**
 * What the dependencies may be: exact versions with a checksum, none of which runs a script when installed,
 * and under licences that allow the code to be bundled. Newer npm versions refuse install scripts, and a
 * stolen package's first act is usually one.
 */
import { join } from "node:path";
import { readJson } from "./tools.mjs";

const EXACT = /^\d+\.\d+\.\d+(-[\w.]+)?$/;
const REGISTRY = "https://registry.npmjs.org/";
const SHIPPED_LICENCES = new Set([
  "MIT",
  "MIT-0",
  "ISC",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "0BSD",
]);

/** Null, or one line for each rule broken. */
export function checkLock(root) {
  const faults = faultsOf(readJson(join(root, "package.json")), readJson(join(root, "package-lock.json")));
  return faults.length === 0 ? null : faults.join("\n");
}

/** The rules broken by this manifest and its lock. */
export function faultsOf(manifest, lock) {
  return [
    ...Object.entries({
      ...manifest.dependencies,
      ...manifest.optionalDependencies,
      ...manifest.devDependencies,
    })
      .filter(([, version]) => !EXACT.test(version))
      .map(([name, version]) => `${name}: ${version} is not an exact version`),
    ...Object.entries(lock.packages)
      .filter(([path]) => path !== "")
      .flatMap(([path, entry]) => faultsOfEntry(path, entry, manifest.allowScripts ?? {})),
  ];
}

function faultsOfEntry(path, entry, allowScripts) {
  const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
  const faults = [];
  if (!entry.integrity) faults.push(`${path}: no checksum in the lock`);
  if (entry.resolved && !entry.resolved.startsWith(REGISTRY)) faults.push(`${path}: from ${entry.resolved}`);
  if (entry.hasInstallScript && allowScripts[name] !== false) {
    faults.push(`${path}: has an install script, and allowScripts does not refuse it`);
  }
  if (!entry.dev && !entry.devOptional && !SHIPPED_LICENCES.has(entry.license)) {
    faults.push(`${path}: is installed with us under ${entry.license ?? "no licence"}`);
  }
  return faults;
}
