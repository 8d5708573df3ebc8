import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GrantkeeperError } from "../../src/core/errors.ts";
import { beginAuthorization, completeAuthorization } from "../../src/keeper/authorize.ts";
import { getToken } from "../../src/keeper/get-token.ts";
import type { Spool } from "../../src/keeper/ports.ts";
import { createScheduler } from "../../src/keeper/scheduler.ts";
import { emptySpool } from "../../src/keeper/spooling.ts";
import { parseRedirected } from "../../src/oauth/callback.ts";
import type { OutgoingRequest, Send, SendResult } from "../../src/oauth/send.ts";
import { familyOf, newestAccessToken, presentations, worth } from "../reliability/oracle.ts";
import { faulty } from "./faulty-database.ts";
import { anotherProcess, openRig, type Rig } from "./rig.ts";

const WHEN = [
  ["once", false],
  ["from then on", true],
] as const;

/** What nobody waited for. */
const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeEach(() => void process.on("unhandledRejection", note));
afterEach(() => {
  process.off("unhandledRejection", note);
  expect(unhandled.splice(0)).toEqual([]);
});

/** Another process, after this one has ended; what it is given for a token. */
async function askAnother(rig: Rig) {
  const next = anotherProcess(rig.ports, { hasEnded: (owner) => owner === "here" });
  await emptySpool(next);
  return getToken(next, "g", 300);
}

async function expectGood(rig: Rig, refreshToken: string | null, where: string): Promise<void> {
  expect(worth(familyOf(rig.emulator.ledger(), refreshToken ?? ""), refreshToken), where).toBe("good");
  expect(rig.spooled(), where).toEqual([]);
}

/** Runs with a fault at the 1st, 2nd, 3rd … operation, until a run meets none. */
async function forEveryN(run: (n: number) => Promise<boolean>): Promise<number> {
  for (let n = 1; ; n++) if (!(await run(n))) return n;
}

describe.each(WHEN)("the nth operation of the database fails %s", (_when, isLasting) => {
  test("a tick of the scheduler: nothing is lost, and the next tick goes on", async () => {
    const runs = await forEveryN(async (n) => {
      let fault: ReturnType<typeof faulty> | undefined;
      const rig = await openRig({
        secondsLeft: -60,
        rotation: "strict",
        wrap: (database) => (fault = faulty(database, n, isLasting)).wrapped,
      });
      const errors: unknown[] = [];
      const scheduler = createScheduler(rig.ports, { onError: (error) => errors.push(error) });
      await scheduler.tick();
      await scheduler.settled();
      const hits = fault?.hits() ?? 0;
      expect(
        errors.every((error) => error instanceof GrantkeeperError),
        `n = ${n}`,
      ).toBe(true);
      fault?.repair();
      // What the failed tick put off comes when its back-off ends.
      rig.pass(2 * 60_000);
      await scheduler.tick();
      await scheduler.settled();
      const document = await askAnother(rig);
      const family = familyOf(rig.emulator.ledger(), rig.tokens.refresh_token);
      expect(document.access_token, `n = ${n}`).toBe(newestAccessToken(family));
      expect(presentations(family).length, `n = ${n}`).toBe(1);
      await expectGood(rig, await rig.refreshToken(), `n = ${n}`);
      return hits > 0;
    });
    expect(runs).toBeGreaterThan(15);
  });

  test("an exchange: the new tokens, or the old ones and a word of failure", async () => {
    const runs = await forEveryN(async (n) => {
      let fault: ReturnType<typeof faulty> | undefined;
      const rig = await openRig({
        rotation: "strict",
        wrap: (database) => (fault = faulty(database, n, isLasting)).wrapped,
      });
      const healthy = { ...rig.ports, store: rig.plainStore };
      const { authorizationUrl, redirectUri } = await beginAuthorization(healthy, "g", "recorder");
      const redirected = parseRedirected(await rig.emulator.approve(authorizationUrl), redirectUri);
      const failure = await completeAuthorization(rig.ports, "g", redirected).then(
        () => null,
        (error: unknown) => error,
      );
      const hits = fault?.hits() ?? 0;
      fault?.repair();
      const { access_token: served } = await askAnother(rig);
      const newest = rig.emulator
        .ledger()
        .findLast(({ kind, credential }) => kind === "minted" && credential === "access_token")?.value;
      const wasDelivered = newest !== rig.tokens.access_token;
      const where = `n = ${n}: ${String(failure)}`;
      // What was delivered is never dropped, whatever was said.
      expect(served, where).toBe(wasDelivered ? newest : rig.tokens.access_token);
      if (!wasDelivered) expect(failure, where).toMatchObject({ code: "storage_unavailable" });
      await expectGood(rig, await rig.refreshToken(), where);
      return hits > 0;
    });
    expect(runs).toBeGreaterThan(8);
  });
});

