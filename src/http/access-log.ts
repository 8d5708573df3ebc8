import { pino } from "pino";
import type { Observation, Observe } from "./observe.ts";

/** Where lines go, opened, and the ways to open it anew and to end it. */
export interface AccessLog {
  readonly observe: Observe;
  /** For whoever moved the file away. */
  readonly reopen: () => void;
  readonly close: () => void;
}

/**
 * One JSON line for each request, of these fields and no others: a field that is not named here cannot get
 * into the log, whatever a client sends. Tokens that are answered out of memory are counted, not logged.
 */
export function openAccessLog(place: string): AccessLog {
  const dest = place === "stderr" ? 2 : place;
  const destination = pino.destination({ dest, mode: 0o600, append: true, sync: false });
  const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  return {
    observe: ({ method, route, status, seconds, key, subject, address }: Observation) => {
      const ms = Math.round(seconds * 1_000_000) / 1000;
      log.info({ method, route, status, ms, key, subject, address });
    },
    reopen: () => {
      if (typeof dest === "string") destination.reopen();
    },
    close: () => destination.flushSync(),
  };
}
