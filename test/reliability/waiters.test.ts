import { expect, test } from "vitest";
import { getToken } from "../../src/keeper/get-token.ts";
import { refreshRejected } from "../../src/keeper/rejected-token.ts";
import { openRig } from "../keeper/rig.ts";
import { IS_LONG } from "./bench.ts";
import { brokenInvariants, familyOf, newestAccessToken, presentations, watchRefreshes } from "./oracle.ts";

const CALLERS = 1000;
const ROUNDS = IS_LONG ? 100 : 10;
const CLEAR_OF_THE_LAST = 86_400_000 * 15;

test.each(["rolling", "strict"] as const)(
  `%s: ${CALLERS} callers of one process and one expired token, ${ROUNDS} rounds: one request each, an answer for all`,
  { timeout: 600_000 },
  async (rotation) => {
    const rig = await openRig({ secondsLeft: -60, rotation, maxAccessTokens: 0 });
    const { emulator, ports } = rig;
    const watch = watchRefreshes(emulator);
    for (let round = 1; round <= ROUNDS; round++) {
      const answers = await Promise.all(Array.from({ length: CALLERS }, () => getToken(ports, "g", 300)));
      const family = familyOf(emulator.ledger(), rig.tokens.refresh_token);
      expect(answers).toHaveLength(CALLERS);
      expect(new Set(answers.map(({ access_token }) => access_token))).toEqual(
        new Set([newestAccessToken(family)]),
      );
      expect(new Set(answers.map(({ warning }) => warning))).toEqual(new Set([null]));
      expect(presentations(family)).toHaveLength(round);
      expect(watch.total()).toBe(round);
      rig.pass(CLEAR_OF_THE_LAST);
    }
    const events = await rig.events();
    const evidence = { ledger: emulator.ledger(), firstRefreshToken: rig.tokens.refresh_token, events };
    expect(brokenInvariants({ ...evidence, together: 1 })).toEqual([]);
  },
);

test(
  `${CALLERS} reports that one token was rejected, ${ROUNDS} rounds: one refresh each; of the one before: none`,
  { timeout: 600_000 },
  async () => {
    const rig = await openRig({ rotation: "strict", maxAccessTokens: 0 });
    let before: string | null = null;
    for (let round = 1; round <= ROUNDS; round++) {
      const { accessFingerprint } = await rig.grant();
      const report = (fingerprint: string | null) =>
        Promise.all(Array.from({ length: CALLERS }, () => refreshRejected(rig.ports, "g", fingerprint)));
      if (before !== null) {
        await report(before);
        expect(rig.refreshes()).toBe(round - 1);
      }
      const answers = await report(accessFingerprint);
      expect(rig.refreshes()).toBe(round);
      expect(new Set(answers.map(({ access_token }) => access_token))).toEqual(
        new Set([await rig.accessToken()]),
      );
      before = accessFingerprint;
      rig.pass(60_000);
    }
  },
);
