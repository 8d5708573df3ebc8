import { lookup as lookUp } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { isLoopbackHost } from "./loopback.ts";

const INSIDE = new BlockList();
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
  INSIDE.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  ["::", 128],
  ["64:ff9b::", 96],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
] as const)
  INSIDE.addSubnet(network, prefix, "ipv6");

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** Names of the machines that clouds give their secrets out at. */
const METADATA = /^(metadata|metadata\.google\.internal|instance-data)\.?$/i;

/**
 * Whether a host, as an address has it, is one of the inside: private networks, link local ones, and those at
 * which clouds give out their secrets. Loopback as a literal is not, for stand-ins of a provider. What a name
 * resolves to is not looked at here, but by `outsideLookup` when it is connected to.
 */
export function isInsideHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "");
  return METADATA.test(host) || isInsideAddress(host);
}

function isInsideAddress(address: string): boolean {
  const family = isIP(address);
  // An IPv4 address in the dress of IPv6 has no honest use here.
  if (/^::ffff:/i.test(address)) return true;
  return family !== 0 && INSIDE.check(address, family === 6 ? "ipv6" : "ipv4");
}

/** The code of the failure of `outsideLookup`. */
export const LEADS_INSIDE = "EINSIDE";

/**
 * Resolves a name as any connection does, but fails where one of its addresses is of the inside or this
 * machine's own. The addresses that were looked at are the ones that are connected to, so that a name which
 * says something else a moment later gains nothing (DNS rebinding).
 */
export const outsideLookup: LookupFunction = (hostname, options, callback) => {
  lookUp(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, "");
    const isItself = isLoopbackHost(hostname);
    const leadsInside = addresses.some(
      ({ address, family }) =>
        isInsideAddress(address) || (!isItself && LOOPBACK.check(address, family === 6 ? "ipv6" : "ipv4")),
    );
    if (leadsInside) return callback(Object.assign(new Error("leads inside"), { code: LEADS_INSIDE }), "");
    const [first] = addresses;
    if (options.all === true || first === undefined) return callback(null, addresses);
    return callback(null, first.address, first.family);
  });
};
