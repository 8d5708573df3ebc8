import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Emulator, LedgerEntry } from "../../src/emulator/index.ts";
import { issue, refresh, setUp, textOf, works } from "./support.ts";

/** The ledger in short: what happened to which kind of credential. */
function story(emulator: Emulator, after = 0): string[] {
  return emulator
    .ledger()
    .filter((entry) => entry.seq > after)
    .map(({ kind, credential, verdict }: LedgerEntry) =>
      [kind, credential, verdict].filter((part) => part !== null).join(" "),
    );
}

test("rolling: the same refresh token, its life reset, the old access token alive", async () => {
  const { emulator, client } = await setUp();
  const first = issue(emulator, client);
  emulator.advance(86_400_000);
  const second = (await refresh(emulator, client, first.refresh_token)).json;
  expect(second["refresh_token"]).toBe(first.refresh_token);
  expect(second["refresh_token_expires_in"]).toBe(7_775_999);
  expect(second["access_token"]).not.toBe(first.access_token);
  expect(await works(emulator, first.access_token)).toBe(true);
  expect(story(emulator).slice(0, 5)).toEqual([
    "minted refresh_token",
    "minted access_token",
    "presented refresh_token accepted",
    "renewed refresh_token",
    "minted access_token",
  ]);
});

describe("grace", () => {
  test("a replaced token gets its successor within the window", async () => {
    const { emulator, client } = await setUp({ rotation: "grace", graceSeconds: 30 });
    const first = issue(emulator, client);
    const second = (await refresh(emulator, client, first.refresh_token)).json;
    expect(second["refresh_token"]).not.toBe(first.refresh_token);
    emulator.advance(29_999);
    const again = (await refresh(emulator, client, first.refresh_token)).json;
    expect(again["refresh_token"]).toBe(second["refresh_token"]);
    expect(again["access_token"]).not.toBe(second["access_token"]);
    expect(story(emulator)).toContain("presented refresh_token accepted_in_grace");
    expect(await works(emulator, second["access_token"])).toBe(true);
  });

  test("after the window it is theft", async () => {
    const { emulator, client } = await setUp({ rotation: "grace", graceSeconds: 30 });
    const first = issue(emulator, client);
    const second = (await refresh(emulator, client, first.refresh_token)).json;
    emulator.advance(30_000);
    expect((await refresh(emulator, client, first.refresh_token)).status).toBe(400);
    expect((await refresh(emulator, client, textOf(second["refresh_token"]))).status).toBe(400);
    expect(await works(emulator, second["access_token"])).toBe(false);
  });
});

test("strict: reuse ends the family, its newest tokens included", async () => {
  const { emulator, client } = await setUp({ rotation: "strict" });
  const other = issue(emulator, client);
  const first = issue(emulator, client);
  const second = (await refresh(emulator, client, first.refresh_token)).json;
  const before = emulator.ledger().length;
  const reused = await refresh(emulator, client, first.refresh_token);
  expect(reused.status).toBe(400);
  expect(story(emulator, before)).toEqual([
    "presented refresh_token reused",
    "reuse_detected refresh_token",
    "revoked access_token",
    "revoked access_token",
    "revoked refresh_token",
  ]);
  expect(await works(emulator, first.access_token)).toBe(false);
  expect(await works(emulator, second["access_token"])).toBe(false);
  expect((await refresh(emulator, client, textOf(second["refresh_token"]))).status).toBe(400);
  expect(await works(emulator, other.access_token)).toBe(true);
});

test("a withdrawn consent ends everything that came of it", async () => {
  const { emulator, client } = await setUp();
  const first = issue(emulator, client);
  const second = issue(emulator, client);
  expect(emulator.revokeGrant(first.refresh_token)).toBe(true);
  expect(emulator.revokeGrant(first.refresh_token)).toBe(false);
  expect(await works(emulator, first.access_token)).toBe(false);
  expect(await works(emulator, second.access_token)).toBe(true);
  expect(emulator.revokeUser("ADMIN@example.com")).toBe(1);
  expect((await refresh(emulator, client, second.refresh_token)).status).toBe(400);
});

test("the ledger names each token by a mask and keeps to its limit", async () => {
  const { emulator, client } = await setUp({ ledgerLimit: 3 });
  const tokens = [1, 2, 3].map(() => issue(emulator, client).access_token);
  const ledger = emulator.ledger();
  expect(ledger.map(({ seq }) => seq)).toEqual([4, 5, 6]);
  expect(ledger.at(-1)).toMatchObject({
    value: tokens[2],
    masked: expect.stringMatching(/^\*{3}[0-9a-f]{10}$/),
  });
});

test("strict: whatever is presented, at most one refresh token of a grant is good, and none after reuse", async () => {
  const { emulator, client } = await setUp({ rotation: "strict", maxAccessTokens: 0 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(5), { maxLength: 8 }), async (choices) => {
      const known = [issue(emulator, client).refresh_token];
      let isAlive = true;
      for (const choice of choices) {
        const index = choice % known.length;
        const isNewest = index === known.length - 1;
        const answer = await refresh(emulator, client, known[index]);
        isAlive &&= isNewest;
        expect(answer.status).toBe(isAlive ? 200 : 400);
        if (isAlive) known.push(textOf(answer.json["refresh_token"]));
      }
    }),
    { numRuns: 60 },
  );
});
