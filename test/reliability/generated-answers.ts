import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { DELIVERIES, FAILURES } from "../oauth/answers/index.ts";
import type { AnswerBytes } from "./answer-oracle.ts";

/** Chance out of a seed: the same seed always makes the same answer. */
interface Dice {
  /** In [0, sides). */
  readonly roll: (sides: number) => number;
  readonly chance: (share: number) => boolean;
  readonly pick: <T>(from: readonly [T, ...T[]]) => T;
}

function dice(seed: number): Dice {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const roll = (sides: number) => Math.floor(next() * sides);
  return { roll, chance: (share) => next() < share, pick: (from) => from[roll(from.length)] ?? from[0] };
}

/**
 * An answer made from a seed: well-formed documents with odd fields, the curated answers, and noise; then some
 * bytes changed, cut or doubled; then perhaps compressed, in another encoding, or under headers that lie.
 * @param secrets what was sent, to be sent back in some of them.
 */
export function generateAnswer(seed: number, secrets: readonly [string, ...string[]]): AnswerBytes {
  const die = dice(seed);
  const made = base(die, seed, secrets);
  let { bytes } = made;
  for (let edits = die.chance(0.5) ? 1 + die.roll(5) : 0; edits > 0; edits--) bytes = edited(die, bytes);
  const wire = wrapped(die, bytes);
  return {
    status: die.chance(0.15) ? 200 + die.roll(400) : made.status,
    headers: { ...made.headers, ...headersOf(die, secrets), ...wire.headers },
    bytes: wire.bytes,
  };
}

function base(die: Dice, seed: number, secrets: readonly [string, ...string[]]): AnswerBytes {
  const plain = (status: number, text: string) => ({ status, headers: {}, bytes: Buffer.from(text) });
  switch (die.roll(10)) {
    case 0:
    case 1:
      return curated(die);
    case 2:
    case 3:
      return plain(die.pick([400, 400, 401, 403, 200, 429, 500, 503]), refusal(die, secrets));
    case 4:
      return plain(200, form(die, seed));
    case 5:
      return plain(die.pick([200, 400, 502]), noise(die));
    default:
      return plain(die.pick([200, 200, 200, 201, 206, 302, 400, 500]), document(die, seed, secrets));
  }
}

function curated(die: Dice): AnswerBytes {
  const all = [...DELIVERIES, ...FAILURES];
  const { status, headers, body } = all[die.roll(all.length)] ?? { status: 204, headers: {}, body: "" };
  const bytes = Buffer.from(body);
  // The largest are taken whole now and then only: a hundred thousand megabytes would take a night.
  return {
    status,
    headers,
    bytes: bytes.length > 20_000 && !die.chance(0.02) ? bytes.subarray(0, 5000) : bytes,
  };
}

const NAMES = [
  "access_token",
  "refresh_token",
  "token_type",
  "expires_in",
  "refresh_token_expires_in",
  "scope",
  "error",
  "expires",
  "__proto__",
  "constructor",
  "toString",
  "Access_Token",
] as const;

function document(die: Dice, seed: number, secrets: readonly [string, ...string[]]): string {
  const members = [
    `"access_token":${JSON.stringify(token(die, `access${seed}`))}`,
    `"refresh_token":${die.chance(0.8) ? JSON.stringify(token(die, `refresh${seed}`)) : value(die, secrets)}`,
    `"expires_in":${die.chance(0.7) ? String(1 + die.roll(90_000)) : value(die, secrets)}`,
    `"scope":"a b"`,
  ];
  for (let more = die.roll(4); more > 0; more--) {
    const name = die.pick(NAMES);
    members.splice(die.roll(members.length + 1), 0, `${JSON.stringify(name)}:${value(die, secrets)}`);
  }
  if (die.chance(0.2)) members.splice(die.roll(members.length), 1);
  const space = die.pick(["", "", " ", "\n  "]);
  return `${die.pick(["", "", "", "\uFEFF", "\r\n", " \uFEFF"])}{${members.join(`,${space}`)}}${space}`;
}

function token(die: Dice, name: string): string {
  const odd = die.pick(["", "", "", "", "", " ", "\n", "é", "\u0000", "\uFFFD", "\ud800", "+/=%", "~!"]);
  return `${die.pick(["", "", "", " "])}new${name}${odd}${"x".repeat(die.chance(0.02) ? die.roll(100_000) : die.roll(40))}`;
}

function value(die: Dice, secrets: readonly [string, ...string[]]): string {
  const nested = "[".repeat(die.roll(3000));
  return die.pick([
    "null",
    "true",
    "0",
    "-1",
    "3600.5",
    "1e308",
    "1e999",
    "9007199254740993",
    '""',
    '" "',
    '"3600"',
    '"2026-12-24"',
    "[]",
    "{}",
    '["a","b"]',
    '{"code":"invalid_grant"}',
    '{"access_token":"inner"}',
    '"invalid_grant"',
    `${nested}${nested.replaceAll("[", "]")}` || "[]",
    JSON.stringify(echo(die, secrets)),
  ]);
}

const CODES = [
  "invalid_grant",
  "invalid_grant",
  "invalid_client",
  "invalid_request",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
  "expired_token",
  "invalid_refresh_token",
  "slow_down",
  "server_error",
  "temporarily_unavailable",
  "use_dpop_nonce",
  "weather",
  "",
] as const;

