import { afterEach, describe, expect, test } from "vitest";
import type { FaultHandle, Rotation } from "../../src/emulator/index.ts";
import { beginAuthorization } from "../../src/keeper/authorize.ts";
import { FAILPOINTS, type FailpointName } from "../../src/keeper/ports.ts";
import { type Bench, each, type Ended, IS_LONG, openBench } from "./bench.ts";
import {
  brokenInvariants,
  familyOf,
  newestAccessToken,
  presentations,
  type RefreshWatch,
  watchRefreshes,
  worth,
} from "./oracle.ts";

const numbers = (length: number): number[] => Array.from({ length }, (_, i) => i + 1);
const trials = numbers(IS_LONG ? 20 : 3);
/** The model of the built-in profiles in full; the others once a point in the short form. */
const trialsOf = (rotation: Rotation): number[] => (rotation === "rolling" || IS_LONG ? trials : numbers(1));

/** Far below the lease of 90 s: whoever comes next sees that the holder has ended, and does not wait. */
const PROMPT = 10_000;

/** The provider has acted and our store does not know: what a strict provider gives out here is lost. */
const UNAVOIDABLE: ReadonlySet<string> = new Set(["answered", "before_save", "in_save", "held answer"]);
/** The request went out, or it cannot be known from the row that it did not. */
const UNKNOWN: ReadonlySet<string> = new Set(["claimed", "before_send", "held request", ...UNAVOIDABLE]);

let bench: Bench | undefined;
let watch: RefreshWatch;

afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

async function begin(rotation: Rotation): Promise<Bench> {
  bench = await openBench({ rotation });
  watch = watchRefreshes(bench.emulator);
  return bench;
}

/** After the crash: another process asks, at once. */
async function expectRecovery(
  here: Bench,
  point: string,
  rotation: Rotation,
  trial: { name: string; first: string },
): Promise<void> {
  const { emulator } = here;
  const { name, first } = trial;
  const again = await here.run(["token", name]).ended;
  const where = `${rotation}, ${point}, ${name}: ${again.stderr}`;
  expect(again.took, where).toBeLessThan(PROMPT);
  const family = familyOf(emulator.ledger(), first);
  const events = await here.events(name);
  const types = events.map(({ type }) => type);
  const isLost = rotation === "strict" && UNAVOIDABLE.has(point);
  if (isLost) {
    // Lost, and it says why: an answer is missing, and the refresh token is no longer accepted.
    expect(again.code, where).toBe(4);
    expect(worth(family, first), where).toBe("ended");
    expect(types, where).toContain("suspect");
    expect(events.find(({ type }) => type === "suspect")?.data, where).toMatchObject({ after_unknown: true });
  } else {
    expect([again.code, again.stderr], where).toEqual([0, ""]);
    expect(again.stdout, where).toBe(`${newestAccessToken(family)}\n`);
    expect(worth(family, await here.storedRefreshToken(name)), where).toBe("good");
    expect(
      types.filter((type) => type === "refreshed"),
      where,
    ).toHaveLength(1);
  }
  expect(
    types.filter((type) => type === "outcome_unknown"),
    where,
  ).toHaveLength(UNKNOWN.has(point) ? 1 : 0);
  const sent = presentations(family);
  expect(sent.length, where).toBe(UNAVOIDABLE.has(point) ? 2 : 1);
  const together = watch.together(sent[0]?.masked ?? "");
  expect(
    brokenInvariants({ ledger: emulator.ledger(), firstRefreshToken: first, events, together }),
    where,
  ).toEqual([]);
}

async function crashAtPoint(here: Bench, point: FailpointName, rotation: Rotation, n: number): Promise<void> {
  const name = `${point}-${n}`;
  const first = await here.expiredGrant(name);
  const crashed = await here.run(["token", name], { GRANTKEEPER_FAILPOINT: point }).ended;
  expect([crashed.signal, crashed.stdout], `${point}: ${crashed.stderr}`).toEqual(["SIGKILL", ""]);
  await expectRecovery(here, point, rotation, { name, first });
}

