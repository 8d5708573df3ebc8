/** Texts of a provider on their way into our messages: one line, short, harmless, without a secret. */

const LONGEST_TEXT = 200;
const BLANK = "[hidden]";
/** Shorter than this, a "secret" would blank out ordinary words. */
const SHORTEST_SECRET = 4;
/** So many characters of a secret in a row are a piece of it and no accident. */
const PIECE = 8;
/** Longer than any word or id that a person needs to see: a token, most likely. */
const TOKEN_LIKE = /[A-Za-z0-9_\-+/=%.~]{56,}/g;
/** A header's value that was echoed. */
const CREDENTIALS = /\b(Basic|Bearer)\s+[A-Za-z0-9_\-+/=.~]{8,}/gi;

/** Takes secrets out of texts and makes them fit for a terminal and a log line. */
export type Scrub = (text: string, longest?: number) => string;

/**
 * A scrubber for texts in which the given secrets may come back: as they are, URL-encoded, in base64, or a
 * piece of them that the provider has cut.
 */
export function scrubber(secrets: readonly string[]): Scrub {
  const known = secrets.filter((secret) => secret.length >= SHORTEST_SECRET);
  const forms = [...new Set(known.flatMap(formsOf))].toSorted((a, b) => b.length - a.length);
  return (text, longest = LONGEST_TEXT) => {
    // A text can be a megabyte long; what lies far behind the cut is not looked at.
    let clean = text.slice(0, 2 * longest + 512);
    for (const form of forms) clean = clean.replaceAll(form, BLANK);
    clean = withoutPieces(clean, forms).replace(TOKEN_LIKE, BLANK).replace(CREDENTIALS, `$1 ${BLANK}`);
    return cut(oneLine(clean), longest);
  };
}

/** Blanks out every run of characters that stands in a secret in the same order, `PIECE` of them or more. */
function withoutPieces(text: string, forms: readonly string[]): string {
  const isSecret = secretPlaces(text, forms);
  let clean = "";
  for (let at = 0; at < text.length;) {
    const from = at;
    while (at < text.length && isSecret[at] === 1) at++;
    if (at > from) clean += BLANK;
    else clean += text.charAt(at++);
  }
  return clean;
}

/**
 * Which characters of the text belong to a piece of a secret. Each secret is walked over once, however long
 * it is and however much of it the text repeats: tokens of 100 kB exist.
 */
function secretPlaces(text: string, forms: readonly string[]): Uint8Array {
  const isSecret = new Uint8Array(text.length);
  const places = new Map<string, number[]>();
  for (let at = 0; at + PIECE <= text.length; at++) {
    const piece = text.slice(at, at + PIECE);
    const known = places.get(piece);
    if (known === undefined) places.set(piece, [at]);
    else known.push(at);
  }
  for (const form of forms) {
    for (let at = 0; at + PIECE <= form.length && places.size > 0; at++) {
      const piece = form.slice(at, at + PIECE);
      for (const place of places.get(piece) ?? []) isSecret.fill(1, place, place + PIECE);
      // Once is enough: the same piece need not be looked for again.
      places.delete(piece);
    }
  }
  return isSecret;
}

function formsOf(secret: string): string[] {
  const forms = [
    secret,
    JSON.stringify(secret).slice(1, -1),
    new URLSearchParams([["", secret]]).toString().slice(1),
  ];
  // A lone surrogate cannot be URL-encoded, so it cannot come back that way.
  if (!/\p{Cs}/u.test(secret)) forms.push(encodeURIComponent(secret));
  forms.push(...forms.map((form) => form.replace(/%[0-9A-F]{2}/g, (byte) => byte.toLowerCase())));
  const base64 = Buffer.from(secret).toString("base64");
  forms.push(base64, base64.replace(/=+$/, ""), Buffer.from(secret).toString("base64url"));
  return forms.filter((form) => form.length >= SHORTEST_SECRET);
}

/** Control, bidirectional and other invisible characters would let a text forge what stands around it. */
function oneLine(text: string): string {
  return text
    .replace(/\s+/g, " ")
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\uFFFD]/gu, "?")
    .trim();
}

function cut(text: string, longest: number): string {
  if (text.length <= longest) return text;
  // Half a character at the end would be a character that is none.
  return `${text.slice(0, longest - 3).replace(/[\ud800-\udbff]$/, "")}...`;
}
