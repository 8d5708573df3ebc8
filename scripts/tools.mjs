/** Starting the installed development tools without npm between, which costs a second each. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** The file of a package's command, to be run by Node. */
export function commandOf(packageName, command = packageName) {
  const directory = join(ROOT, "node_modules", packageName);
  return join(directory, readJson(join(directory, "package.json")).bin[command]);
}

export function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}
