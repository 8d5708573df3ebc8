import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";

const lists = new WeakMap<readonly string[], BlockList>();

/**
 * Who asks. What X-Forwarded-For says is believed only from the proxies that the operator named, and only as
 * far as they vouch for it: the last address that is not one of theirs.
 */
export function clientAddress(request: IncomingMessage, trustedProxies: readonly string[]): string {
  const peer = request.socket.remoteAddress ?? "unknown";
  if (trustedProxies.length === 0 || !isTrusted(peer, trustedProxies)) return peer;
  const field = request.headers["x-forwarded-for"];
  const hops = (Array.isArray(field) ? field.join(",") : (field ?? "")).split(",").map((hop) => hop.trim());
  for (const hop of hops.toReversed()) {
    if (isIP(hop) === 0) return peer;
    if (!isTrusted(hop, trustedProxies)) return hop;
  }
  return peer;
}

/** Whether an address, or the network it is in, was named. */
export function isTrusted(address: string, trustedProxies: readonly string[]): boolean {
  let list = lists.get(trustedProxies);
  if (list === undefined) {
    list = new BlockList();
    for (const one of trustedProxies) addTo(list, one);
    lists.set(trustedProxies, list);
  }
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  const family = isIP(plain);
  return family !== 0 && list.check(plain, family === 6 ? "ipv6" : "ipv4");
}

function addTo(list: BlockList, one: string): void {
  const [address = "", prefix] = one.split("/");
  const type = isIP(address) === 6 ? "ipv6" : "ipv4";
  if (prefix === undefined) list.addAddress(address, type);
  else list.addSubnet(address, Number(prefix), type);
}

const LOOPBACK = ["127.0.0.0/8", "::1"];

/** Whether only programs of this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || isTrusted(host, LOOPBACK);
}

/** Whether a text is an address, or a network as in 10.0.0.0/8. */
export function isNetwork(text: string): boolean {
  const [address = "", prefix, ...more] = text.split("/");
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 6 ? 128 : 32));
}
