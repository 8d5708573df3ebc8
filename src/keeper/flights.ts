/** Work that several callers of one process want at the same moment: done once, its result shared. */
export interface Flights<T> {
  /** The work under way for this key, or null. */
  readonly underWay: (key: string) => Promise<T> | null;
  /** Joins the work under way for this key, or begins it. */
  readonly join: (key: string, begin: () => Promise<T>) => Promise<T>;
  readonly count: () => number;
}

/** Nothing is kept beyond the work's end, whatever that is: a promise that fails is shared and then gone. */
export function createFlights<T>(): Flights<T> {
  const flights = new Map<string, Promise<T>>();
  return {
    underWay: (key) => flights.get(key) ?? null,
    join: (key, begin) => {
      const known = flights.get(key);
      if (known !== undefined) return known;
      const flight = begin().finally(() => {
        if (flights.get(key) === flight) flights.delete(key);
      });
      flights.set(key, flight);
      return flight;
    },
    count: () => flights.size,
  };
}
