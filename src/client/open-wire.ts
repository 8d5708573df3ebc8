import type { ClientOptions } from "./client.ts";
import type { Wire } from "./wire.ts";

const DEFAULT_TIMEOUT = 35_000;

/**
 * The way to the service, out of what was given and the environment.
 * @throws {TypeError} where the address or the key is missing or cannot be right.
 */
export function openWire(options: ClientOptions): Wire {
  const env = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env ?? {};
  const address = options.url ?? env["GRANTKEEPER_URL"] ?? "";
  const apiKey = options.apiKey ?? env["GRANTKEEPER_API_KEY"] ?? "";
  if (!URL.canParse(address)) throw new TypeError("Give the service's address: url, or GRANTKEEPER_URL.");
  if (!/^gk_[\w]{10,100}$/.test(apiKey))
    throw new TypeError("Give an API key, gk_…: apiKey, or GRANTKEEPER_API_KEY.");
  const url = new URL(address);
  const isLocal = ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  const isPlain = url.protocol === "http:" && !isLocal && options.allowInsecure !== true;
  if (isPlain || !/^https?:$/.test(url.protocol))
    throw new TypeError(`${url.origin} is not reached by https: the key would pass in plain text.`);
  // A proxy may have the service under a path.
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return {
    url,
    apiKey,
    timeout: options.timeout ?? DEFAULT_TIMEOUT,
    fetch: options.fetch ?? globalThis.fetch,
  };
}

/** @throws {TypeError} in a browser. */
export function refuseBrowsers(): void {
  if ("window" in globalThis && "document" in globalThis)
    throw new TypeError(
      "An API key does not belong in a browser, where everybody who sees the page can read it.",
    );
}
