import { GrantkeeperError } from "../core/errors.ts";

/** No redirect is longer; what is, was not copied from an address bar. */
const LONGEST_PASTE = 16_384;
const WRAPPERS = /^["'`<>“”‘’«»([{]+|["'`<>“”‘’«»)\]}]+$/g;

/** Takes off what copying adds around a text: white space, quotes, angle brackets, invisible characters. */
export function unwrap(input: string): string {
  if (input.length > LONGEST_PASTE) {
    throw badPaste("What was pasted is far longer than a redirected address.", COPY_AGAIN);
  }
  let text = input.replace(/[\u00ad\u200b-\u200f\u2060\u202a-\u202e\ufeff]/g, "");
  for (let before = ""; before !== text;) {
    before = text;
    text = text.trim().replace(WRAPPERS, "");
  }
  return text;
}

/** Undoes what mail and terminals do inside an address: line breaks (with a quoting `>`), and `&amp;`. */
export function rejoin(text: string): string {
  return text.replace(/[ \t]*[\r\n]+(?:[ \t]*>)?[ \t]*/g, "").replace(/&(?:amp|#38|#x26);/gi, "&");
}

/** What to do about a paste that cannot be read. */
export const COPY_AGAIN =
  "Copy the whole line of the browser's address bar after accepting, the page that could not be shown included.";

/** A refusal of what a person pasted; nothing of it is repeated, since it may hold a code. */
export function badPaste(message: string, remedy: string): GrantkeeperError {
  return new GrantkeeperError("invalid_request", message, { remedy: `${remedy} Nothing was sent.` });
}
