import { checkFault } from "./fault-check.ts";
import type { Endpoint, FaultHandle, FaultSpec } from "./types.ts";

/** A fault on order. */
export interface Fault {
  readonly id: number;
  readonly spec: FaultSpec;
  skip: number;
  remaining: number;
  hits: number;
  /** Settles when a `hold` lets go. */
  readonly released: Promise<void>;
  readonly release: () => void;
}

/** The faults on order, met in the order in which they were placed. */
export interface FaultBook {
  readonly add: (spec: FaultSpec) => FaultHandle;
  /** The fault that this request meets, counted as met. */
  readonly take: (endpoint: Endpoint, clientId: () => string | undefined) => Fault | undefined;
  readonly clear: () => void;
  /** Lets go what one fault holds, or all; gives how many faults that were. */
  readonly release: (id?: number) => number;
  readonly list: () => readonly { id: number; hits: number; remaining: number; spec: FaultSpec }[];
}

/** An empty order book. */
export function faultBook(): FaultBook {
  /** Spent holds stay here until they are released. */
  const faults = new Map<number, Fault>();
  let lastId = 0;

  function drop(fault: Fault): void {
    faults.delete(fault.id);
    fault.release();
  }

  return {
    add(spec) {
      checkFault(spec);
      const { promise: released, resolve: release } = gate();
      const times = spec.times ?? 1;
      const fault: Fault = {
        id: ++lastId,
        spec,
        skip: spec.skip ?? 0,
        remaining: times === "always" ? Infinity : times,
        hits: 0,
        released,
        release,
      };
      faults.set(fault.id, fault);
      return {
        id: fault.id,
        hits: () => fault.hits,
        release: () => drop(fault),
        remove: () => drop(fault),
      };
    },
    take(endpoint, clientId) {
      if (faults.size === 0) return undefined;
      for (const fault of faults.values()) {
        if (!concerns(fault, endpoint, clientId)) continue;
        if (fault.skip > 0) {
          fault.skip -= 1;
          continue;
        }
        fault.remaining -= 1;
        fault.hits += 1;
        if (fault.remaining <= 0 && fault.spec.kind !== "hold") faults.delete(fault.id);
        return fault;
      }
      return undefined;
    },
    clear() {
      for (const fault of faults.values()) drop(fault);
    },
    release(id) {
      const holds = [...faults.values()].filter(
        (fault) => fault.spec.kind === "hold" && (id === undefined || fault.id === id),
      );
      for (const fault of holds) drop(fault);
      return holds.length;
    },
    list: () =>
      [...faults.values()].map(({ id, hits, remaining, spec }) => ({
        id,
        hits,
        remaining,
        spec,
      })),
  };
}

function gate(): { promise: Promise<void>; resolve: () => void } {
  let open: (() => void) | undefined;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, resolve: () => open?.() };
}

function concerns(fault: Fault, endpoint: Endpoint, clientId: () => string | undefined): boolean {
  const { on, clientId: only } = fault.spec;
  if (fault.remaining <= 0) return false;
  return (on === "any" || on === endpoint) && (only === undefined || only === clientId());
}
