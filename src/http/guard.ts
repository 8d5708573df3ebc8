import type { IncomingMessage } from "node:http";
import { HttpRefusal, invalidRequest } from "./problem.ts";

/** What a request must not be, wherever it goes. */
export interface GuardOptions {
  /** Values of the Host field that are ours, in lower case. */
  readonly hosts: ReadonlySet<string>;
  /** Origins that may write, besides programs, which send none. */
  readonly origins: ReadonlySet<string>;
}

const METHODS = new Set(["GET", "HEAD", "POST", "PATCH", "DELETE"]);
const LONGEST_TARGET = 8192;
/** Header fields, at most. Node leaves out what is beyond its own limit, which has to be greater. */
export const MOST_FIELDS = 100;

/**
 * Looks at a request before anything else does.
 *
 * The Host field guards against names that are made to resolve to this machine (DNS rebinding), on every
 * route; the Origin field keeps pages of other sites from writing through a browser of ours.
 * @throws {HttpRefusal}
 */
export function guard(request: IncomingMessage, { hosts, origins }: GuardOptions): void {
  const { method = "", url = "", headers, rawHeaders } = request;
  if (!METHODS.has(method))
    throw new HttpRefusal(405, "invalid_request", "This method is not served.", "See /openapi.json.", {
      allow: "GET, HEAD, POST, PATCH, DELETE",
    });
  if (!url.startsWith("/") || url.startsWith("//") || url.includes("#"))
    throw invalidRequest("The request target is not a path.", "Send the path alone, as in /v1/grants.");
  if (rawHeaders.length > 2 * MOST_FIELDS)
    throw new HttpRefusal(
      431,
      "invalid_request",
      "There are too many header fields.",
      `At most ${MOST_FIELDS}.`,
    );
  if (url.length > LONGEST_TARGET)
    throw new HttpRefusal(
      414,
      "invalid_request",
      "The path is too long.",
      `At most ${LONGEST_TARGET} bytes.`,
    );
  if (count(rawHeaders, "host") !== 1)
    throw invalidRequest("The Host field has to be there once.", "Send it once (RFC 9112 section 3.2).");
  if (!hosts.has((headers.host ?? "").toLowerCase()))
    throw new HttpRefusal(
      403,
      "forbidden",
      "This name is not one that the service is reached by.",
      "Use the address that it listens at, or add the name to allowed_hosts in grantkeeper.yaml.",
    );
  if (count(rawHeaders, "authorization") > 1 || count(rawHeaders, "content-type") > 1)
    throw invalidRequest("A header field is there more than once.", "Send it once.");
  if (headers.origin !== undefined && !origins.has(headers.origin.toLowerCase()) && isWrite(method))
    throw new HttpRefusal(403, "forbidden", "Pages of other sites may not write.", "Call from a program.");
}

/** Whether a request may change something. */
function isWrite(method: string): boolean {
  return method !== "GET" && method !== "HEAD";
}

function count(rawHeaders: readonly string[], name: string): number {
  let found = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const field = rawHeaders[i] ?? "";
    if (field.length === name.length && field.toLowerCase() === name) found++;
  }
  return found;
}

/** Beside them where people come by https: never by plain http again, for a year (RFC 6797 section 6.1). */
const TRANSPORT_SECURITY = { "strict-transport-security": "max-age=31536000" };

/** The fields of every answer of a service that is reached by https, or is not. */
export function securityHeaders(isSecure: boolean): Readonly<Record<string, string>> {
  return isSecure ? { ...SECURITY_HEADERS, ...TRANSPORT_SECURITY } : SECURITY_HEADERS;
}

/** On every answer, whatever it is. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};
