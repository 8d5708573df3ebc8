import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { delivers, fullText, only } from "./answer.ts";

const UTF16LE = Buffer.from(`\uFEFF${fullText()}`, "utf16le");
const UTF16BE = Buffer.from(UTF16LE).swap16();
const type = (value: string) => ({ headers: { "content-type": value } });
const packed = (value: string) => ({
  headers: { "content-encoding": value, "content-type": "application/json" },
});

/** The full answer in odd statuses, types, charsets and compressions. */
export const ENCODINGS = [
  delivers("status 201", fullText(), {}, { status: 201 }),
  delivers("status 202", fullText(), {}, { status: 202 }),
  delivers("status 203", fullText(), {}, { status: 203 }),
  delivers(
    "status 206 with all of it",
    fullText(),
    {},
    { status: 206, headers: { "content-range": "bytes 0-199/200" } },
  ),
  delivers("status 226", fullText(), {}, { status: 226 }),
  delivers("type text/html", fullText(), {}, type("text/html")),
  delivers("type text/javascript", fullText(), {}, type("text/javascript;charset=UTF-8")),
  delivers("no type that could be one", fullText(), {}, type(";;;")),
  delivers("an empty type", fullText(), {}, type("")),
  delivers("charset utf-16 that is not true", fullText(), {}, type("text/plain; charset=utf-16")),
  delivers(
    "charset latin-1, and a letter of it besides",
    Buffer.from('{"user":"José","access_token":"A1"}', "latin1"),
    only(),
    type("application/json;charset=ISO-8859-1"),
  ),
  delivers(
    "bytes that are no UTF-8 besides",
    Buffer.concat([
      Buffer.from('{"x":"'),
      Buffer.from([0xff, 0xc3, 0x28]),
      Buffer.from('","access_token":"A1"}'),
    ]),
    only(),
  ),
  delivers("a byte order mark", `\uFEFF${fullText()}`),
  delivers("white space and a byte order mark", ` \n\uFEFF ${fullText()}`),
  delivers("UTF-16, little end first, with its mark", UTF16LE),
  delivers("UTF-16, big end first, with its mark", UTF16BE),
  delivers("UTF-16LE without a mark", UTF16LE.subarray(2), {}, type("application/json; charset=utf-16le")),
  delivers("UTF-16BE without a mark", UTF16BE.subarray(2), {}, type('application/json; charset="UTF-16"')),
  delivers("gzip that was not asked for", gzipSync(fullText()), {}, packed("gzip")),
  delivers("gzip with the old name", gzipSync(fullText()), {}, packed("x-gzip")),
  delivers("gzip that no header names", gzipSync(fullText())),
  delivers("gzip of UTF-16", gzipSync(UTF16LE), {}, packed("GZIP")),
  delivers("deflate", deflateSync(fullText()), {}, packed("deflate")),
  delivers("deflate without its frame", deflateRawSync(fullText()), {}, packed("deflate")),
  delivers("brotli", brotliCompressSync(fullText()), {}, packed("br")),
  delivers("gzip named, and not true", fullText(), {}, packed("gzip")),
  delivers("deflate named, and not true", fullText(), {}, packed("deflate")),
  delivers("brotli named, and not true", fullText(), {}, packed("br")),
  delivers("an encoding that nobody knows, and not true", fullText(), {}, packed("identity, rot13")),
  delivers("a content length that is not true", fullText(), {}, { headers: { "content-length": "5" } }),
  delivers("Retry-After besides", fullText(), {}, { headers: { "retry-after": "3600" } }),
  delivers("a date that is none", fullText(), {}, { headers: { date: "noon" } }),
  delivers("a form", "access_token=A1&expires_in=28800&refresh_token=R1&scope=a+b&token_type=bearer", {
    expiresIn: 28800,
    tokenType: "bearer",
    refreshTokenExpiresIn: null,
  }),
  delivers(
    "a form with escapes",
    "access_token=A%2F1&scope=a%20b\n",
    only({ accessToken: "A/1", scopes: ["a", "b"] }),
  ),
  delivers("a form with expires", "access_token=A1&expires=5184000", only({ expiresIn: 5184000 })),
  delivers(
    "a form in which the token is not first",
    "token_type=bearer&access_token=A1",
    only({ tokenType: "bearer" }),
  ),
  delivers("a form with an empty refresh token", "access_token=A1&refresh_token=", only()),
  delivers("a form with a field twice: the last", "access_token=A0&access_token=A1", only()),
  delivers("a form with __proto__", "access_token=A1&__proto__=x&constructor=y", only()),
  delivers("a form with a zero byte in the refresh token", "access_token=A1&refresh_token=R%001", only()),
];