function refusal(die: Dice, secrets: readonly [string, ...string[]]): string {
  const code = die.chance(0.1) ? echo(die, secrets) : die.pick(CODES);
  const said = echo(die, secrets);
  return die.pick([
    JSON.stringify({ error: code, error_description: said }),
    JSON.stringify({ error: code }),
    JSON.stringify({ ok: false, error: code }),
    JSON.stringify({ error: { code, message: said } }),
    JSON.stringify({ message: said, errors: [{ description: said }], trackingId: said }),
    JSON.stringify({ message: code, errors: [said, { message: said }] }),
    new URLSearchParams({ error: code, error_description: said }).toString(),
    `<html><body>${said}</body></html>`,
  ]);
}

/** A sentence in which what was sent comes back in one form or another. */
function echo(die: Dice, secrets: readonly [string, ...string[]]): string {
  const secret = die.pick(secrets);
  const start = die.roll(secret.length);
  const shown = die.pick([
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString("base64"),
    new URLSearchParams({ s: secret }).toString(),
    secret.slice(start, start + 1 + die.roll(secret.length)),
    "",
  ]);
  const around = die.pick([
    "",
    "The token ",
    "x".repeat(die.roll(300)),
    "long ".repeat(die.roll(400)),
    '"',
    "\u001b[31m",
  ]);
  return `${around}${shown.repeat(die.chance(0.05) ? 1 + die.roll(50) : 1)}${die.pick(["", " is bad", '"', "\u2028"])}`;
}

function form(die: Dice, seed: number): string {
  const fields = new URLSearchParams({ access_token: token(die, `access${seed}`), expires: "3600" });
  if (die.chance(0.6)) fields.append("refresh_token", token(die, `refresh${seed}`));
  if (die.chance(0.2)) fields.append(die.pick(NAMES), die.pick(["", "x", "%", "é"]));
  return die.chance(0.3)
    ? fields.toString().replaceAll("%", die.pick(["%", "%2", "%zz", "%25"]))
    : fields.toString();
}

function noise(die: Dice): string {
  const length = die.chance(0.01) ? die.roll(1_200_000) : die.roll(400);
  const letters = die.pick(["abc", '{}[]",:', "<html>", "\u0000\u001f\u008b", "=&access_token", "é€😀"]);
  return Array.from({ length }, () => letters.charAt(die.roll(letters.length))).join("");
}

function edited(die: Dice, bytes: Buffer): Buffer {
  const at = die.roll(bytes.length + 1);
  const to = Math.min(bytes.length, at + 1 + die.roll(die.chance(0.3) ? bytes.length + 1 : 8));
  const [head, middle, tail] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)];
  switch (die.roll(8)) {
    case 0:
      return head;
    case 1:
      return Buffer.concat([head, tail]);
    case 2:
      return Buffer.concat([head, middle, middle, tail]);
    case 3:
      return Buffer.concat([bytes, Buffer.from(die.pick(["x", "\n", "{}", "\u0000", ",", "}", "]", " "]))]);
    case 4:
      return Buffer.concat([head, Buffer.from([die.roll(256)]), middle, tail]);
    case 5:
      return Buffer.concat([
        head,
        Buffer.from(die.pick(['"', "\\", "{", "}", ":", ",", "\\u0000", "\uFEFF"])),
        tail,
      ]);
    case 6:
      return Buffer.concat([tail, middle, head]);
    default: {
      const flipped = Buffer.from(bytes);
      if (at < flipped.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << die.roll(8));
      return flipped;
    }
  }
}

function wrapped(die: Dice, bytes: Buffer): Pick<AnswerBytes, "headers" | "bytes"> {
  const named = (encoding: string, packed: Buffer) => ({
    headers: { "content-encoding": encoding },
    bytes: packed,
  });
  const typed = (charset: string, encoded: Buffer) => ({
    headers: { "content-type": `application/json; charset=${charset}` },
    bytes: encoded,
  });
  const wide = Buffer.from(bytes.toString("utf8"), "utf16le");
  switch (die.roll(40)) {
    case 0:
      return named("gzip", gzipSync(bytes));
    case 1:
      return named("deflate", deflateSync(bytes));
    case 2:
      return named("deflate", deflateRawSync(bytes));
    case 3:
      return named("br", bytes.length < 50_000 ? brotliCompressSync(bytes) : bytes);
    case 4:
      return { headers: {}, bytes: edited(die, gzipSync(bytes)) };
    case 5:
      return typed("utf-16le", wide);
    case 6:
      return typed("utf-16", Buffer.from(wide).swap16());
    case 7:
      return { headers: {}, bytes: Buffer.concat([Buffer.from([0xff, 0xfe]), wide]) };
    case 8:
      return named(die.pick(["gzip", "br", "deflate", "rot13", "gzip, gzip"]), bytes);
    case 9:
      return typed(die.pick(["utf-16", "latin1", "utf-8", "x"]), bytes);
    default:
      return { headers: {}, bytes };
  }
}

function headersOf(die: Dice, secrets: readonly [string, ...string[]]): Record<string, string> {
  const headers: Record<string, string> = {};
  if (die.chance(0.2))
    headers["retry-after"] = die.pick([
      "5",
      "-1",
      "1e9",
      "soon",
      "99999999",
      "Thu, 01 Jan 1970 00:00:00 GMT",
    ]);
  if (die.chance(0.1)) headers["date"] = die.pick(["noon", "Mon, 23 Nov 2026 12:00:05 GMT", "275760-09-13"]);
  if (die.chance(0.1))
    headers["location"] = die.pick([
      "/",
      "javascript:1",
      `https://x.example/${echo(die, secrets)}`,
      "https://",
    ]);
  if (die.chance(0.1)) headers["trackingid"] = echo(die, secrets);
  return headers;
}
