import { createHash, randomBytes } from "node:crypto";

/** A source of random bytes. */
export type Random = (bytes: number) => Uint8Array;

/** The computer's randomness. */
export const systemRandom: Random = (bytes) => randomBytes(bytes);

/** Bytes that are the same for the same seed, so that a run can be repeated. Not for secrets. */
export function seededRandom(seed: string): Random {
  let block = 0;
  let pool = Buffer.alloc(0);
  return (bytes) => {
    while (pool.length < bytes) {
      pool = Buffer.concat([pool, createHash("sha256").update(`${seed}:${block++}`).digest()]);
    }
    const taken = pool.subarray(0, bytes);
    pool = pool.subarray(bytes);
    return taken;
  };
}

/** Lower-case hexadecimal digits, two for each byte. */
export function hex(random: Random, bytes: number): string {
  return Buffer.from(random(bytes)).toString("hex");
}

/** A random UUID (version 4). */
export function uuid(random: Random): string {
  return uuidFrom(hex(random, 16));
}

/**
 * A code or token in Webex's opaque form: base64 of 48 characters (a UUID, 8 hex digits, a dash, 3 hex
 * digits), the cluster, and the organisation, from which clients read the latter.
 */
export function opaque(random: Random, orgId: string): string {
  const digits = hex(random, 22);
  const inner = `${uuidFrom(digits)}${digits.slice(32, 40)}-${digits.slice(40, 43)}`;
  return `${Buffer.from(inner, "latin1").toString("base64")}_P0A1_${orgId}`;
}

/** Six decimal digits for a person to type. */
export function sixDigits(random: Random): string {
  const number = Buffer.from(random(6)).readUIntBE(0, 6) % 1_000_000;
  return String(number).padStart(6, "0");
}

/** A public id: base64 without padding of `ciscospark://us/<TYPE>/<id>`. */
export function publicId(type: string, id: string): string {
  return Buffer.from(`ciscospark://us/${type}/${id}`).toString("base64url");
}

/** The id inside a public id of that type, or undefined. */
export function innerId(type: string, publicValue: string): string | undefined {
  const text = Buffer.from(publicValue, "base64").toString("utf8");
  const prefix = `ciscospark://us/${type}/`;
  return text.startsWith(prefix) ? text.slice(prefix.length) : undefined;
}

/** Names a secret without showing it: equal secrets have equal masks. */
export function mask(secret: string): string {
  return `***${createHash("sha256").update(secret).digest("hex").slice(0, 10)}`;
}

function uuidFrom(digits: string): string {
  const variant = ((parseInt(digits.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `4${digits.slice(13, 16)}`,
    `${variant}${digits.slice(17, 20)}`,
    digits.slice(20, 32),
  ].join("-");
}
