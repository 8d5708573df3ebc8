import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from "node:zlib";

/**
 * What an answer to a refresh has to be taken for, told anew from the bytes: a second opinion that shares no
 * code with the reader. For a provider without a table of its own.
 */
export interface Judgement {
  readonly kind: "refreshed" | "unavailable" | "in_doubt" | "grant_rejected" | "integration_rejected";
  /** Null unless refreshed. */
  readonly accessToken: string | null;
  /** The refresh token that the answer brings; null: the one before stays. */
  readonly refreshToken: string | null;
}

/** An answer as bytes. */
export interface AnswerBytes {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
}

const MIB = 1 << 20;

export function judge({ status, headers, bytes }: AnswerBytes): Judgement {
  const text = bytes.length > MIB ? null : textFrom(bytes, headers);
  const fields = text === null ? null : (objectIn(text) ?? formIn(text));
  const isSuccess = status > 199 && status < 300;
  const access = word(fields?.get("access_token"));
  if (isSuccess && access !== null && isToken(access)) {
    const refresh = word(fields?.get("refresh_token"));
    const usable = refresh !== null && isToken(refresh) ? refresh : null;
    return { kind: "refreshed", accessToken: access, refreshToken: usable };
  }
  const kind = failureOf(status, isSuccess && access !== null ? null : codeIn(fields));
  return { kind, accessToken: null, refreshToken: null };
}

function failureOf(status: number, code: string | null): Exclude<Judgement["kind"], "refreshed"> {
  if (status < 300 && code === null) return "in_doubt";
  if (status >= 300 && status < 400) return "unavailable";
  if ([408, 421, 423, 425, 429, 503].includes(status)) return "unavailable";
  if (code === "temporarily_unavailable" || code === "slow_down") {
    return status >= 500 && code === "slow_down" ? "in_doubt" : "unavailable";
  }
  if (status >= 500 || code === "server_error") return "in_doubt";
  if (GRANT_CODES.includes(code ?? "")) return "grant_rejected";
  return CLIENT_CODES.includes(code ?? "") || status === 401 ? "integration_rejected" : "unavailable";
}

const GRANT_CODES = ["invalid_grant", "invalid_refresh_token", "expired_token"];
const CLIENT_CODES = ["invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"];

type Fields = ReadonlyMap<string, unknown>;

function objectIn(text: string): Fields | null {
  const mark = text.search(/\S/);
  const start = text.trimStart();
  // `trimStart` takes the byte order mark for white space; JSON does not, but for the one at the beginning.
  const rest = text.slice(0, mark).split("\uFEFF").length > 2 ? text : start;
  try {
    const value: unknown = JSON.parse(rest);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    return new Map(Reflect.ownKeys(value).map((key) => [String(key), Reflect.get(value, key)]));
  } catch {
    return null;
  }
}

function formIn(text: string): Fields | null {
  const body = text.trim();
  const [first = ""] = body.split("=", 1);
  if (!body.includes("=") || first === "" || /[^A-Za-z0-9_.-]/.test(first)) return null;
  if (/[\s<>{}"]/.test(body)) return null;
  const pairs = body.split("&");
  const begins = (name: string) => pairs.some((pair) => pair.startsWith(`${name}=`));
  if (!["access_token", "refresh_token", "error"].some(begins)) return null;
  const split = pairs.map((pair): [string, string] => {
    const at = pair.indexOf("=");
    return at < 0 ? [plain(pair), ""] : [plain(pair.slice(0, at)), plain(pair.slice(at + 1))];
  });
  return new Map(split);
}

/** Percent-encoding undone byte by byte; what is none stays as it is. */
function plain(value: string): string {
  const bytes = Buffer.from(value.replaceAll("+", " "));
  const out: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    const hex = bytes.toString("latin1", i + 1, i + 3);
    const isEscape = bytes[i] === 0x25 && /^[0-9a-f]{2}$/i.test(hex);
    out.push(isEscape ? Number.parseInt(hex, 16) : (bytes[i] ?? 0));
    if (isEscape) i += 2;
  }
  return Buffer.from(out).toString();
}

function codeIn(fields: Fields | null): string | null {
  const error = fields?.get("error");
  if (typeof error !== "object" || error === null || Array.isArray(error)) return word(error);
  const nested = new Map(Object.entries(error));
  return word(nested.get("code")) ?? word(nested.get("status")) ?? word(nested.get("type"));
}

function word(value: unknown): string | null {
  return typeof value === "string" && value.trim() !== "" ? value.trim() : null;
}

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e) return false;
  }
  return true;
}

function textFrom(bytes: Buffer, headers: Readonly<Record<string, string>>): string | null {
  const encoding = (headers["content-encoding"] ?? "").trim().toLowerCase();
  let tries: ((input: Buffer, options: { maxOutputLength: number }) => Buffer)[] = [];
  if (encoding === "deflate") tries = [inflateSync, inflateRawSync];
  if (encoding === "br") tries = [brotliDecompressSync];
  if (bytes[0] === 0x7b) tries = [];
  if (bytes.length > 1 && bytes.readUInt16BE() === 0x1f8b) tries = [gunzipSync];
  for (const unpack of tries) {
    try {
      return letters(unpack(bytes, { maxOutputLength: MIB }), headers);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") return null;
    }
  }
  return letters(bytes, headers);
}

function letters(bytes: Buffer, headers: Readonly<Record<string, string>>): string {
  const mark = bytes.subarray(0, 2).toString("hex");
  const says16 = /charset\s*=\s*"?utf-?16/i.test(headers["content-type"] ?? "");
  const isBig = mark === "feff" || (says16 && mark.startsWith("00"));
  const isLittle = mark === "fffe" || (!isBig && says16 && mark.length === 4 && mark.endsWith("00"));
  if (!isBig && !isLittle) return bytes.toString("utf8");
  const whole = Buffer.from(bytes.subarray(0, bytes.length & ~1));
  const text = (isBig ? whole.swap16() : whole).toString("utf16le").replace(/^\uFEFF/, "");
  // Half a unit at the end is damage, and has to be seen as such.
  return whole.length === bytes.length ? text : `${text}\uFFFD`;
}
