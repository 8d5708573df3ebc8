import type { IncomingMessage } from "node:http";

/** The field that every request of the console carries and no form or link of another site can. */
export const CONSOLE_FIELD = "x-grantkeeper-console";

/**
 * The name of the session's cookie. Over TLS the prefix `__Host-` binds it to this very host and to TLS. On
 * plain loopback, where browsers differ about `Secure`, it bears the port instead, since cookies do not tell
 * ports apart.
 */
export function cookieName(host: string, isSecure: boolean): string {
  if (isSecure) return "__Host-grantkeeper";
  const port = /:(\d+)$/.exec(host)?.[1] ?? "80";
  return `grantkeeper-${port}`;
}

/** `Set-Cookie` for a value of ours; with an empty one, for its end. */
export function sessionCookie(
  name: string,
  value: string,
  isSecure: boolean,
  sameSite: "Strict" | "Lax" = "Strict",
): string {
  const life = value === "" ? "; Max-Age=0" : "";
  return `${name}=${value}; Path=/; HttpOnly; SameSite=${sameSite}${isSecure ? "; Secure" : ""}${life}`;
}

const VALUE = /^[A-Za-z0-9_-]{43}$/;

/** The value of the session's cookie; null where there is none, or two of them. */
export function readSessionCookie(request: IncomingMessage, isSecure: boolean): string | null {
  return readCookie(request, cookieName(request.headers.host ?? "", isSecure), VALUE);
}

/** A cookie's value; null where it has not the shape, is not there, or is there twice. */
export function readCookie({ headers }: IncomingMessage, name: string, shape: RegExp): string | null {
  const pairs = (headers.cookie ?? "").split(/; */).map((pair) => pair.split("="));
  const found = pairs.filter(([key]) => key === name).map(([, value = ""]) => value);
  const [value] = found;
  return found.length === 1 && value !== undefined && shape.test(value) ? value : null;
}

/**
 * Whether a request with a cookie may count as its person's: a page of another site, or of another port of
 * this machine, has the browser send the cookie along without being ours.
 */
export function isFromOurPages({ method = "", headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin" && site !== "none") return false;
  if (method === "GET" || method === "HEAD") return true;
  return headers.origin !== undefined && headers[CONSOLE_FIELD] !== undefined;
}

/** Whether a person did something, where a page may also load by itself what has changed. */
export function isByPerson({ headers }: IncomingMessage): boolean {
  return headers[CONSOLE_FIELD] === "person";
}
