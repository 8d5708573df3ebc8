import { GrantkeeperError } from "../core/errors.ts";
import { quote } from "../core/names.ts";
import { isLoopbackHost } from "./loopback.ts";

/**
 * Checks a provider's base address and takes off a trailing slash.
 * @throws {GrantkeeperError} `invalid_request`: not an address, plain http to a far host, a query or a fragment.
 */
export function parseBaseUrl(value: string): string {
  const url = parseAddress("base URL", value);
  requireSecure("base URL", url);
  if (url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "") {
    throw invalid(
      `The base URL ${quote(value)} has more than scheme, host and path.`,
      "Give it as https://host/path.",
    );
  }
  return url.href.replace(/\/+$/, "");
}

/**
 * Checks the address of a place that tokens are sent to. A query may be part of it; user and password may not.
 * @throws {GrantkeeperError} `invalid_request`.
 */
export function parseDeliveryUrl(what: string, value: string): URL {
  const url = parseAddress(what === "webhook" ? "webhook's address" : "secret store's address", value.trim());
  requireSecure(`address of the ${what}`, url);
  if (url.username !== "" || url.password !== "" || url.hash !== "")
    throw invalid(
      `The address of the ${what} has a user, a password or a fragment in it.`,
      "Give it without: what opens the place is given as a secret of its own.",
    );
  return url;
}

/**
 * Checks a redirect URI and returns it exactly as given, since providers compare it letter by letter.
 * Custom schemes are allowed (RFC 8252 section 7.1); what they redirect to is pasted.
 * @throws {GrantkeeperError} `invalid_request`.
 */
export function parseRedirectUri(value: string): string {
  const given = value.trim();
  if (/\s/.test(given)) throw invalid(`The redirect URI ${quote(given)} has white space inside.`, EXAMPLES);
  const url = parseAddress("redirect URI", given);
  if (url.protocol === "http:" || url.protocol === "https:") requireSecure("redirect URI", url);
  if (/^(javascript|data|file|blob):$/.test(url.protocol)) {
    throw invalid(`The redirect URI ${quote(given)} is not one that a browser can be sent to.`, EXAMPLES);
  }
  if (given.includes("#")) {
    throw invalid("A redirect URI has no fragment (#…).", "Give it without (RFC 6749 section 3.1.2).");
  }
  return given;
}

const EXAMPLES = "Examples: http://127.0.0.1:8700/oauth/callback, https://oauth.example.com/callback.";

function parseAddress(what: string, value: string): URL {
  if (URL.canParse(value)) return new URL(value);
  throw invalid(`The ${what} ${quote(value)} is not an address.`, EXAMPLES);
}

function requireSecure(what: string, url: URL): void {
  if (url.protocol === "https:") return;
  if (url.protocol !== "http:")
    throw invalid(`The ${what} has to begin with https://, not ${url.protocol}//.`, EXAMPLES);
  if (isLoopbackHost(url.hostname)) return;
  throw invalid(
    `The ${what} ${quote(url.href)} is plain http to another machine: secrets would travel unprotected.`,
    "Use https://. Plain http is accepted for loopback addresses only (127.0.0.1, [::1], localhost).",
  );
}

function invalid(message: string, remedy: string): GrantkeeperError {
  return new GrantkeeperError("invalid_request", message, { remedy });
}
