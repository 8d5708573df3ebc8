import { delivers, FULL, fullText, fullWith, only } from "./answer.ts";

const LONG = "t0ken-".repeat(17_000);

/** Tokens, and what servers write in their place. A refresh token that is none leaves ours where it is. */
export const TOKENS = [
  delivers("the full answer", FULL),
  delivers("only an access token", { access_token: "A1" }, only()),
  delivers("unknown members", { ...FULL, id_token: "x", nested: { a: [1] } }),
  delivers("a null error", { ...FULL, error: null }),
  delivers("an empty error", { ...FULL, error: "" }),
  delivers("an error besides a token", { ...FULL, error: "odd" }),
  delivers("ok besides a token", { ok: true, ...FULL }),
  delivers("ok:false besides a token", { ok: false, ...FULL }),
  delivers("an error object besides a token", { ...FULL, error: { code: "invalid_grant" } }),
  fullWith("white space around the tokens", { access_token: " A1\n", refresh_token: "\tR1 " }),
  fullWith("a space inside the access token", { access_token: "A 1" }, { accessToken: "A 1" }),
  fullWith("a space inside the refresh token", { refresh_token: "R 1" }, { refreshToken: "R 1" }),
  fullWith(
    "every character a token may have",
    { access_token: VISIBLE(), refresh_token: `r${VISIBLE()}` },
    { accessToken: VISIBLE(), refreshToken: `r${VISIBLE()}` },
  ),
  fullWith(
    "a token of one character",
    { access_token: "a", refresh_token: "r" },
    { accessToken: "a", refreshToken: "r" },
  ),
  fullWith(
    "tokens of 100 kB",
    { access_token: LONG, refresh_token: `R${LONG}` },
    { accessToken: LONG, refreshToken: `R${LONG}` },
  ),
  fullWith(
    "the same token for both",
    { access_token: "S", refresh_token: "S" },
    { accessToken: "S", refreshToken: "S" },
  ),
  fullWith("the access token as the word null", { access_token: "null" }, { accessToken: "null" }),
  fullWith("refresh_token absent", { refresh_token: undefined }, { refreshToken: null }),
  fullWith("refresh_token null", { refresh_token: null }, { refreshToken: null }),
  fullWith("refresh_token empty", { refresh_token: "" }, { refreshToken: null }),
  fullWith("refresh_token of white space", { refresh_token: " \n" }, { refreshToken: null }),
  fullWith("refresh_token as number", { refresh_token: 7 }, { refreshToken: null }),
  fullWith("refresh_token as object", { refresh_token: {} }, { refreshToken: null }),
  fullWith("refresh_token as list", { refresh_token: ["R1"] }, { refreshToken: null }),
  fullWith("refresh_token false", { refresh_token: false }, { refreshToken: null }),
  fullWith("a line break inside the refresh token", { refresh_token: "R\r\n1" }, { refreshToken: null }),
  fullWith("a zero byte inside the refresh token", { refresh_token: "R\u00001" }, { refreshToken: null }),
  fullWith("a letter that no refresh token has", { refresh_token: "Ré1" }, { refreshToken: null }),
  fullWith(
    "a wrong decoding inside the refresh token",
    { refresh_token: "R\uFFFD1" },
    { refreshToken: null },
  ),
  delivers(
    "half a character inside the refresh token",
    '{"access_token":"A1","refresh_token":"R\\ud8001"}',
    only(),
  ),
  fullWith(
    "an invisible character at the end of the refresh token",
    { refresh_token: "R1\u200b" },
    { refreshToken: null },
  ),
  fullWith(
    "the refresh token under another name",
    { refresh_token: undefined, refreshToken: "R1" },
    { refreshToken: null },
  ),
  fullWith(
    "the refresh token nested",
    { refresh_token: undefined, data: { refresh_token: "R1" } },
    { refreshToken: null },
  ),
  fullWith("token_type absent", { token_type: undefined }, { tokenType: null }),
  fullWith("token_type null", { token_type: null }, { tokenType: null }),
  fullWith("token_type in odd letters", { token_type: "bEaReR" }, { tokenType: "bEaReR" }),
  fullWith("token_type as number", { token_type: 1 }, { tokenType: null }),
  fullWith("token_type of another kind", { token_type: "mac" }, { tokenType: "mac" }),
  fullWith(
    "token_type as an address",
    { token_type: "urn:ietf:params:oauth:token-type:jwt" },
    { tokenType: "urn:ietf:params:oauth:token-type:jwt" },
  ),
  fullWith("token_type with a header inside", { token_type: "Bearer\r\nX-Admin: 1" }, { tokenType: null }),
  fullWith("token_type of two words", { token_type: "Bearer token" }, { tokenType: null }),
  fullWith("token_type without end", { token_type: "B".repeat(100_000) }, { tokenType: null }),
  delivers(
    "duplicate keys: the last",
    '{"access_token":"A0","access_token":"A1","expires_in":10}',
    only({ expiresIn: 10 }),
  ),
  delivers(
    "a duplicate refresh token: the last",
    '{"access_token":"A1","refresh_token":"R0","refresh_token":"R1"}',
    only({ refreshToken: "R1" }),
  ),
  delivers(
    "a duplicate refresh token, the last null",
    '{"access_token":"A1","refresh_token":"R0","refresh_token":null}',
    only(),
  ),
  delivers(
    "names in escapes",
    String.raw`{"access\u005ftoken":"\u00411","refresh_token":"R1"}`,
    only({ refreshToken: "R1" }),
  ),
  delivers("__proto__", '{"__proto__":{"refresh_token":"EVIL"},"access_token":"A1"}', only()),
  delivers("nested __proto__", '{"access_token":"A1","x":{"__proto__":{"polluted":true}}}', only()),
  delivers("constructor", '{"access_token":"A1","constructor":{"prototype":{"polluted":true}}}', only()),
  delivers(
    "names of an object's own methods",
    '{"access_token":"A1","toString":1,"hasOwnProperty":null,"valueOf":[]}',
    only(),
  ),
  delivers(
    "very deep nesting besides",
    `{"access_token":"A1","x":${"[".repeat(200_000)}${"]".repeat(200_000)}}`,
    only(),
  ),
  delivers(
    "very deep nesting of objects",
    `{"x":${'{"x":'.repeat(100_000)}1${"}".repeat(100_000)},"access_token":"A1"}`,
    only(),
  ),
  delivers("fifty thousand members", manyMembers(50_000), only()),
  delivers(
    "a number of ten thousand digits besides",
    `{"x":${"9".repeat(10_000)},"access_token":"A1"}`,
    only(),
  ),
  delivers("white space around", `\r\n\t ${fullText()} \n\n`),
  delivers("almost 1 MiB of white space", fullText() + " ".repeat(1024 * 1024 - fullText().length)),
];

function VISIBLE(): string {
  return Array.from({ length: 94 }, (_, i) => String.fromCharCode(0x21 + i)).join("");
}

function manyMembers(count: number): string {
  const members = Array.from({ length: count }, (_, i) => `"m${i}":${i}`);
  return `{${members.join(",")},"access_token":"A1"}`;
}