/** Killed while the request is at the provider: before it took effect (and it never does), or after. */
async function crashWhileHeld(
  here: Bench,
  holds: "request" | "answer",
  rotation: Rotation,
  n: number,
): Promise<FaultHandle> {
  const { emulator } = here;
  const point = `held ${holds}`;
  const name = `held-${holds}-${n}`;
  const first = await here.expiredGrant(name);
  const after = emulator.requests().at(-1)?.seq ?? 0;
  const hold = emulator.fault({ on: "refresh", kind: "hold", holds });
  const { child, ended } = here.run(["token", name]);
  const request = await emulator.waitFor(({ fault }) => fault === "hold", { after });
  child.kill("SIGKILL");
  expect((await ended).signal).toBe("SIGKILL");
  watch.forget(request.seq);
  await expectRecovery(here, point, rotation, { name, first });
  return hold;
}

describe.each(["rolling", "grace", "strict"] as const)("%s", (rotation) => {
  const mine = trialsOf(rotation);
  test(`kill -9 at every named point of a refresh, ${mine.length} each`, { timeout: 600_000 }, async () => {
    const here = await begin(rotation);
    const all = FAILPOINTS.flatMap((point) => mine.map((n) => [point, n] as const));
    await each(all, 2, ([point, n]) => crashAtPoint(here, point, rotation, n));
    expect(here.integrity()).toBe("ok");
  });

  test(
    `kill -9 while the request is at the provider, ${mine.length} each`,
    { timeout: 600_000 },
    async () => {
      const here = await begin(rotation);
      for (const n of mine) await crashWhileHeld(here, "answer", rotation, n);
      for (const n of mine) await crashWhileHeld(here, "request", rotation, n);
      expect(here.integrity()).toBe("ok");
    },
  );
});

describe("exchange of a code", () => {
  /** A consent that a person gave, and the address the browser ended at. */
  async function consent(here: Bench, name: string): Promise<string> {
    const { authorizationUrl } = await beginAuthorization(here.keeper.ports, name, "recorder");
    return here.emulator.approve(authorizationUrl);
  }

  function exchange(here: Bench, name: string, url: string, env = {}): Promise<Ended> {
    return here.run(["exchange", name, "--redirected-url", url], env).ended;
  }

  async function expectSpentCodeAndOldTokens(here: Bench, name: string, url: string): Promise<void> {
    const before = here.emulator.requests().length;
    const again = await exchange(here, name, url);
    expect(again.code, again.stderr).toBe(2);
    expect(again.stderr).toContain("has been used already");
    expect(here.emulator.requests()).toHaveLength(before);
    // What was there before goes on.
    expect(await here.run(["token", name]).ended).toMatchObject({ code: 0, stderr: "" });
    // And the way on that the error names works.
    const next = await exchange(here, name, await consent(here, name));
    expect(next.code, next.stderr).toBe(0);
    expect((await here.grant(name)).state).toBe("active");
  }

  test("kill -9 inside its save leaves the old tokens, and the code is not sent again", async () => {
    const here = await begin("rolling");
    for (const n of trials) {
      const name = `saved-${n}`;
      const first = await here.expiredGrant(name);
      const url = await consent(here, name);
      const crashed = await exchange(here, name, url, { GRANTKEEPER_FAILPOINT: "in_save" });
      expect(crashed.signal).toBe("SIGKILL");
      expect(await here.storedRefreshToken(name)).toBe(first);
      expect((await here.grant(name)).generation).toBe(1);
      await expectSpentCodeAndOldTokens(here, name, url);
    }
    expect(here.integrity()).toBe("ok");
  });

  test("kill -9 while the code is at the provider does the same", async () => {
    const here = await begin("rolling");
    const { emulator } = here;
    for (const holds of ["answer", "request"] as const) {
      const name = `held-${holds}`;
      const first = await here.expiredGrant(name);
      const url = await consent(here, name);
      const after = emulator.requests().at(-1)?.seq ?? 0;
      const hold = emulator.fault({ on: "code", kind: "hold", holds });
      const { child, ended } = here.run(["exchange", name, "--redirected-url", url]);
      await emulator.waitFor(({ fault }) => fault === "hold", { after });
      child.kill("SIGKILL");
      expect((await ended).signal).toBe("SIGKILL");
      hold.release();
      expect(await here.storedRefreshToken(name)).toBe(first);
      await expectSpentCodeAndOldTokens(here, name, url);
    }
    expect(here.integrity()).toBe("ok");
  });
});
