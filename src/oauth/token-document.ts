import type { TokenAnswer } from "../core/token-set.ts";
import { isScopeToken, parseScopes } from "../core/scopes.ts";
import { asRecord, type LooseRecord, parseJson, textOf } from "./loose-json.ts";

/** The fields of a token document, whether it came over the wire or from a file; lives are in seconds. */
export interface TokenDocument extends Omit<TokenAnswer, "accessToken"> {
  /** Null in a document that holds a refresh token alone. */
  readonly accessToken: string | null;
}

/**
 * Parses a token document: JSON (a byte order mark and white space are no hindrance), or form-encoded as a
 * few servers answer in spite of RFC 6749 section 5.1.
 * @returns its top-level fields, or null where it is neither.
 */
export function parseTokenDocument(text: string): LooseRecord | null {
  return asRecord(parseJson(text)) ?? formFields(text);
}

function formFields(text: string): LooseRecord | null {
  const body = text.trim();
  if (!/^[\w.-]+=[^\s<>{}"]*$/.test(body) || !/(^|&)(access_token|refresh_token|error)=/.test(body))
    return null;
  const record: Record<string, unknown> = Object.create(null);
  for (const [name, value] of new URLSearchParams(body)) record[name] = value;
  return record;
}

/** What stands in the fields of a token document (RFC 6749 section 5.1, and what is met instead of it). */
export function readTokenFields(fields: LooseRecord): TokenDocument {
  return {
    accessToken: textOf(fields["access_token"]),
    refreshToken: textOf(fields["refresh_token"]),
    tokenType: tokenTypeOf(fields["token_type"]),
    scopes: scopesOf(fields["scope"] ?? fields["scopes"]),
    expiresIn: lifeOf(fields["expires_in"]) ?? shortLifeOf(fields["expires"]),
    refreshTokenExpiresIn: lifeOf(fields["refresh_token_expires_in"]) ?? lifeOf(fields["refresh_expires_in"]),
  };
}

/**
 * What makes a token unusable, or null. Only visible ASCII survives a header (RFC 6749 appendix A.12);
 * anything else is damage.
 */
export function damageOf(token: string): string | null {
  if (/[\0-\x1f\x7f]/.test(token)) return "it has control characters or line breaks inside";
  if (/[^\x20-\x7e]/.test(token)) return "it has characters that no token has";
  return null;
}

/**
 * A token type is a name or an address (RFC 6749 appendix A.13). Consumers write it before the token in a header,
 * so what is none counts as not said.
 */
function tokenTypeOf(value: unknown): string | null {
  const type = textOf(value);
  return type !== null && /^[\x21-\x7e]{1,200}$/.test(type) ? type : null;
}

function scopesOf(value: unknown): readonly string[] | null {
  const parts = Array.isArray(value) ? value.filter((part) => typeof part === "string") : [value];
  const text = parts.filter((part) => typeof part === "string").join(" ");
  // What is no scope is left out: a control character in one would reach a terminal, and no request needs it.
  const scopes = parseScopes(text).filter(isScopeToken);
  return scopes.length === 0 ? null : scopes;
}

/**
 * Seconds of life. Zero counts as not said: servers write it for "does not end", and the other reading
 * would refresh without pause. So do negative numbers, dates and words.
 */
function lifeOf(value: unknown): number | null {
  const seconds = typeof value === "string" && /^\s*\d{1,15}(\.\d+)?\s*$/.test(value) ? Number(value) : value;
  return typeof seconds === "number" && Number.isFinite(seconds) && seconds > 0 ? seconds : null;
}

const TEN_YEARS = 10 * 365 * 24 * 3600;

/** `expires` is a life with some servers and a point in time with others; the latter are far larger numbers. */
function shortLifeOf(value: unknown): number | null {
  const seconds = lifeOf(value);
  return seconds !== null && seconds < TEN_YEARS ? seconds : null;
}
