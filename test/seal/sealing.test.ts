import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Sealed } from "../../src/core/sealed.ts";
import { addIntegration } from "../../src/keeper/integrations.ts";
import { openKeeper } from "../../src/open.ts";
import { findMasterKey, makeMasterKey } from "../../src/seal/master-key.ts";
import { createSealer, wrongMasterKey } from "../../src/seal/sealer.ts";
import { bundleChild } from "../store/bundle-child.ts";

const KEY = randomBytes(32);
const sealer = createSealer(KEY);
const place = { table: "grants", column: "access_token", id: "g1", generation: 3 };

describe("a sealed value", () => {
  test("opens where it stands, whatever it holds", () => {
    for (const text of ["", "x", "ä\u{1f511}\0", "y".repeat(10_000)]) {
      const sealed = sealer.seal(text, place);
      expect(sealer.open(sealed, place)).toBe(text);
      if (text.length > 100) expect(sealed).not.toContain(text);
      expect(createSealer(KEY).open(sealed, place)).toBe(text);
    }
  });

  test("opens in no other place: all ordered pairs of 50 rows and both columns", () => {
    const places = ["access_token", "refresh_token"].flatMap((column) =>
      Array.from({ length: 50 }, (_, row) => ({ ...place, column, id: `g${row}` })),
    );
    const sealed = places.map((one) => sealer.seal("token", one));
    let refused = 0;
    sealed.forEach((value, from) => {
      places.forEach((target, to) => {
        if (from === to) return;
        expect(() => sealer.open(value, target)).toThrow("has been changed or moved");
        refused++;
      });
    });
    expect(refused).toBe(100 * 99);
  });

  test("opens in no other table and no other generation", () => {
    const sealed = sealer.seal("token", place);
    for (const generation of [2, 4, 0, -3]) {
      expect(() => sealer.open(sealed, { ...place, generation })).toThrow("has been changed or moved");
    }
    expect(() => sealer.open(sealed, { ...place, table: "integrations" })).toThrow();
    // No two places can be written the same way.
    const near = sealer.seal("x", { table: "a", column: "b,c", id: "d", generation: 1 });
    expect(() => sealer.open(near, { table: "a,b", column: "c", id: "d", generation: 1 })).toThrow();
  });

  test("does not open with any one bit flipped, of its text or of what that encodes", () => {
    for (const text of ["t", "to", "tok"]) {
      const sealed = sealer.seal(text, place);
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const bytes = Buffer.from(sealed, "latin1");
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const flipped = bytes.toString("latin1") as Sealed;
        expect(() => sealer.open(flipped, place), flipped).toThrow(
          expect.objectContaining({ code: "master_key_unusable" }),
        );
      }
      const [version, keyId, payload = ""] = sealed.split(".");
      const blob = Buffer.from(payload, "base64url");
      for (let bit = 0; bit < blob.length * 8; bit++) {
        const bytes = Buffer.from(blob);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const flipped = `${version}.${keyId}.${bytes.toString("base64url")}` as Sealed;
        expect(() => sealer.open(flipped, place)).toThrow("has been changed or moved");
      }
    }
  });

  test.each([
    ["", "not in a form"],
    ["plain text", "not in a form"],
    ["2.abc.def", "not in a form"],
    [`1.${sealer.keyId}`, "not in a form"],
    [`1.${sealer.keyId}.`, "is cut short"],
    [`1.${sealer.keyId}.AAAA`, "is cut short"],
    [`1.${sealer.keyId}.AAAA.BBBB`, "has been changed"],
    [`1.${sealer.keyId}.A A=`, "has been changed"],
  ])("%o does not open: %s", (value, message) => {
    expect(() => sealer.open(value as Sealed, place)).toThrow(message);
  });

  test("of another key is refused, naming both keys and no secret", () => {
    const other = createSealer(randomBytes(32));
    const sealed = other.seal("token", place);
    expect(() => sealer.open(sealed, place)).toThrow(
      expect.objectContaining({
        code: "master_key_unusable",
        message: `The store is sealed under master key ${other.keyId}, but the key given is ${sealer.keyId}.`,
      }),
    );
    expect(wrongMasterKey("a", "b").remedy).toContain("Give the key a");
  });

  test("has a nonce of its own: 100,000 without a repeat", () => {
    const nonces = new Set<string>();
    for (let i = 0; i < 100_000; i++) {
      const payload = sealer.seal("", place).split(".")[2] ?? "";
      nonces.add(payload.slice(0, 16));
    }
    expect(nonces.size).toBe(100_000);
  });
});

test("fingerprints and lookup hashes are keyed, stable, and not each other", () => {
  const other = createSealer(randomBytes(32));
  expect(sealer.fingerprint("t")).toMatch(/^[0-9a-f]{16}$/);
  expect(createSealer(KEY).fingerprint("t")).toBe(sealer.fingerprint("t"));
  expect(other.fingerprint("t")).not.toBe(sealer.fingerprint("t"));
  expect(sealer.fingerprint("u")).not.toBe(sealer.fingerprint("t"));
  expect(sealer.lookupHash("t")).toMatch(/^[\w-]{43}$/);
  expect(other.lookupHash("t")).not.toBe(sealer.lookupHash("t"));
  expect(other.keyId).not.toBe(sealer.keyId);
});

