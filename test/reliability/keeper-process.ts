/**
 * A keeper whose clocks run faster than the world's, that of leases too, which stops itself with SIGSTOP at a
 * named point: `child.mjs <grant> <times faster> <epoch ms at which all clocks agreed> <point or "-">`.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { getToken } from "../../src/keeper/get-token.ts";
import { newKeeperState } from "../../src/keeper/state.ts";
import { openKeeper } from "../../src/open.ts";
import { createSqlStore } from "../../src/store/sql-store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";

const [name = "", faster = "1", base = "0", point = "-"] = process.argv.slice(2);
const home = process.env["GRANTKEEPER_HOME"] ?? "";

const now = (): number => Number(base) + (Date.now() - Number(base)) * Number(faster);
let wasStopped = false;
const failpoint = (passed: string): void => {
  if (passed !== point || wasStopped) return;
  // Once: whoever passes there again later is not to be stopped for ever.
  wasStopped = true;
  process.kill(process.pid, "SIGSTOP");
};
const keeper = await openKeeper({ GRANTKEEPER_HOME: home, GRANTKEEPER_SQLITE: "bundled" });
const clock = {
  now,
  monotonic: () => performance.now() * Number(faster),
  sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms / Number(faster))),
  alarm: keeper.ports.clock.alarm,
};
const random = { fraction: () => Math.random(), bytes: (length: number) => randomBytes(length) };
const database = openSqlite({
  file: join(home, "grantkeeper.db"),
  // How long a busy database is waited for is the world's time.
  clock: keeper.ports.clock,
  random,
  driver: "bundled",
  leaseClock: () => Math.floor(now()),
});
const store = createSqlStore(database, failpoint);
const ports = { ...keeper.ports, store, clock, failpoint, state: newKeeperState(clock, random) };
try {
  const document = await getToken(ports, name, 300);
  process.stdout.write(document.access_token);
} catch (error) {
  process.stdout.write(`failed: ${error instanceof Error ? error.message : String(error)}`);
}
await database.close();
await keeper.close();
