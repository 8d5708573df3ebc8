import type { HeldToken } from "./token.ts";

interface Flight {
  readonly minTtl: number;
  readonly work: Promise<HeldToken>;
}

/** Requests for tokens that are under way: whoever wants no more than one of them will bring waits for it. */
export interface Flights {
  readonly share: (grant: string, minTtl: number, begin: () => Promise<HeldToken>) => Promise<HeldToken>;
}

export function createFlights(): Flights {
  const under = new Map<string, readonly Flight[]>();
  return {
    share: (grant, minTtl, begin) => {
      const flights = under.get(grant) ?? [];
      const shared = flights.find((flight) => flight.minTtl >= minTtl);
      if (shared !== undefined) return shared.work;
      const flight: Flight = {
        minTtl,
        work: begin().finally(() => {
          const others = (under.get(grant) ?? []).filter((one) => one !== flight);
          if (others.length === 0) under.delete(grant);
          else under.set(grant, others);
        }),
      };
      under.set(grant, [...flights, flight]);
      return flight.work;
    },
  };
}
