import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  API_KEY_SCOPES,
  type ApiKey,
  type ApiKeyScope,
  hasScope,
  idOfApiKey,
  isForGrant,
  isUsable,
  newApiKeyText,
} from "../../src/core/api-key.ts";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SCOPES = Object.keys(API_KEY_SCOPES) as ApiKeyScope[];
const KEY: ApiKey = {
  id: "i",
  name: "n",
  digest: "",
  scopes: [],
  grants: null,
  createdAt: 0,
  expiresAt: null,
  lastUsedAt: null,
  revokedAt: null,
};

test("a key carries its id, and every edit of one character is noticed", () => {
  const { id, key } = newApiKeyText(randomBytes);
  expect(idOfApiKey(key)).toBe(id);
  for (let at = 0; at < key.length; at++) {
    for (const put of [...ALPHABET.split(""), "_", "", "-", " "]) {
      const edited = key.slice(0, at) + put + key.slice(at + 1);
      if (edited !== key) expect([edited, idOfApiKey(edited)]).toEqual([edited, null]);
    }
  }
});

test("what is no key is none, whatever it is", () => {
  fc.assert(fc.property(fc.string({ maxLength: 80 }), (text) => idOfApiKey(text) === null));
  for (const text of ["", "gk_", "gk__", `gk_${"a".repeat(50)}`, " ", "Bearer x"])
    expect(idOfApiKey(text)).toBeNull();
});

test("100,000 keys: none twice, every character as likely as another", () => {
  const seen = new Set<string>();
  const counts = new Map<string, number>();
  for (let i = 0; i < 100_000; i++) {
    const { key } = newApiKeyText(randomBytes);
    seen.add(key);
    for (const one of key.slice(14, 46)) counts.set(one, (counts.get(one) ?? 0) + 1);
  }
  expect(seen.size).toBe(100_000);
  expect([...counts.keys()].toSorted().join("")).toBe(ALPHABET);
  const wanted = 3_200_000 / 62;
  // Six standard deviations: a bias of 256 mod 62 would be 24 %, some two hundred of them.
  const allowed = 6 * Math.sqrt(wanted);
  for (const [one, many] of counts) expect([one, Math.abs(many - wanted) < allowed]).toEqual([one, true]);
});

test("bytes that would favour some characters are drawn again", () => {
  const served = [new Uint8Array(10).fill(255), new Uint8Array(10).fill(1), new Uint8Array(32).fill(2)];
  expect(newApiKeyText(() => served.shift() ?? new Uint8Array(0)).key).toMatch(/^gk_1{10}_2{32}_/);
});

test("scopes, narrowing and ends", () => {
  for (const scope of SCOPES) {
    for (const needed of SCOPES)
      expect(hasScope({ scopes: [scope] }, needed)).toBe(scope === needed || scope === "admin");
  }
  expect([isForGrant({ grants: null }, "a"), isForGrant({ grants: ["a"] }, "a")]).toEqual([true, true]);
  expect([isForGrant({ grants: ["a"] }, "b"), isForGrant({ grants: [] }, "a")]).toEqual([false, false]);
  expect(isUsable(KEY, 5)).toBe(true);
  expect([4, 5, 6].map((now) => isUsable({ ...KEY, expiresAt: 5 }, now))).toEqual([true, false, false]);
  expect(isUsable({ ...KEY, revokedAt: 9 }, 5)).toBe(false);
});
