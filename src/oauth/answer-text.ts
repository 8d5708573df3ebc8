import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from "node:zlib";

/** No answer is read further than this, compressed or not. */
export const LARGEST_BODY = 1024 * 1024;

interface AnswerText {
  readonly body: string;
  /** It is longer than 1 MiB, as it came or unpacked, so what it says does not count. */
  readonly truncated: boolean;
}

/**
 * The text of an answer's bytes. UTF-8 is what was asked for (RFC 8259 section 8.1), uncompressed; a server or
 * something on the way that compresses or writes UTF-16 all the same would otherwise cost a refresh token that
 * exists nowhere else. Never throws: what cannot be unpacked is read as it is.
 * @param bytes the body as it came, at most 1 MiB of it; `isCut` where there was more.
 */
export function answerText(
  bytes: Buffer,
  headers: Readonly<Record<string, string | undefined>>,
  isCut: boolean,
): AnswerText {
  if (isCut) return { body: bytes.toString("utf8"), truncated: true };
  const plain = unpacked(bytes, headers["content-encoding"]);
  if (plain === null) return { body: "", truncated: true };
  return { body: decoded(plain, headers["content-type"]), truncated: false };
}

/** Null where the unpacked body would be longer than is read: it is not unpacked further. */
function unpacked(bytes: Buffer, encoding: string | undefined): Buffer | null {
  for (const unpack of unpackers(bytes, encoding?.trim().toLowerCase())) {
    try {
      return unpack(bytes, { maxOutputLength: LARGEST_BODY });
    } catch (error) {
      if (error instanceof RangeError) return null;
    }
  }
  return bytes;
}

const OPENING_BRACE = 0x7b;

type Unpack = (bytes: Buffer, limit: { maxOutputLength: number }) => Buffer;

/** By its first bytes for gzip, whatever the header says; by the header for those that have no such mark. */
function unpackers(bytes: Buffer, encoding: string | undefined): readonly Unpack[] {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return [gunzipSync];
  // What begins like an object is one, whatever the header says: text can be taken for a short compressed stream.
  if (bytes[0] === OPENING_BRACE) return [];
  // "deflate" is the zlib format (RFC 9110 section 8.4.1.2); some servers send the bare one.
  if (encoding === "deflate") return [inflateSync, inflateRawSync];
  return encoding === "br" ? [brotliDecompressSync] : [];
}

function decoded(bytes: Buffer, contentType: string | undefined): string {
  const utf16 = utf16Of(bytes, contentType);
  return utf16 === null ? bytes.toString("utf8") : new TextDecoder(utf16).decode(bytes);
}

/** Which UTF-16 it is, by its byte order mark, or by the charset where the bytes bear it out. */
function utf16Of(bytes: Buffer, contentType: string | undefined): "utf-16le" | "utf-16be" | null {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return "utf-16le";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  if (contentType === undefined || !/charset\s*=\s*"?utf-?16/i.test(contentType)) return null;
  // JSON and forms begin with an ASCII character, so one half of the first unit is zero.
  if (first === 0) return "utf-16be";
  return second === 0 ? "utf-16le" : null;
}
