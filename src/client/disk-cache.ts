import { Buffer } from "node:buffer";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { webcrypto } from "node:crypto";
import { asRecord, type HeldToken, readToken } from "./token.ts";

/** Tokens on disk, sealed, so that a program that starts anew while the service is away still has its token. */
export interface DiskCache {
  /** Null where there is none that lives. Never throws. */
  readonly read: (grant: string) => Promise<HeldToken | null>;
  /** Never throws: a disk that fails costs the token nothing. */
  readonly write: (grant: string, held: HeldToken) => Promise<void>;
  readonly remove: (grant: string) => Promise<void>;
}

const NONCE = 12;

/**
 * Files of 0600 in a directory that is made 0700 where it is not there, each sealed with AES-256-GCM under a key made of the API key, bound to
 * the service's address and the grant; their names tell neither. Whoever has the API key can have the token
 * anyway; whoever has only the disk can have nothing.
 */
export function createDiskCache(directory: string, apiKey: string, origin: string): DiskCache {
  const key = deriveKey(apiKey);
  const fileOf = async (grant: string): Promise<string> =>
    join(directory, `${hex(await digest(`${origin}\n${grant}\n${apiKey}`)).slice(0, 32)}.token`);
  const bound = (grant: string): Uint8Array<ArrayBuffer> => bytes(`grantkeeper token 1\n${origin}\n${grant}`);
  const open = async (file: string, grant: string): Promise<unknown> => {
    const sealed = new Uint8Array(await readFile(file));
    const opened = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: sealed.subarray(0, NONCE), additionalData: bound(grant) },
      await key,
      sealed.subarray(NONCE),
    );
    return JSON.parse(new TextDecoder().decode(opened));
  };
  /** Another process may have put a newer one there. */
  const generationIn = async (file: string, grant: string): Promise<number> => {
    try {
      const { generation } = asRecord(await open(file, grant));
      return typeof generation === "number" ? generation : 0;
    } catch {
      return 0;
    }
  };
  let swept: Promise<void> | undefined;
  return {
    read: async (grant) => {
      try {
        return fromFile(await open(await fileOf(grant), grant));
      } catch {
        return null;
      }
    },
    write: async (grant, held) => {
      try {
        const iv = crypto.getRandomValues(new Uint8Array(NONCE));
        const text = bytes(JSON.stringify(toFile(held)));
        const algorithm = { name: "AES-GCM", iv, additionalData: bound(grant) };
        const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, await key, text));
        const file = await fileOf(grant);
        if ((await generationIn(file, grant)) > held.token.generation) return;
        await mkdir(directory, { recursive: true, mode: 0o700 });
        swept ??= sweep(directory);
        await swept;
        const fresh = `${file}.${hex(crypto.getRandomValues(new Uint8Array(6)))}`;
        await writeFile(fresh, Buffer.concat([iv, sealed]), { mode: 0o600, flag: "wx" });
        await rename(fresh, file);
      } catch {
        // The token is served all the same.
      }
    },
    remove: async (grant) => {
      try {
        await rm(await fileOf(grant), { force: true });
      } catch {
        // What cannot be removed does not open for longer than its token lives.
      }
    },
  };
}

/** Files that a process was writing when it ended; they are sealed, and of no use. */
const UNFINISHED = /^[0-9a-f]{32}\.token\.[0-9a-f]{12}$/;
const WRITTEN_WITHIN = 60_000;

async function sweep(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!UNFINISHED.test(name)) continue;
    const file = join(directory, name);
    // oxlint-disable-next-line no-await-in-loop -- few, if any
    const { mtimeMs } = await stat(file);
    // oxlint-disable-next-line no-await-in-loop -- as above
    if (Date.now() - mtimeMs > WRITTEN_WITHIN) await rm(file, { force: true });
  }
}

/** Across a restart there is only the wall clock: the time of writing tells when it was set back. */
function toFile({ token, endsAt }: HeldToken): object {
  const writtenAt = Date.now();
  const left = Number.isFinite(endsAt) ? endsAt - performance.now() : null;
  return { ...token, writtenAt, endsAt: left === null ? null : writtenAt + left };
}

function fromFile(value: unknown): HeldToken | null {
  const given = asRecord(value);
  const { writtenAt, endsAt } = given;
  const now = Date.now();
  // Without a known end it could be served for ever; ahead of its own writing the clock is not to be trusted.
  if (typeof writtenAt !== "number" || typeof endsAt !== "number" || now < writtenAt) return null;
  if (endsAt <= now) return null;
  return readToken(
    {
      ...given,
      access_token: given["accessToken"],
      token_type: given["tokenType"],
      expires_at: given["expiresAt"],
      expires_in: (endsAt - now) / 1000,
    },
    performance.now(),
  );
}

async function deriveKey(apiKey: string): Promise<webcrypto.CryptoKey> {
  const material = await crypto.subtle.importKey("raw", bytes(apiKey), "HKDF", false, ["deriveKey"]);
  const algorithm = {
    name: "HKDF",
    hash: "SHA-256",
    salt: new Uint8Array(),
    info: bytes("grantkeeper token cache"),
  };
  return crypto.subtle.deriveKey(algorithm, material, { name: "AES-GCM", length: 256 }, false, [
    "encrypt",
    "decrypt",
  ]);
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes(text)));
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function hex(value: Uint8Array): string {
  return Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