/** What may come of a request: without it having arrived, and after it took effect. */
const NETWORK: Readonly<Record<string, (send: Send, request: OutgoingRequest) => Promise<SendResult>>> = {
  "never sent": async () => ({ kind: "not_sent", detail: "No connection." }),
  "lost before it took effect": async () => lost(),
  "lost after it took effect": async (send, request) => {
    await send(request);
    return lost();
  },
  "a 500 after it took effect": async (send, request) => {
    await send(request);
    return { kind: "answer", status: 500, headers: {}, body: "", truncated: false };
  },
  "an unreadable 200": async (send, request) => {
    await send(request);
    return { kind: "answer", status: 200, headers: {}, body: '{"access_', truncated: false };
  },
};

function lost(): SendResult {
  return { kind: "lost", reason: "connection_lost", detail: "The connection was lost." };
}

describe.each(WHEN)("the nth request meets a fault %s", (_when, isLasting) => {
  const kinds = Object.keys(NETWORK).flatMap((kind) =>
    (["rolling", "grace", "strict"] as const).map((rotation) => [kind, rotation] as const),
  );
  test.each(kinds)(
    "%s, %s: lost only where nobody could help it, and never in silence",
    async (kind, rotation) => {
      const runs = await forEveryN(async (n) => {
        let sent = 0;
        let hits = 0;
        let isOn = true;
        const rig = await openRig({
          secondsLeft: -60,
          rotation,
          replace: ({ send }) => ({
            send: (request) => {
              sent++;
              if (!isOn || !(isLasting ? sent >= n : sent === n)) return send(request);
              hits++;
              return NETWORK[kind]?.(send, request) ?? send(request);
            },
          }),
        });
        const get = () => getToken(rig.ports, "g", 300).catch((error: unknown) => error);
        // Thrice, with what demand has to wait for between.
        for (let round = 0; round < 3; round++) {
          await get();
          rig.pass(5000);
        }
        isOn = false;
        rig.pass(60_000);
        await get();
        const family = familyOf(rig.emulator.ledger(), rig.tokens.refresh_token);
        const labelled = (await rig.events("outcome_unknown")).length;
        const where = `${kind}, n = ${n}`;
        const isSpent = kind !== "never sent" && kind !== "lost before it took effect";
        const accepted = presentations(family).filter(
          ({ verdict }) => verdict?.startsWith("accepted") === true,
        ).length;
        if (hits > 0 && isSpent) expect(labelled, where).toBeGreaterThan(0);
        expect(presentations(family).length, where).toBeLessThanOrEqual(1 + labelled + 3);
        if (rotation === "strict" && hits > 0 && isSpent) {
          expect(worth(family, rig.tokens.refresh_token), where).toBe("ended");
          expect((await rig.events("suspect"))[0]?.data, where).toMatchObject({ after_unknown: true });
        } else if (rotation === "strict" || rotation === "rolling") {
          expect(accepted, where).toBeGreaterThan(0);
          expect(worth(family, await rig.refreshToken()), where).toBe("good");
        }
        expect((await rig.grant()).state, where).toBe("active");
        return hits > 0;
      });
      expect(runs).toBeGreaterThan(1);
    },
  );
});

/** Fails the nth operation on the spool. */
function faultySpool(spool: Spool, n: number, isLasting: boolean) {
  let done = 0;
  let hits = 0;
  let isOn = true;
  const through = async <T>(work: () => Promise<T>): Promise<T> => {
    done++;
    if (isOn && (isLasting ? done >= n : done === n)) {
      hits++;
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    }
    return work();
  };
  const wrapped: Spool = {
    prepare: spool.prepare,
    put: (item) => through(() => spool.put(item)),
    waiting: () => through(() => spool.waiting()),
    remove: (id) => through(() => spool.remove(id)),
  };
  return { wrapped, hits: () => hits, repair: () => void (isOn = false) };
}

describe.each(WHEN)("the nth operation of the spool fails %s", (_when, isLasting) => {
  test.each([
    ["a store that works", 0],
    ["a store that fails to save twice", 2],
  ])("%s: nothing is lost, with a provider that forgives nothing", async (_what, failures) => {
    const runs = await forEveryN(async (n) => {
      let fault: ReturnType<typeof faultySpool> | undefined;
      let left: number = failures;
      const rig = await openRig({
        secondsLeft: -60,
        rotation: "strict",
        replace: ({ spool, store }) => ({
          spool: (fault = faultySpool(spool, n, isLasting)).wrapped,
          store: {
            ...store,
            changeGrant: async (write) => {
              if (left-- > 0) throw new GrantkeeperError("storage_unavailable", "The disk is full.");
              return store.changeGrant(write);
            },
          },
        }),
      });
      const asked = await getToken(rig.ports, "g", 300).catch((error: unknown) => error);
      const hits = fault?.hits() ?? 0;
      fault?.repair();
      const document = await askAnother(rig);
      const family = familyOf(rig.emulator.ledger(), rig.tokens.refresh_token);
      const where = `n = ${n}: ${String(asked)}`;
      expect(document.access_token, where).toBe(newestAccessToken(family));
      expect(presentations(family).length, where).toBe(1);
      await expectGood(rig, await rig.refreshToken(), where);
      return hits > 0;
    });
    expect(runs).toBeGreaterThan(1);
  });
});
