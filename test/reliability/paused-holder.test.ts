import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { FailpointName } from "../../src/keeper/ports.ts";
import { bundleChild } from "../store/bundle-child.ts";
import { type Bench, each, IS_LONG, openBench, type Running, start } from "./bench.ts";
import { familyOf, newestAccessToken, presentations, watchRefreshes, worth } from "./oracle.ts";

const CHILD = await bundleChild("test/reliability/keeper-process.ts");
const TRIALS = IS_LONG ? Number(process.env["GRANTKEEPER_TRIALS"] ?? 500) : 1;
const AT_ONCE = 4;
/** The lease of 90 s takes 4.5 s of the world's time. */
const FASTER = 20;
const TWICE_THE_LEASE = (2 * 90_000) / FASTER;

/** Nothing has gone out yet, and nothing of this holder may go out any more. */
const BEFORE: readonly FailpointName[] = ["before_claim", "in_claim", "claimed", "before_send"];
/** It has sent: whoever takes over cannot know what came of it, and says so. */
const BETWEEN: readonly FailpointName[] = ["answered", "before_save"];
/** Its tokens are as good as saved: nobody sends any more. */
const AFTER: readonly FailpointName[] = ["in_save", "saved", "before_hand_out"];

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

interface Paused {
  readonly name: string;
  readonly first: string;
  /** What the two said, and whoever had to be asked after them. */
  readonly said: readonly string[];
}

/** A busy machine can be too slow for clocks this fast: who is late by that sends nothing either, and says so. */
const HELD_BACK = /the time for it had passed|cut off before its answer|has no life left/;

/**
 * Starts a holder and another one that wants the same; the first is stopped, by itself or by `stop`, for twice
 * its lease. Where a token came of it for neither, others are asked until there is one.
 */
async function pause(
  here: Bench,
  trial: string,
  point: string,
  stop: (holder: Running) => Promise<boolean>,
): Promise<Paused> {
  for (let round = 1; ; round++) {
    const name = `${trial}.${round}`;
    const first = await here.expiredGrant(name);
    const base = String(Date.now());
    const run = (at: string) =>
      start(process.execPath, [CHILD, name, String(FASTER), base, at], { GRANTKEEPER_HOME: here.home });
    const holder = run(point);
    // It was held back before it got there: nothing was tried.
    if (!(await stop(holder))) continue;
    const other = run("-");
    await wait(TWICE_THE_LEASE);
    holder.child.kill("SIGCONT");
    const said = await Promise.all([holder, other].map(wordsOf));
    for (const words of said) expect(/^\S+$/.test(words) || HELD_BACK.test(words), words).toBe(true);
    while (HELD_BACK.test(said.at(-1) ?? "")) said.push(await wordsOf(run("-")));
    return { name, first, said };
  }
}

async function wordsOf({ ended }: Running): Promise<string> {
  const { stdout, stderr, code, signal } = await ended;
  return code === 0 ? `${stdout}${stderr}` : `${stdout}${stderr} (ended with ${code ?? signal})`;
}

/** False where it ended without having been stopped. */
async function untilStopped({ child, ended }: Running): Promise<boolean> {
  let hasEnded = false;
  void ended.then(() => (hasEnded = true));
  const { pid = -1 } = child;
  await expect.poll(() => hasEnded || isStopped(pid), { timeout: 60_000, interval: 10 }).toBe(true);
  return !hasEnded;
}

const numbers = Array.from({ length: TRIALS }, (_, i) => i + 1);
const timeout = 120_000 + TRIALS * 20_000;

describe.skipIf(process.platform !== "linux")("a holder that is stopped for twice its lease", () => {
  test.each([...BEFORE, ...AFTER])(
    `at %s, ${TRIALS} times: one sending, by one of the two`,
    { timeout },
    async (point) => {
      bench = await openBench({ rotation: "strict" });
      const here = bench;
      // One that is stopped in a transaction holds all the others of its store up.
      await each(numbers, point.startsWith("in_") ? 1 : AT_ONCE, async (n) => {
        const { name, first, said } = await pause(here, `${point}-${n}`, point, untilStopped);
        const family = familyOf(here.emulator.ledger(), first);
        const where = `${name}: ${said.join(" | ")}`;
        expect(
          presentations(family).map(({ verdict }) => verdict),
          where,
        ).toEqual(["accepted"]);
        expect(said.at(-1), where).toBe(newestAccessToken(family));
        expect(worth(family, await here.storedRefreshToken(name)), where).toBe("good");
      });
      expect(here.integrity()).toBe("ok");
    },
  );

  test.each(BETWEEN)(
    `at %s, ${TRIALS} times: a second sending is another's and is labelled`,
    { timeout },
    async (point) => {
      bench = await openBench({ rotation: "rolling" });
      const here = bench;
      await each(numbers, AT_ONCE, async (n) => {
        const { name, first, said } = await pause(here, `${point}-${n}`, point, untilStopped);
        const family = familyOf(here.emulator.ledger(), first);
        const where = `${name}: ${said.join(" | ")}`;
        const events = await here.events(name);
        const count = (wanted: string) => events.filter(({ type }) => type === wanted).length;
        // One where the first was held back, or the other came too late to take over; a second has its label.
        const sent = presentations(family).length;
        expect(sent, where).toBeLessThanOrEqual(1 + count("outcome_unknown"));
        // What the first one brought came too late to be the grant's own, and is kept.
        expect(count("token_set_parked"), where).toBe(sent - 1);
        expect(worth(family, await here.storedRefreshToken(name)), where).toBe("good");
      });
      expect(here.integrity()).toBe("ok");
    },
  );

  test(`at any moment, ${TRIALS} times: no sending that is not accounted for`, { timeout }, async () => {
    bench = await openBench({ rotation: "rolling" });
    const here = bench;
    const watch = watchRefreshes(here.emulator);
    await each(numbers, AT_ONCE, async (n) => {
      const { name, first, said } = await pause(here, `any-${n}`, "-", async ({ child, ended }) => {
        await Promise.race([wait(Math.random() * 800), ended]);
        return child.kill("SIGSTOP");
      });
      const family = familyOf(here.emulator.ledger(), first);
      const events = await here.events(name);
      const where = `${name}: ${said.join(" | ")}`;
      // The oracle's own count compares times, and here the two clocks differ.
      expect(watch.together(presentations(family)[0]?.masked ?? ""), where).toBeLessThanOrEqual(1);
      const labelled = events.filter(({ type }) => type === "outcome_unknown").length;
      expect(presentations(family).length, where).toBeLessThanOrEqual(1 + labelled);
      expect(worth(family, await here.storedRefreshToken(name)), where).toBe("good");
    });
    expect(here.integrity()).toBe("ok");
  });
});
