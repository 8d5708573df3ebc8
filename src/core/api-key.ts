import { instant } from "./grant.ts";

/** What a key may do. `admin` may do everything. `docs/api-keys.md` is held against this list. */
export const API_KEY_SCOPES = {
  "tokens:read": "fetch access tokens, and have a rejected one replaced",
  "grants:read": "see grants, integrations, data sources and deliveries",
  "grants:write": "begin, end, hold, release and remove grants",
  "integrations:write": "add, change and remove integrations",
  "secrets:reveal": "be shown a refresh token",
  "events:read": "read the audit and the feed of changes",
  "metrics:read": "read the metrics",
  admin: "everything, API keys and deliveries included",
} as const satisfies Record<string, string>;

export type ApiKeyScope = keyof typeof API_KEY_SCOPES;

/** Scopes that reach beyond single grants: a key that is narrowed to grants cannot have them. */
export const UNBOUND_SCOPES: readonly ApiKeyScope[] = ["integrations:write", "metrics:read", "admin"];

/** A consumer's key, as it is kept: its text is shown once, and only its digest stays. Times are epoch milliseconds. */
export interface ApiKey {
  /** Ten characters that the key itself carries. */
  readonly id: string;
  readonly name: string;
  /** SHA-256 of the whole key, in hex. */
  readonly digest: string;
  readonly scopes: readonly ApiKeyScope[];
  /** Names of the only grants that it is for; null: all. */
  readonly grants: readonly string[] | null;
  readonly createdAt: number;
  /** Null: never. */
  readonly expiresAt: number | null;
  /** To the second or so. */
  readonly lastUsedAt: number | null;
  readonly revokedAt: number | null;
}

/** A key as programs see it: never its text or digest. */
export function apiKeyDocument(key: ApiKey) {
  return {
    id: key.id,
    name: key.name,
    scopes: key.scopes,
    grants: key.grants,
    created_at: instant(key.createdAt),
    expires_at: instant(key.expiresAt),
    last_used_at: instant(key.lastUsedAt),
    revoked_at: instant(key.revokedAt),
  };
}

/** Whether a key may do what needs this scope. */
export function hasScope({ scopes }: Pick<ApiKey, "scopes">, needed: ApiKeyScope): boolean {
  return scopes.includes(needed) || scopes.includes("admin");
}

/** Whether a key may see or touch a grant of this name at all. */
export function isForGrant({ grants }: Pick<ApiKey, "grants">, name: string): boolean {
  return grants === null || grants.includes(name);
}

/** Whether a key counts at this time. */
export function isUsable(
  { revokedAt, expiresAt }: Pick<ApiKey, "revokedAt" | "expiresAt">,
  now: number,
): boolean {
  return revokedAt === null && (expiresAt === null || now < expiresAt);
}

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_LENGTH = 10;
/** 32 characters of 62 are 190 bits: RFC 6749 section 10.10 asks for 160. */
const SECRET_LENGTH = 32;
const SHAPE = /^gk_([0-9A-Za-z]{10})_([0-9A-Za-z]{32})_([0-9A-Za-z]{6})$/;

/**
 * A new key: `gk_<id>_<secret>_<checksum>`. The prefix lets scanners of leaked secrets know it; the checksum
 * tells a mistyped key from a wrong one without a look at the store.
 * @param bytes from a cryptographic source.
 */
export function newApiKeyText(bytes: (length: number) => Uint8Array): {
  readonly id: string;
  readonly key: string;
} {
  const id = randomText(bytes, ID_LENGTH);
  const body = `gk_${id}_${randomText(bytes, SECRET_LENGTH)}`;
  return { id, key: `${body}_${checksum(body)}` };
}

/** The id that a presented key carries; null where it is no key of ours, or a mistyped one. */
export function idOfApiKey(text: string): string | null {
  const found = SHAPE.exec(text);
  if (found === null) return null;
  const [, id = "", , sum] = found;
  return checksum(text.slice(0, -7)) === sum ? id : null;
}

/** Every character equally likely: bytes past the last whole multiple of the alphabet are drawn again. */
function randomText(bytes: (length: number) => Uint8Array, length: number): string {
  let text = "";
  while (text.length < length) {
    for (const byte of bytes(length)) {
      if (byte < 248 && text.length < length) text += ALPHABET[byte % 62];
    }
  }
  return text;
}

/** CRC-32 (ISO 3309) in base 62: it catches every edit of a single character. */
function checksum(text: string): string {
  let crc = 0xffff_ffff;
  for (let i = 0; i < text.length; i++) {
    crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ text.charCodeAt(i)) & 0xff] ?? 0);
  }
  let rest = (crc ^ 0xffff_ffff) >>> 0;
  let sum = "";
  for (let i = 0; i < 6; i++) {
    sum = `${ALPHABET[rest % 62]}${sum}`;
    rest = Math.floor(rest / 62);
  }
  return sum;
}

const CRC_TABLE = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  return crc >>> 0;
});
