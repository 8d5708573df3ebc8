import { BlockList, isIP } from "node:net";
import { invalidRequest } from "./problem.ts";

const INNER = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const)
  INNER.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  ["::", 128],
  ["64:ff9b::", 96],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
] as const)
  INNER.addSubnet(network, prefix, "ipv6");

/** Names of the machines that clouds give their secrets out at. */
const METADATA = /^(metadata|metadata\.google\.internal|instance-data)\.?$/i;

/**
 * Refuses an address that a program gives us to talk to where it is one of the inside: private networks, link
 * local ones, and those at which clouds give out their secrets (server-side request forgery). Loopback is
 * allowed as a literal, for stand-ins of a provider. An operator's own address, from the command line, may be
 * any. What a name resolves to is not looked at here.
 * @throws {HttpRefusal} `invalid_request`.
 */
export function refuseInnerAddress(address: string | undefined): void {
  if (address === undefined || !URL.canParse(address)) return;
  const host = new URL(address).hostname.replace(/^\[|\]$/g, "");
  const family = isIP(host);
  // An IPv4 address in the dress of IPv6 has no honest use here.
  const isMapped = /^::ffff:/i.test(host);
  const isInner = isMapped || (family !== 0 && INNER.check(host, family === 6 ? "ipv6" : "ipv4"));
  if (!isInner && !METADATA.test(host)) return;
  throw invalidRequest(
    "base_url leads to an address of the inside.",
    "Give a provider's public address; one of your own network is set with: grantkeeper integration update NAME --base-url URL.",
  );
}
