import { pino } from "pino";
import type { Observation, Observe } from "./observe.ts";

/**
 * One JSON line for each request, of these fields and no others: a field that is not named here cannot get
 * into the log, whatever a client sends. Tokens that are answered out of memory are counted, not logged.
 */
export function createAccessLog(write: (line: string) => void): Observe {
  const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write });
  return ({ method, route, status, seconds, key, subject, address }: Observation) => {
    const ms = Math.round(seconds * 1_000_000) / 1000;
    log.info({ method, route, status, ms, key, subject, address });
  };
}
