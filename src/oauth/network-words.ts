import { LEADS_INSIDE } from "./inside.ts";

/** One line for each way a connection fails. Built from codes alone: an error's own text may carry a secret. */

const BEFORE: Readonly<Record<string, string>> = {
  ENOTFOUND: "there is no host of that name",
  [LEADS_INSIDE]:
    "its name leads to an address of the inside, and the address was given over HTTP. If it is right, set it on the server: grantkeeper integration update NAME --base-url URL",
  EAI_AGAIN: "the name server does not answer",
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was reset before anything was sent",
  EHOSTUNREACH: "there is no route to the host",
  ENETUNREACH: "there is no route to the network",
  ETIMEDOUT: "no connection came about in time",
  UND_ERR_CONNECT_TIMEOUT: "no connection came about in time",
  UND_ERR_HEADERS_TIMEOUT: "the proxy did not answer in time",
  UND_ERR_SOCKET: "the connection was closed before anything was sent",
  UND_ERR_CLOSED: "the program is ending",
  UND_ERR_DESTROYED: "the program is ending",
  UND_ERR_INVALID_ARG: "the request cannot be written as HTTP",
  EPROTO: "no TLS could be agreed on",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed and not trusted here",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate comes from an authority not trusted here",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate comes from an authority not trusted here",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate comes from an authority not trusted here",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet (is the clock right?)",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
};

/** The detail of a request of which nothing was written. */
export function failedBeforeSending(error: unknown, host: string): string {
  const refused = proxyStatus(error);
  if (refused !== null) {
    const why = refused === "407" ? "it wants a name and a password" : "it gave no tunnel";
    return `${host} was not reached: the proxy answered ${refused}, ${why}.`;
  }
  const code = codeOf(error);
  return `${host} was not reached: ${BEFORE[code] ?? "the connection failed"} (${code}).`;
}

/** The detail of a request that was written, at least in part, and has no complete answer. */
export function lostAfterSending(error: unknown, host: string): string {
  return `The connection to ${host} broke before its answer was complete (${codeOf(error)}).`;
}

/** The detail of a request that waited for a connection until the time was up. */
export function noConnection(host: string, timeout: number): string {
  return `${host} was not reached: no connection within ${timeout / 1000} s (UND_ERR_CONNECT_TIMEOUT).`;
}

function codeOf(error: unknown): string {
  for (const candidate of [error, inside(error, "cause")]) {
    const code = inside(candidate, "code");
    if (typeof code === "string" && /^[A-Z][A-Z0-9_]{1,60}$/.test(code)) return code;
  }
  return "unknown";
}

/** undici names the status of a refused CONNECT only in its message. */
function proxyStatus(error: unknown): string | null {
  const message = inside(error, "message");
  if (typeof message !== "string") return null;
  return /^Proxy response \((\d{3})\)/.exec(message)?.[1] ?? null;
}

function inside(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Reflect.get(value, name);
}
