/**
 * A replica: a keeper of its own process, over the wiring of the program, whose clock runs faster than the
 * world's. The store's leases stay on the database's clock. It says `ready` after its first look, and ends in
 * order at SIGTERM: `child.mjs <times faster> <epoch ms at which both clocks agreed> <rotation> <machine> <point>`.
 * `machine` is `same`, or `another`: then nothing is known of the ends of other processes. At `point` of a
 * refresh (`-`: none) it stops itself with SIGSTOP.
 */
import type { Rotation } from "../../src/core/refresh-rules.ts";
import { keepAlive } from "../../src/keeper/run.ts";
import { openKeeper } from "../../src/open.ts";

const [faster = "1", base = "0", rotation = "rolling", machine = "same", point = "-"] = process.argv.slice(2);

const now = (): number => Number(base) + (Date.now() - Number(base)) * Number(faster);
/** The store answers in the world's time, so a second of patience with it is a whole one. */
const STORE_PATIENCE = 1000;
/** Looks at what is due are a database's work: not oftener than this, in the world's ms. */
const SHORTEST_LOOK = 100;

const env = (name: string): string | undefined => process.env[name];
const keeper = await openKeeper(
  {
    GRANTKEEPER_HOME: env("GRANTKEEPER_HOME"),
    GRANTKEEPER_DATABASE_URL: env("GRANTKEEPER_DATABASE_URL"),
    GRANTKEEPER_MASTER_KEY: env("GRANTKEEPER_MASTER_KEY"),
  },
  { actor: "scheduler", listens: true },
);
const ports = {
  ...keeper.ports,
  clock: {
    now,
    monotonic: () => performance.now() * Number(faster),
    sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms / Number(faster))),
    alarm: (ms: number, work: () => void) => {
      const wait = ms === STORE_PATIENCE ? ms : Math.max(SHORTEST_LOOK, ms / Number(faster));
      const timer = setTimeout(work, wait);
      return () => clearTimeout(timer);
    },
  },
  profile: (id: string) => ({
    ...keeper.ports.profile(id),
    rotation: rotation as Rotation,
    limits: { perSecond: null, inFlight: 1000 },
  }),
  ...(machine === "another" && { hasEnded: () => false }),
  failpoint: (passed: string) => {
    if (passed === point) process.kill(process.pid, "SIGSTOP");
  },
};
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
let isReady = false;
await keepAlive(ports, {
  signal: stop.signal,
  identity: keeper.identity,
  onError: (error, grant) =>
    process.stderr.write(
      `${grant?.name ?? "-"}: ${error instanceof Error ? error.message : String(error)}\n`,
    ),
  onTick: () => {
    if (!isReady) process.stdout.write("ready\n");
    isReady = true;
  },
});
await keeper.close();
