import { afterEach, expect, test } from "vitest";
import type { EmulatorOptions } from "../../src/emulator/index.ts";
import { type Bench, type Ended, IS_LONG, openBench } from "./bench.ts";
import {
  brokenInvariants,
  familyOf,
  newestAccessToken,
  presentations,
  watchRefreshes,
  worth,
} from "./oracle.ts";

const PROCESSES = 12;
const ROUNDS = IS_LONG ? 50 : 2;

let bench: Bench | undefined;

afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

async function begin(options: EmulatorOptions): Promise<Bench> {
  bench = await openBench(options);
  return bench;
}

/** All processes at once, each wanting the one expired token. */
function twelve({ run }: Bench, name: string): Promise<Ended[]> {
  return Promise.all(Array.from({ length: PROCESSES }, () => run(["token", name]).ended));
}

test(
  `twelve processes, one expired token, strict provider, ${ROUNDS} rounds: exactly one refresh each`,
  { timeout: 600_000 },
  async () => {
    const here = await begin({ rotation: "strict" });
    const { emulator } = here;
    const watch = watchRefreshes(emulator);
    for (let round = 1; round <= ROUNDS; round++) {
      const name = `round-${round}`;
      const first = await here.expiredGrant(name);
      const answers = await twelve(here, name);
      const family = familyOf(emulator.ledger(), first);
      expect(answers.map(({ code, stderr }) => [code, stderr])).toEqual(answers.map(() => [0, ""]));
      expect(new Set(answers.map(({ stdout }) => stdout))).toEqual(
        new Set([`${newestAccessToken(family)}\n`]),
      );
      const sent = presentations(family);
      expect(sent.map(({ verdict }) => verdict)).toEqual(["accepted"]);
      expect(worth(family, await here.storedRefreshToken(name))).toBe("good");
      expect(
        brokenInvariants({
          ledger: emulator.ledger(),
          firstRefreshToken: first,
          events: await here.events(name),
          together: watch.together(sent[0]?.masked ?? ""),
        }),
      ).toEqual([]);
      expect((await here.grant(name)).generation).toBe(2);
    }
    expect(watch.total()).toBe(ROUNDS);
    expect(here.integrity()).toBe("ok");
  },
);

test(
  "twelve processes and a first answer that is lost: one labelled retry, its token for all",
  { timeout: 600_000 },
  async () => {
    const rounds = IS_LONG ? 20 : 1;
    for (const rotation of ["rolling", "grace"] as const) {
      const here = await begin({ rotation });
      const { emulator } = here;
      const watch = watchRefreshes(emulator);
      for (let round = 1; round <= rounds; round++) {
        const name = `round-${round}`;
        const first = await here.expiredGrant(name);
        emulator.fault({ on: "refresh", kind: "lost_answer" });
        const answers = await twelve(here, name);
        const family = familyOf(emulator.ledger(), first);
        expect(answers.map(({ code, stderr }) => [code, stderr])).toEqual(answers.map(() => [0, ""]));
        expect(new Set(answers.map(({ stdout }) => stdout))).toEqual(
          new Set([`${newestAccessToken(family)}\n`]),
        );
        const events = await here.events(name);
        expect(presentations(family)).toHaveLength(2);
        expect(events.filter(({ type }) => type === "outcome_unknown")).toHaveLength(1);
        expect(worth(family, await here.storedRefreshToken(name))).toBe("good");
        const together = watch.together(presentations(family)[0]?.masked ?? "");
        expect(
          brokenInvariants({ ledger: emulator.ledger(), firstRefreshToken: first, events, together }),
        ).toEqual([]);
      }
      await here.close();
    }
  },
);

const DUE = 20;

test(
  `twelve keepers do what is due at the same moment, ${DUE} grants: exactly ${DUE} refreshes`,
  { timeout: 600_000 },
  async () => {
    const here = await begin({ rotation: "strict" });
    const { emulator } = here;
    const watch = watchRefreshes(emulator);
    const first = new Map<string, string>();
    for (let n = 1; n <= DUE; n++) first.set(`due-${n}`, await here.expiredGrant(`due-${n}`));
    const ended = await Promise.all(
      Array.from({ length: PROCESSES }, () => here.run(["run", "--once", "--json"]).ended),
    );
    expect(ended.map(({ code }) => code)).toEqual(ended.map(() => 0));
    expect(watch.total()).toBe(DUE);
    for (const [name, refreshToken] of first) {
      const family = familyOf(emulator.ledger(), refreshToken);
      expect(presentations(family).map(({ verdict }) => verdict)).toEqual(["accepted"]);
      expect(worth(family, await here.storedRefreshToken(name))).toBe("good");
      const together = watch.together(presentations(family)[0]?.masked ?? "");
      const events = await here.events(name);
      const evidence = { ledger: emulator.ledger(), firstRefreshToken: refreshToken, events, together };
      expect(brokenInvariants(evidence)).toEqual([]);
      expect(await here.grant(name)).toMatchObject({ generation: 2, leaseOwner: null });
    }
    // Each has left: whoever comes next has the provider's whole budget.
    const { ports } = here.keeper;
    const { keepers } = await ports.store.beat({ id: "next", startedAt: 0, now: ports.clock.now() });
    expect(keepers).toEqual(["next"]);
    expect(here.integrity()).toBe("ok");
  },
);