describe("the master key", () => {
  const CHILD = bundleChild("test/store/child.ts");
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "grantkeeper-key-"));
  });

  afterEach(() => rmSync(home, { recursive: true, force: true }));

  const none = { value: null, file: null };

  test("is made once by eight processes at the same moment; no draft is left", async () => {
    const child = await CHILD;
    for (let round = 0; round < 5; round++) {
      const file = join(home, `${round}`, "master.key");
      const keys = await Promise.all(
        Array.from(
          { length: 8 },
          () =>
            new Promise<string>((resolve) => {
              const started = spawn(process.execPath, [child, "key", file], {
                stdio: ["ignore", "pipe", "inherit"],
              });
              let said = "";
              started.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
              started.on("close", () => resolve(said));
            }),
        ),
      );
      expect(new Set(keys)).toEqual(new Set([readFileSync(file, "utf8").trim()]));
      expect(Buffer.from(keys[0] ?? "", "base64")).toHaveLength(32);
      expect(readdirSync(join(home, `${round}`))).toEqual(["master.key"]);
    }
  });

  test("is 0600 in a directory of 0700 under umask 000", () => {
    const before = process.umask(0o000);
    try {
      const file = join(home, "deep", "master.key");
      const made = makeMasterKey(file, randomBytes);
      expect((statSync(file).mode & 0o777).toString(8)).toBe("600");
      expect((statSync(join(home, "deep")).mode & 0o777).toString(8)).toBe("700");
      expect(findMasterKey({ ...none, homeFile: file })).toEqual(made);
    } finally {
      process.umask(before);
    }
  });

  test("comes from the environment, a named file or the home, in this order", () => {
    const homeFile = join(home, "master.key");
    const file = join(home, "named");
    const keys = [1, 2, 3].map((byte) => Buffer.alloc(32, byte));
    const text = keys.map((key) => key.toString("base64"));
    expect(findMasterKey({ ...none, homeFile })).toBeNull();
    writeFileSync(homeFile, `${text[2]}\n`, { mode: 0o600 });
    writeFileSync(file, `  ${text[1]}\n`);
    const value = text[0] ?? "";
    expect(findMasterKey({ value, file, homeFile })).toMatchObject({
      key: keys[0],
      source: "GRANTKEEPER_MASTER_KEY",
    });
    expect(findMasterKey({ value: null, file, homeFile })).toMatchObject({ key: keys[1], source: file });
    expect(findMasterKey({ ...none, homeFile })).toMatchObject({ key: keys[2], source: homeFile });
  });

  test.each([
    "",
    "short",
    Buffer.alloc(31).toString("base64"),
    Buffer.alloc(33).toString("base64"),
    "!".repeat(44),
  ])("%o is none", (value) => {
    const homeFile = join(home, "master.key");
    writeFileSync(homeFile, value, { mode: 0o600 });
    const refused = expect.objectContaining({ code: "master_key_unusable" });
    expect(() => findMasterKey({ ...none, value, homeFile })).toThrow(refused);
    expect(() => findMasterKey({ ...none, homeFile })).toThrow(refused);
  });

  test("a named file that is not there, or a key file that others can read, is refused", () => {
    const homeFile = join(home, "master.key");
    const named = { value: null, file: join(home, "gone"), homeFile };
    expect(() => findMasterKey(named)).toThrow("does not exist");
    expect(() => findMasterKey({ ...named, file: home })).toThrow("cannot be read");
    makeMasterKey(homeFile, randomBytes);
    chmodSync(homeFile, 0o640);
    expect(() => findMasterKey({ ...none, homeFile })).toThrow("can be used by others (mode 0640)");
  });

  test("is never made where something is sealed already, and another one changes nothing", async () => {
    const env = { GRANTKEEPER_HOME: home };
    const keeper = await openKeeper(env);
    await addIntegration(keeper.ports, "i", "webex", {
      clientId: "C1",
      clientSecret: "s",
      preset: "meetings-capture",
    });
    const { keyId } = keeper;
    await keeper.close();
    const keyFile = join(home, "master.key");
    rmSync(keyFile);
    await expect(openKeeper(env)).rejects.toMatchObject({
      code: "master_key_unusable",
      message: `The store is sealed under master key ${keyId}, and no key was found.`,
    });
    expect(existsSync(keyFile)).toBe(false);
    const before = readFileSync(join(home, "grantkeeper.db"));
    const other = randomBytes(32).toString("base64");
    await expect(openKeeper({ ...env, GRANTKEEPER_MASTER_KEY: other })).rejects.toMatchObject({
      code: "master_key_unusable",
      message: expect.stringContaining(`sealed under master key ${keyId}`),
    });
    expect(readFileSync(join(home, "grantkeeper.db")).equals(before)).toBe(true);
    expect(existsSync(keyFile)).toBe(false);
  });
});
