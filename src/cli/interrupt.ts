import { type Io, tell } from "./io.ts";

/** What an interrupted command exits with: 128 + SIGINT, as shells expect. */
const INTERRUPTED = 130;

/** Ctrl-C while something is at the provider. */
export interface Interrupts {
  /** From here on a first Ctrl-C waits for the answer and its save. */
  readonly sendingBegins: () => void;
  /** Runs `work`; a Ctrl-C before anything was sent rejects it, so that it can tidy up. */
  readonly interruptible: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  /** The exit code that an interrupt asks for, once the command has ended by itself. */
  readonly exitCode: () => number | null;
  readonly end: () => void;
}

/**
 * A request that may spend a one-time token must not be cut off between the provider's answer and the
 * save: the first Ctrl-C then only says so, the second ends the program all the same. Before anything
 * was sent Ctrl-C ends it at once.
 */
export function deferInterrupts(io: Io): Interrupts {
  let isSending = false;
  let isInterrupted = false;
  let abort: AbortController | null = null;
  const onSignal = (): void => {
    const isFirst = !isInterrupted;
    isInterrupted = true;
    if (abort === null && !isSending) process.exit(INTERRUPTED);
    if (!isFirst) process.exit(INTERRUPTED);
    abort?.abort();
    if (!isSending) return;
    tell(io, "\nA request is at the provider: waiting for its answer, so that no token is lost.");
    tell(io, "Press Ctrl-C again to stop at once.");
  };
  const end = (): void => {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  };
  // Before that, the system's own way of ending a program is right, and costs nothing.
  const listen = (): void => {
    end();
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  };
  return {
    sendingBegins: () => {
      isSending = true;
      listen();
    },
    interruptible: async (work) => {
      abort = new AbortController();
      listen();
      try {
        return await work(abort.signal);
      } finally {
        abort = null;
      }
    },
    exitCode: () => (isInterrupted ? INTERRUPTED : null),
    end,
  };
}
