import { describe, expect, test } from "vitest";
import { followChanges } from "../../src/keeper/change-feed.ts";
import { follow, stage } from "./event-stage.ts";

describe("changes", () => {
  test("are told from now on, once each, in order", async () => {
    const s = stage();
    s.commit(1, 2, 3);
    const { told, feed } = await follow(s);
    expect(told).toEqual([]);
    s.commit(4, 5);
    await s.look();
    await s.look();
    s.commit(6);
    await s.look();
    expect(told).toEqual([4, 5, 6]);
    await feed.stop();
  });

  test("a smaller number that is committed later is told, and the greater ones not again", async () => {
    const s = stage();
    s.commit(1);
    const { told } = await follow(s);
    s.commit(3, 4, 7);
    await s.look();
    expect(told).toEqual([3, 4, 7]);
    s.commit(2);
    await s.look();
    s.commit(6);
    await s.look();
    s.commit(5);
    await s.look();
    await s.look();
    expect(told).toEqual([3, 4, 7, 2, 6, 5]);
  });

  test("a gap is waited for fifteen seconds, and no longer", async () => {
    const s = stage();
    s.commit(1);
    const { told } = await follow(s);
    s.commit(3);
    await s.look();
    for (let waited = 0; waited < 15_000; waited += 1000) await s.look(1000);
    s.commit(2);
    await s.look();
    expect(told).toEqual([3, 2]);
    s.commit(5);
    await s.look();
    await s.look(16_000);
    await s.look();
    s.commit(4, 6);
    await s.look();
    // Four was given up; nothing behind it is lost or told twice.
    expect(told).toEqual([3, 2, 5, 6]);
  });

  test("more than a page of them, with a gap at its start, are all told once", async () => {
    const s = stage();
    const { told } = await follow(s);
    const many = Array.from({ length: 2500 }, (_, i) => i + 2);
    s.commit(...many);
    await s.look();
    await s.look();
    expect(told).toEqual(many);
    s.commit(1);
    await s.look();
    expect(told).toEqual([...many, 1]);
  });

  test("whoever ended its subscription is told nothing more", async () => {
    const s = stage();
    const { feed } = await follow(s);
    const told: number[] = [];
    const end = feed.subscribe(({ seq }) => told.push(seq));
    s.commit(1);
    await s.look();
    end();
    s.commit(2);
    await s.look();
    expect(told).toEqual([1]);
  });
});

describe("freshness", () => {
  test("lasts a second after a look, and no longer where the store fails", async () => {
    const s = stage();
    const { feed, errors, told } = await follow(s);
    expect(feed.isFresh()).toBe(true);
    s.state.isFailing = true;
    for (const after of [250, 500, 750]) {
      await s.look();
      expect([after, feed.isFresh()]).toEqual([after, true]);
    }
    await s.look();
    expect(feed.isFresh()).toBe(false);
    expect(errors).toHaveLength(4);
    s.commit(1);
    s.state.isFailing = false;
    await s.look();
    expect(feed.isFresh()).toBe(true);
    expect(told).toEqual([1]);
  });

  test("counts from the beginning of a look: what was committed during it may be missing", async () => {
    const s = stage();
    let answer = (): void => undefined;
    const slow = { ...s.store };
    const { feed } = await follow({ ...s, store: slow });
    const asked = new Promise<void>((resolve) => {
      slow.changesAfter = async (seq, limit) => {
        resolve();
        await new Promise<void>((go) => {
          answer = go;
        });
        return s.store.changesAfter(seq, limit);
      };
    });
    const looking = s.look(250);
    await asked;
    s.pass(900);
    answer();
    await looking;
    expect(feed.isFresh()).toBe(true);
    s.pass(100);
    expect(feed.isFresh()).toBe(false);
  });

  test("a listener that fails is reported, and what it missed is told again", async () => {
    const s = stage();
    const { feed, errors } = await follow(s);
    const told: number[] = [];
    let isBroken = true;
    feed.subscribe(({ seq }) => {
      if (isBroken) throw new Error("broken");
      told.push(seq);
    });
    s.commit(1);
    await s.look();
    isBroken = false;
    await s.look();
    expect([told, errors.length]).toEqual([[1], 1]);
  });
});

test("stopping ends its rest at once; nothing is looked at afterwards; a first look that fails is thrown", async () => {
  const s = stage();
  const { feed } = await follow(s);
  const { looks } = s.state;
  await feed.stop();
  expect(s.isWaiting()).toBe(false);
  expect(s.state.looks).toBe(looks);
  const broken = { ...s, store: { ...s.store, lastEvent: () => Promise.reject(new Error("gone")) } };
  await expect(followChanges(broken, () => undefined)).rejects.toThrow("gone");
});
