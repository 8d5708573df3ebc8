import type { Integration } from "../core/integration.ts";
import { createFlights, type Flights } from "./flights.ts";
import { createGates, type Gates } from "./gates.ts";
import type { Clock, Random } from "./ports.ts";
import { createWakers, type Wakers } from "./wakers.ts";
import type { Refreshed } from "./waiting.ts";

/**
 * What one keeper process remembers between two refreshes. All of it may be forgotten at any time: it saves
 * work and spares providers, and nothing is decided by it that the store does not confirm.
 */
export interface KeeperState {
  /** Refreshes under way in this process, by grant id. */
  readonly flights: Flights<Refreshed>;
  readonly gates: Gates;
  /** Those who wait for what another process does to a grant. */
  readonly wakers: Wakers;
  /** Integrations seen a moment ago, by id. */
  readonly integrations: Map<string, { readonly integration: Integration; readonly seenAt: number }>;
  /** When the spool was last looked at, on the monotonic clock. */
  spoolSeenAt: number;
  /** Providers whose clock is known to differ from ours. */
  readonly skewed: Set<string>;
}

/** The memory of a keeper that has just started. */
export function newKeeperState(clock: Clock, random: Pick<Random, "fraction">): KeeperState {
  return {
    flights: createFlights(),
    gates: createGates(clock, random),
    wakers: createWakers(clock),
    integrations: new Map(),
    spoolSeenAt: Number.NEGATIVE_INFINITY,
    skewed: new Set(),
  };
}
