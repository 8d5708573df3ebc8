import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { bundleChild } from "../store/bundle-child.ts";
import { type Bench, IS_LONG, openBench, start } from "./bench.ts";
import { familyOf, newestAccessToken, presentations, watchRefreshes, worth } from "./oracle.ts";

const CHILD = await bundleChild("test/reliability/keeper-process.ts");
const ROUNDS = IS_LONG ? 20 : 2;
/** The lease of 90 s takes 1.5 s of the world's time. */
const FASTER = 60;

let bench: Bench | undefined;

afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

/** Whether the kernel says that a process is stopped. */
function isStopped(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
}

test.skipIf(process.platform !== "linux").each(["claimed", "before_send"])(
  "a holder that is stopped at %s for longer than its lease sends nothing when it wakes",
  { timeout: 600_000 },
  async (point) => {
    bench = await openBench({ rotation: "strict" });
    const here = bench;
    const watch = watchRefreshes(here.emulator);
    for (let round = 1; round <= ROUNDS; round++) {
      const name = `round-${round}`;
      const first = await here.expiredGrant(name);
      const base = String(Date.now());
      const run = (at: string) =>
        start(process.execPath, [CHILD, name, String(FASTER), base, at], { GRANTKEEPER_HOME: here.home });
      const holder = run(point);
      const pid = holder.child.pid ?? -1;
      await expect.poll(() => isStopped(pid), { timeout: 20_000, interval: 10 }).toBe(true);
      // It is not dead, so its lease is waited for; then another one refreshes.
      const other = await run("-").ended;
      const token = newestAccessToken(familyOf(here.emulator.ledger(), first));
      expect(other.stdout, other.stderr).toBe(token);
      holder.child.kill("SIGCONT");
      expect((await holder.ended).stdout).toBe(token);
      const family = familyOf(here.emulator.ledger(), first);
      expect(presentations(family).map(({ verdict }) => verdict)).toEqual(["accepted"]);
      expect(worth(family, await here.storedRefreshToken(name))).toBe("good");
    }
    expect(watch.total()).toBe(ROUNDS);
    expect(here.integrity()).toBe("ok");
  },
);
