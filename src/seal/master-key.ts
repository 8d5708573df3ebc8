import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { GrantkeeperError } from "../core/errors.ts";
import { MASTER_KEY_LENGTH } from "./sealer.ts";

/** Where a master key may come from, in this order. */
export interface KeySources {
  /** Base64 of 32 bytes, from the environment. */
  readonly value: string | null;
  /** A file that holds the same. */
  readonly file: string | null;
  /** The file in the home, used where neither is given. */
  readonly homeFile: string;
}

/** A master key as found, with the place it came from in words. */
export interface FoundKey {
  readonly key: Uint8Array;
  readonly source: string;
}

/**
 * Finds the master key. Null where there is none anywhere.
 * @throws {GrantkeeperError} `master_key_unusable` for a key that is no key, or a file that others can read.
 */
export function findMasterKey({ value, file, homeFile }: KeySources): FoundKey | null {
  if (value !== null)
    return { key: decode(value, "GRANTKEEPER_MASTER_KEY"), source: "GRANTKEEPER_MASTER_KEY" };
  if (file !== null) {
    const content = readKeyFile(file);
    if (content === null)
      throw unusable(`The master key file ${file} does not exist.`, "Name the right file, or restore it.");
    return { key: decode(content, file), source: file };
  }
  const content = readKeyFile(homeFile);
  if (content === null) return null;
  refuseShared(homeFile);
  return { key: decode(content, homeFile), source: homeFile };
}

/**
 * Makes the home's key file, 0600, synced to disk before anything is sealed under it. Of several processes
 * at the same moment one makes it and the others read it: a link appears whole or not at all.
 */
export function makeMasterKey(homeFile: string, random: (length: number) => Uint8Array): FoundKey {
  mkdirSync(dirname(homeFile), { recursive: true, mode: 0o700 });
  const draft = join(
    dirname(homeFile),
    `.master.key.${process.pid}.${Buffer.from(random(6)).toString("hex")}`,
  );
  const descriptor = openSync(draft, "wx", 0o600);
  try {
    writeSync(descriptor, `${Buffer.from(random(MASTER_KEY_LENGTH)).toString("base64")}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  try {
    linkSync(draft, homeFile);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  } finally {
    unlinkSync(draft);
  }
  syncDirectory(dirname(homeFile));
  return { key: decode(readFileSync(homeFile, "utf8"), homeFile), source: homeFile };
}

function readKeyFile(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw unusable(
      `The master key file ${file} cannot be read (${codeOf(error)}).`,
      "Make it readable for this user.",
    );
  }
}

function decode(text: string, source: string): Uint8Array {
  const trimmed = text.trim();
  const key = Buffer.from(trimmed, "base64");
  const isBase64 = /^[A-Za-z0-9+/]*={0,2}$/.test(trimmed);
  if (isBase64 && key.length === MASTER_KEY_LENGTH) return key;
  throw unusable(
    `${source} does not hold a master key: it has to be ${MASTER_KEY_LENGTH} bytes in base64.`,
    "Give the key that the store was made with. A new one for a new store: openssl rand -base64 32.",
  );
}

function refuseShared(file: string): void {
  const mode = statSync(file).mode & 0o777;
  if (process.platform === "win32" || (mode & 0o077) === 0) return;
  throw unusable(
    `The master key file ${file} can be used by others (mode ${mode.toString(8).padStart(4, "0")}).`,
    `Run: chmod 600 ${file}. If others were on this machine, treat its secrets as known to them.`,
  );
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}

function unusable(message: string, remedy: string): GrantkeeperError {
  return new GrantkeeperError("master_key_unusable", message, { remedy: `${remedy} Nothing was changed.` });
}
