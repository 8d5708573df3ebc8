import { afterEach, describe, expect, test } from "vitest";
import { type Bench, IS_LONG, openBench } from "./bench.ts";
import { familyOf, newestAccessToken, presentations, worth } from "./oracle.ts";
import { HAS_STRACE, traced } from "./strace.ts";

/** In the short form some of the writes, at length each. */
const STEP = IS_LONG ? 1 : 8;

let bench: Bench | undefined;

afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

describe.skipIf(!HAS_STRACE)("kill -9 at the nth call of its kind, the call not carried out", () => {
  test.each([
    ["pwrite64", "rolling"],
    ["fsync", "rolling"],
    ["pwrite64", "strict"],
    ["fsync", "strict"],
  ] as const)(
    "%s, %s: what was promised holds, whichever it is",
    { timeout: 1_800_000 },
    async (call, rotation) => {
      bench = await openBench({ rotation });
      const here = bench;
      const step = call === "fsync" ? 1 : STEP;
      let n = 1;
      let kills = 0;
      for (; ; n += step) {
        const name = `g-${n}`;
        const first = await here.expiredGrant(name);
        const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=SIGKILL:when=${n}`];
        const run = await traced(here, ["token", name], inject);
        expect(here.integrity()).toBe("ok");
        if (run.code === 0) break;
        kills++;
        const again = await here.run(["token", name]).ended;
        const where = `${call} ${n}: ${again.code} ${again.stderr}`;
        const family = familyOf(here.emulator.ledger(), first);
        const events = await here.events(name);
        const labelled = events.filter(({ type }) => type === "outcome_unknown").length;
        expect(presentations(family).length, where).toBeLessThanOrEqual(1 + labelled);
        if (worth(family, first) === "ended") {
          // Between the provider's answer and our commit; said, not silent.
          expect([rotation, labelled, again.code], where).toEqual(["strict", 1, 4]);
        } else {
          expect([again.code, again.stdout], where).toEqual([0, `${newestAccessToken(family)}\n`]);
          expect(worth(family, await here.storedRefreshToken(name)), where).toBe("good");
        }
      }
      expect(kills).toBeGreaterThan(2);
    },
  );
});

test.runIf(!HAS_STRACE)("no call was cut off: there is no strace that may trace", () => {
  expect(HAS_STRACE).toBe(false);
});
