import { timingSafeEqual } from "node:crypto";
import { beforeEach, expect, test, vi } from "vitest";
import { type ApiKey, newApiKeyText } from "../../src/core/api-key.ts";
import { createKeyRing } from "../../src/http/key-ring.ts";
import type { Ports } from "../../src/keeper/ports.ts";
import { createSealer } from "../../src/seal/sealer.ts";
import { START } from "../keeper/rig.ts";

vi.mock("node:crypto", { spy: true });

const compared = vi.mocked(timingSafeEqual);
const bytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const { digest } = createSealer(new Uint8Array(32));

beforeEach(() => {
  compared.mockClear();
});

/** A ring over a store of keys that is held back, or fails, as a test wants it. */
function stage() {
  const kept = new Map<string, ApiKey>();
  const state = {
    isFresh: true,
    isFailing: false,
    now: START,
    reads: 0,
    before: async () => {},
    touched: [""],
  };
  state.touched = [];
  const store = {
    apiKey: async (id: string) => {
      state.reads += 1;
      if (state.isFailing) throw new Error("the store is gone");
      const found = kept.get(id) ?? null;
      await state.before();
      return found;
    },
    touchApiKeys: async (uses: readonly { readonly id: string; readonly at: number }[]) => {
      if (state.isFailing) throw new Error("the store is gone");
      state.touched.push(...uses.map(({ id, at }) => `${id} ${at}`));
    },
  } as unknown as Ports["store"];
  const clock = { now: () => state.now } as Ports["clock"];
  const feed = {
    isFresh: () => state.isFresh,
    subscribe: () => () => undefined,
    stop: async () => undefined,
  };
  const add = (change: Partial<ApiKey> = {}) => {
    const { id, key } = newApiKeyText(bytes);
    const apiKey: ApiKey = {
      id,
      name: "k",
      digest: digest(key),
      scopes: ["tokens:read"],
      grants: null,
      createdAt: START,
      expiresAt: null,
      lastUsedAt: null,
      revokedAt: null,
      ...change,
    };
    kept.set(id, apiKey);
    return { id, field: `Bearer ${key}`, apiKey };
  };
  return { ring: createKeyRing({ store, clock }, feed), state, kept, add };
}

const refused = { code: "unauthorized" };

test("an id that is not there and a wrong secret take the same steps: a look, and a comparison of two digests", async () => {
  const { ring, state, add } = stage();
  const { id, field } = add();
  const other = newApiKeyText(bytes).key;
  const swapped = newApiKeyText((length) => bytes(length));
  // A key of ours in form and checksum, with the id of one that is there.
  const { key: wrongSecret } = withId(id);
  const work: unknown[] = [];
  for (const text of [other, wrongSecret, swapped.key]) {
    compared.mockClear();
    ring.forget();
    state.reads = 0;
    await expect(ring.find(`Bearer ${text}`)).rejects.toMatchObject(refused);
    const sizes = compared.mock.calls.map(([a, b]) => [a.byteLength, b.byteLength]);
    work.push({ reads: state.reads, sizes });
  }
  expect(work[0]).toEqual({ reads: 1, sizes: [[32, 32]] });
  expect(new Set(work.map((one) => JSON.stringify(one))).size).toBe(1);
  await expect(ring.find(field)).resolves.toMatchObject({ id });
});

/** Random bytes whose first ten give the characters of an id. */
function withId(id: string): { readonly key: string } {
  const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  return newApiKeyText((length) =>
    length === id.length ? Uint8Array.from(id, (character) => alphabet.indexOf(character)) : bytes(length),
  );
}

test("what has no key's form, or a wrong checksum, costs no look at the store", async () => {
  const { ring, state, add } = stage();
  const { field } = add();
  const last = field.endsWith("0") ? "1" : "0";
  for (const text of [
    undefined,
    "",
    "Bearer",
    "Basic x",
    field.slice(7),
    `${field.slice(0, -1)}${last}`,
    `${field}${"a".repeat(99)}`,
  ])
    await expect(ring.find(text)).rejects.toMatchObject(refused);
  expect(state.reads).toBe(0);
});

test("a key that is forgotten while it is read is not kept as it was", async () => {
  const { ring, state, kept, add } = stage();
  const { id, field, apiKey } = add();
  state.before = async () => {
    // Revoked by another process: the feed tells of it before the answer of the store is here.
    kept.set(id, { ...apiKey, revokedAt: state.now });
    ring.forget();
    state.before = async () => undefined;
  };
  await ring.find(field);
  expect(ring.known(field)).toBeNull();
  await expect(ring.find(field)).rejects.toMatchObject(refused);
});

test("from memory only while the changes of the store are known; then without a look", async () => {
  const { ring, state, add } = stage();
  const { field } = add();
  expect(ring.known(field)).toBeNull();
  await ring.find(field);
  expect(ring.known(field)).not.toBeNull();
  await ring.find(field);
  expect(state.reads).toBe(1);
  state.isFresh = false;
  expect(ring.known(field)).toBeNull();
  await ring.find(field);
  expect(state.reads).toBe(2);
});

test("a key ends on time, in memory too", async () => {
  const { ring, state, add } = stage();
  const { field } = add({ expiresAt: START + 1000 });
  await ring.find(field);
  state.now = START + 999;
  expect(ring.known(field)).not.toBeNull();
  state.now = START + 1000;
  expect(ring.known(field)).toBeNull();
  await expect(ring.find(field)).rejects.toMatchObject(refused);
});

test("a store that fails lets nobody in, and loses no last use", async () => {
  const { ring, state, add } = stage();
  const { id, field } = add();
  await ring.find(field);
  state.isFailing = true;
  await expect(ring.flush()).rejects.toThrow("gone");
  await expect(ring.find(add().field)).rejects.toThrow("gone");
  state.isFailing = false;
  await ring.flush();
  await ring.flush();
  expect(state.touched).toEqual([`${id} ${START}`]);
});
