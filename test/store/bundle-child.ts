import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { afterAll } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Makes a program out of a TypeScript file, for tests with processes of their own: Node 20 reads none. It
 * lies under the project's folder, so that it finds the packages. Call it in a test file's body.
 */
export async function bundleChild(entry: string): Promise<string> {
  mkdirSync(join(ROOT, ".cache"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, ".cache", "test-child-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const bundle = await rolldown({
    cwd: ROOT,
    input: { child: entry },
    external: [/^@photostructure\/sqlite/, /^pg-native$/, /^node:/],
    platform: "node",
  });
  await bundle.write({ dir: folder, format: "esm", entryFileNames: "[name].mjs" });
  await bundle.close();
  return join(folder, "child.mjs");
}
