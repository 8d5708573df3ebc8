/**
 * A keeper whose clock runs faster than the world's, which stops itself with SIGSTOP at a named point:
 * `child.mjs <grant> <times faster> <epoch ms at which both clocks agreed> <point or "-">`.
 */
import { getToken } from "../../src/keeper/get-token.ts";
import { openKeeper } from "../../src/open.ts";

const [name = "", faster = "1", base = "0", point = "-"] = process.argv.slice(2);

const now = (): number => Number(base) + (Date.now() - Number(base)) * Number(faster);
const keeper = await openKeeper({ GRANTKEEPER_HOME: process.env["GRANTKEEPER_HOME"] });
const ports = {
  ...keeper.ports,
  clock: {
    now,
    monotonic: () => performance.now() * Number(faster),
    sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms / Number(faster))),
  },
  failpoint: (passed: string) => {
    if (passed === point) process.kill(process.pid, "SIGSTOP");
  },
};
try {
  const document = await getToken(ports, name, 300);
  process.stdout.write(document.access_token);
} catch (error) {
  process.stdout.write(`failed: ${error instanceof Error ? error.message : String(error)}`);
}
await keeper.close();
