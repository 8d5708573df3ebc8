import type { Grant } from "../core/grant.ts";
import { deliverDue } from "./deliver.ts";
import type { Deliver, Ports } from "./ports.ts";

/** Between two looks at whether anything has happened, in ms. */
const LOOK_EVERY = 1000;
/** Between two looks at every delivery where nothing has, in ms: for what is to be tried again. */
const LOOK_AT_ALL_EVERY = 5000;

interface SupplyOptions {
  /** Aborted: nothing new is begun; what is under way is waited for. */
  readonly signal: AbortSignal;
  readonly onError: (error: unknown, grant: Grant | null) => void;
}

/**
 * Keeps every data source supplied, until it is told to stop: a token that was replaced is in its places a
 * second or so later. Its work is proportional to how many deliveries there are, and next to nothing while
 * nothing happens.
 */
export async function keepSupplied(
  ports: Ports,
  deliver: Deliver,
  { signal, onError }: SupplyOptions,
): Promise<void> {
  const { store, clock } = ports;
  const turns = new Set<Promise<void>>();
  // A place that takes its time keeps no other waiting: what is claimed is not found by the next look.
  const begin = async (): Promise<void> => {
    try {
      await deliverDue(ports, deliver);
    } catch (error) {
      onError(error, null);
    }
  };
  let seen = -1;
  let lookedAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    try {
      const newest = await store.lastEvent();
      const isTime = clock.monotonic() - lookedAt >= LOOK_AT_ALL_EVERY;
      if (newest !== seen || isTime) {
        seen = newest;
        lookedAt = clock.monotonic();
        const turn = begin().finally(() => turns.delete(turn));
        turns.add(turn);
      }
    } catch (error) {
      onError(error, null);
    }
    await pause(ports, signal);
  }
  await Promise.all(turns);
}

function pause({ clock }: Ports, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      stop();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const stop = clock.alarm(LOOK_EVERY, end);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end);
  });
}
