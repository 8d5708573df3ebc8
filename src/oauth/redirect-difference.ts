import { quote } from "../core/names.ts";

/**
 * In what an address differs from the redirect URI (RFC 6749 section 3.1.2.3: simple comparison), in words,
 * or null. Parameters are not compared: they are what the redirect adds.
 */
export function differenceOf(url: URL, redirectUri: string): string | null {
  const wanted = new URL(redirectUri);
  if (url.username !== "" || url.password !== "") return "it has a user name before the host";
  if (url.hostname !== wanted.hostname) {
    return `its host is ${quote(url.hostname)}, not ${quote(wanted.hostname)}`;
  }
  if (url.protocol !== wanted.protocol) {
    return `it begins with ${quote(url.protocol)}, not ${quote(wanted.protocol)}`;
  }
  if (url.port !== wanted.port) return `its port is ${portOf(url)}, not ${portOf(wanted)}`;
  if (url.pathname !== wanted.pathname) {
    return `its path is ${quote(url.pathname)}, not ${quote(wanted.pathname)}`;
  }
  return null;
}

function portOf(url: URL): string {
  return url.port === "" ? "the usual one" : url.port;
}
