export { authorizationRefusal } from "./authorization-refusal.ts";
import { quote } from "../core/names.ts";
import { differenceOf } from "./redirect-difference.ts";
import { badPaste, COPY_AGAIN, rejoin, unwrap } from "./pasted-text.ts";

/** What a redirect brought back (RFC 6749 section 4.1.2, RFC 9207 for `iss`). */
export type Redirected =
  | {
      readonly kind: "code";
      readonly code: string;
      readonly state: string | null;
      readonly iss: string | null;
    }
  | {
      readonly kind: "error";
      /** RFC 6749 section 4.1.2.1. */
      readonly error: string;
      readonly description: string | null;
      readonly state: string | null;
    };

/**
 * Reads the address that a browser was redirected to, as a person pastes it: the whole address, without
 * its scheme, the query alone, or `code=…` alone; wrapped, quoted or HTML-escaped.
 * @throws {GrantkeeperError} `invalid_request` saying what was pasted instead and what to do.
 */
export function parseRedirected(input: string, redirectUri: string): Redirected {
  const text = rejoin(unwrap(input));
  if (text === "") throw badPaste("Nothing was pasted.", COPY_AGAIN);
  if (/\s/.test(text))
    throw badPaste("What was pasted has white space inside, so it is not one address.", COPY_AGAIN);
  if ((text.match(/(?:^|[?&#])code=/g)?.length ?? 0) > 1) throw twoCodes();
  return readParameters(parametersOf(text, redirectUri));
}

function parametersOf(text: string, redirectUri: string): URLSearchParams {
  if (/^[?#]/.test(text) || /^(code|state|error|error_description|iss|session_state|scope)=/.test(text)) {
    return parametersIn(text.replace(/^[?#]/, ""));
  }
  const url = addressOf(text, redirectUri);
  if (url === null) throw notAnAddress(text);
  const parameters = parametersIn(url.search.slice(1));
  if (isAuthorizationAddress(parameters)) {
    const message =
      "This is the authorization address, not the one that the browser was redirected to after it.";
    throw badPaste(
      message,
      "Open it in a browser, sign in and accept; then copy the address the browser ends at.",
    );
  }
  const difference = differenceOf(url, redirectUri);
  if (difference !== null) {
    throw badPaste(
      `This address is not the redirect URI ${quote(redirectUri)}: ${difference}.`,
      "Copy the address the browser ends at, or correct the integration's redirect URI where it is the wrong one.",
    );
  }
  if (parameters.has("code") || parameters.has("error")) return parameters;
  return parametersIn(url.hash.slice(1));
}

/** A query as an address bar shows it: no code or state has a space, so `+` is meant as it stands. */
function parametersIn(query: string): URLSearchParams {
  return new URLSearchParams(query.replace(/#.*$/, "").replaceAll("+", "%2B"));
}

/** Address bars leave out `http://`, and some people copy from the path on. */
function addressOf(text: string, redirectUri: string): URL | null {
  const base = new URL(redirectUri);
  const rest = redirectUri.slice(base.protocol.length + 2);
  const hasHostFirst = text.startsWith(rest) || text.startsWith(`${base.host}/`);
  const whole = hasHostFirst ? `${base.protocol}//${text}` : text;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(whole)) return URL.canParse(whole) ? new URL(whole) : null;
  if (text.startsWith("/") && !text.startsWith("//")) return new URL(text, base);
  return null;
}

function isAuthorizationAddress(parameters: URLSearchParams): boolean {
  if (parameters.has("code") || parameters.has("error")) return false;
  return parameters.has("response_type") || (parameters.has("client_id") && parameters.has("redirect_uri"));
}

function readParameters(parameters: URLSearchParams): Redirected {
  for (const name of ["code", "state", "error", "iss"]) {
    if (parameters.getAll(name).length < 2) continue;
    if (name === "code") throw twoCodes();
    throw badPaste(`The address has ${name} twice.`, COPY_AGAIN);
  }
  const code = parameters.get("code") ?? "";
  const error = parameters.get("error") ?? "";
  const state = parameters.get("state") || null;
  if (code !== "" && error !== "")
    throw badPaste("The address has both a code and an error.", "Begin again.");
  if (error !== "") {
    const description = parameters.get("error_description")?.replaceAll("+", " ") || null;
    return { kind: "error", error, description, state };
  }
  if (code === "") throw noCode(parameters);
  return { kind: "code", code: checkedCode(code), state, iss: parameters.get("iss") };
}

/** A code as a person gave it, and what was odd about it. */
export interface PastedCode {
  readonly code: string;
  /** One sentence for the person, or null. */
  readonly noticed: string | null;
}

/**
 * Reads an authorization code that a person pasted. Where it is a whole address or `code=…&state=…`, the
 * code is taken out and that is said.
 * @throws {GrantkeeperError} `invalid_request` where there is no code in it, or it is damaged.
 */
export function parsePastedCode(input: string): PastedCode {
  const text = unwrap(input);
  if (text === "")
    throw badPaste(
      "The code is empty.",
      "Give the value between code= and the next & of the redirected address.",
    );
  const joined = rejoin(text);
  if (/(^|[?&#])(code|error)=/.test(joined)) {
    if (/\s/.test(joined)) throw badPaste("What was pasted has white space inside.", COPY_AGAIN);
    const redirected = readParameters(parametersIn(joined.replace(/^[^?#]*[?#]/, "")));
    if (redirected.kind === "error") {
      const message = `This is an address with an error in place of a code: ${quote(redirected.error)}.`;
      throw badPaste(message, "Begin again, and accept the consent page.");
    }
    return { code: redirected.code, noticed: "More than the code was given; the code was taken out of it." };
  }
  return bareCode(text);
}

function bareCode(text: string): PastedCode {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text))
    throw badPaste("This is an address without a code in it.", COPY_AGAIN);
  const [first = ""] = text.split("&", 1);
  const isEncoded = /%[0-9a-f]{2}/i.test(first);
  const code = checkedCode(isEncoded ? decoded(first) : first);
  if (first !== text) return { code, noticed: "What followed the code (from & on) was left out." };
  return { code, noticed: isEncoded ? "The code was URL-encoded; it was decoded." : null };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** RFC 6749 appendix A.11 allows visible ASCII; a space in it is always an accident of copying. */
function checkedCode(code: string): string {
  if (/\s/.test(code)) {
    throw badPaste(
      "The code has white space inside.",
      "Copy it again, in one piece, without spaces or line breaks.",
    );
  }
  if (/[^\x21-\x7e]/.test(code)) {
    throw badPaste(
      "The code has characters that no code has.",
      "Copy it again from the browser's address bar.",
    );
  }
  if (code.includes("://")) throw badPaste("The code runs over into another address.", COPY_AGAIN);
  return code;
}

function twoCodes() {
  return badPaste("There are two codes in what was pasted.", "Paste the address of one redirect only.");
}

function noCode(parameters: URLSearchParams) {
  if (parameters.has("access_token") || parameters.has("id_token")) {
    const message = "This address brings a token, not a code: it comes from the implicit flow.";
    return badPaste(
      message,
      "Open the authorization address that Grantkeeper printed; its response_type is code.",
    );
  }
  return badPaste("There is no code in what was pasted.", COPY_AGAIN);
}

function notAnAddress(text: string) {
  if (/^[\w.~+/=-]+$/.test(text) && !text.includes("//")) {
    return badPaste(
      "This looks like a code alone, without its address.",
      "Paste the whole address, or give the code as --code.",
    );
  }
  return badPaste("This is not an address.", COPY_AGAIN);
}
