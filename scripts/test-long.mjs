/** `npm run test:long`: the reliability tests at full length (`npm test` runs a short form of each). */
import { spawnSync } from "node:child_process";
import { commandOf, ROOT } from "./tools.mjs";

const env = { ...process.env, GRANTKEEPER_LONG: "1" };
const args = [commandOf("vitest"), "run", "test/reliability", "test/postgres", ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, args, { cwd: ROOT, env, stdio: "inherit" });
process.exitCode = status ?? 1;
