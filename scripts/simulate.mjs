/** `npm run simulate -- SEED [--days 7] [--grants 5] [--bug NAME]`: one seed of the simulation, everything that happens in it. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { rolldown } from "rolldown";
import { ROOT } from "./tools.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    days: { type: "string", default: "7" },
    grants: { type: "string", default: "5" },
    bug: { type: "string", default: "" },
  },
});
const [seed = process.env.GRANTKEEPER_SEED ?? "1"] = positionals;
const folder = join(ROOT, ".cache", "simulation");
mkdirSync(folder, { recursive: true });
const bundle = await rolldown({
  cwd: ROOT,
  input: { simulation: "test/simulation/main.ts" },
  external: [/^@photostructure\/sqlite/, /^node:/],
  platform: "node",
});
await bundle.write({ dir: folder, format: "esm", entryFileNames: "[name].mjs", codeSplitting: false });
await bundle.close();
const words = [seed, "1", seed, values.days, values.grants, values.bug, "trace"];
const { status } = spawnSync(process.execPath, [join(folder, "simulation.mjs"), ...words], {
  stdio: "inherit",
});
process.exitCode = status ?? 1;
