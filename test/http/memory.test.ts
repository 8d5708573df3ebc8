/** What is kept in memory: opened tokens, and counts of later hand-outs. */
import { describe, expect, test } from "vitest";
import { type Grant, tokenDocument } from "../../src/core/grant.ts";
import { type Counter, createHandOutCounts } from "../../src/http/hand-out-counts.ts";
import { createTokenCache } from "../../src/http/token-cache.ts";
import type { HandOutCount, Ports } from "../../src/keeper/ports.ts";
import { openRig, START } from "../keeper/rig.ts";

async function stage(most?: number) {
  const rig = await openRig();
  const state = { isFresh: true };
  const cache = createTokenCache({ isFresh: () => state.isFresh }, most);
  const first = await rig.grant();
  const grant = (name: string, generation = 1): Grant => ({ ...first, id: `id-${name}`, name, generation });
  const put = (one: Grant, since = cache.reading()) =>
    cache.put(one, tokenDocument(one, `token-${one.name}`, null, START), since);
  return { cache, state, grant, put };
}

const counter = (name: string, times = 0): Counter => ({
  grantId: `id-${name}`,
  generation: 1,
  consumer: "api_key:a",
  times,
  at: 0,
});

describe("tokens in memory", () => {
  test("are served while the store's changes are known, and until their grant changes", async () => {
    const { cache, state, grant, put } = await stage();
    const held = put(grant("a"));
    put(grant("b"));
    expect(cache.get("a")).toBe(held);
    state.isFresh = false;
    expect(cache.get("a")).toBeNull();
    state.isFresh = true;
    cache.forget("id-a");
    expect([cache.get("a"), cache.get("b")?.grantId]).toEqual([null, "id-b"]);
    cache.forget(null);
    expect([cache.get("b"), cache.size()]).toEqual([null, 0]);
  });

  test.each([
    ["its grant", "id-a", false],
    ["all grants", null, false],
    ["another grant", "id-b", true],
  ])("%s changed while it was read: kept or not", async (_, changed, isKept) => {
    const { cache, grant, put } = await stage();
    const since = cache.reading();
    cache.forget(changed);
    put(grant("a"), since);
    expect(cache.get("a") !== null).toBe(isKept);
    put(grant("a"));
    expect(cache.get("a")).not.toBeNull();
  });

  test("a change is remembered however many others come after it", async () => {
    const { cache, grant, put } = await stage();
    const since = cache.reading();
    cache.forget("id-a");
    for (let i = 0; i < 25_000; i++) cache.forget(`id-${i}`);
    put(grant("a"), since);
    expect(cache.get("a")).toBeNull();
  });

  test("consumers stay with their generation, and go with it", async () => {
    const { cache, grant, put } = await stage();
    const one = counter("a", 3);
    put(grant("a")).consumers.set("key", one);
    expect(put(grant("a")).consumers.get("key")).toBe(one);
    expect(put(grant("a", 2)).consumers.size).toBe(0);
    // Another grant of that name is another grant.
    put(grant("a", 2)).consumers.set("key", one);
    expect(put({ ...grant("a", 2), id: "id-new" }).consumers.size).toBe(0);
    cache.forget("id-a");
    expect(cache.get("a")?.grantId).toBe("id-new");
  });

  test("no more are kept than fit: the oldest go", async () => {
    const { cache, grant, put } = await stage(3);
    for (const name of ["a", "b", "c", "a", "d"]) put(grant(name));
    expect(cache.size()).toBe(3);
    expect(["a", "b", "c", "d"].filter((name) => cache.get(name) !== null)).toEqual(["a", "c", "d"]);
    cache.forget("id-b");
    expect(cache.size()).toBe(3);
  });

  test.each([
    [START + 1000, "Zoë \u2028"],
    [null, "plain"],
  ])("the document around its expires_in is whole (until %s)", async (expiresAt, scope) => {
    const { cache, grant } = await stage();
    const one: Grant = { ...grant("a"), accessExpiresAt: expiresAt, scopes: [scope] };
    const { head, tail, length } = cache.put(one, tokenDocument(one, 'to"ken', "a warning", START), 0);
    const seconds = expiresAt === null ? "" : "42";
    const text = `${head}${seconds}${tail}`;
    expect(Buffer.byteLength(text)).toBe(length + seconds.length);
    expect(JSON.parse(text)).toMatchObject({
      access_token: 'to"ken',
      expires_in: expiresAt === null ? null : 42,
      warning: "a warning",
    });
  });
});

describe("counts of later hand-outs", () => {
  function counting() {
    const written: HandOutCount[][] = [];
    const state = { failures: 0, during: () => undefined as void };
    const store = {
      countHandOuts: async (counts: readonly HandOutCount[]) => {
        state.during();
        if (state.failures-- > 0) throw new Error("the store is gone");
        written.push(counts.map((one) => ({ ...one })));
      },
    } as unknown as Ports["store"];
    return { counts: createHandOutCounts({ store }), written, state };
  }
  const total = (written: readonly HandOutCount[][]): number =>
    written.flat().reduce((sum, { times }) => sum + times, 0);

  test("are added up, written once, and begin again at none", async () => {
    const { counts, written } = counting();
    const one = counter("a");
    for (let i = 1; i <= 5; i++) counts.count(one, i);
    expect(await counts.flush()).toBe(false);
    expect(written).toEqual([[{ ...one, times: 5, at: 5 }]]);
    await counts.flush();
    counts.count(one, 9);
    await counts.flush();
    expect(written.map(([first]) => first?.times)).toEqual([5, 1]);
  });

  test("a store that fails loses none, also of those that come meanwhile", async () => {
    const { counts, written, state } = counting();
    const one = counter("a");
    for (let i = 0; i < 10; i++) counts.count(one, i);
    state.failures = 3;
    state.during = () => counts.count(one, 100);
    for (let i = 0; i < 3; i++) await expect(counts.flush()).rejects.toThrow("gone");
    state.during = () => undefined;
    await counts.flush();
    expect(total(written)).toBe(13);
    expect(written.at(-1)?.[0]?.at).toBe(100);
  });

  test("many go in parts; where one part fails the rest is written the next time", async () => {
    const { counts, written, state } = counting();
    for (let i = 0; i < 2100; i++) counts.count(counter(String(i)), i);
    expect(await counts.flush()).toBe(true);
    expect(written.map((part) => part.length)).toEqual([250, 250, 250, 250]);
    state.failures = 1;
    await expect(counts.flush()).rejects.toThrow("gone");
    while (await counts.flush()) expect(written.at(-1)?.length).toBeLessThanOrEqual(250);
    expect(total(written)).toBe(2100);
    expect(new Set(written.flat().map(({ grantId }) => grantId)).size).toBe(2100);
  });
});
