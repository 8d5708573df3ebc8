import type { Ports } from "./ports.ts";

/** A random id: 128 bits, hex. */
export function newId(ports: Pick<Ports, "random">): string {
  return Buffer.from(ports.random.bytes(16)).toString("hex");
}
