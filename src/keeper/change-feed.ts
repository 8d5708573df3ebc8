import type { EventType } from "../core/events.ts";
import type { Clock } from "./ports.ts";
import type { EventStore } from "./store-ports.ts";

/** That something happened, and to which grant; null: to none in particular, or to all. */
export interface Change {
  readonly seq: number;
  readonly type: EventType;
  readonly grantId: string | null;
}

/** What the store's other users do, as its events tell it. */
export interface ChangeFeed {
  /** Whether everything that was committed a second ago is known here: until then memory may be served from. */
  readonly isFresh: () => boolean;
  /** Calls `listener` for each change from now on. Returns how to end that. */
  readonly subscribe: (listener: (change: Change) => void) => () => void;
  readonly stop: () => Promise<void>;
}

/** Between two looks, in ms. */
const LOOK_EVERY = 250;
/** How old, in ms, what is known may be: the design's "stale for at most one second". */
const STALE_AFTER = 1000;
const PAGE = 1000;
/**
 * A number that is missing between two others belongs to a transaction that is still under way (PostgreSQL
 * numbers events before they are committed), or to one that was undone. After this long, in ms, it was undone.
 */
const GAP_PATIENCE = 15_000;

/**
 * Follows the events of the store. Nothing that is committed is missed, also where a smaller number becomes
 * visible after a greater one.
 * @throws {GrantkeeperError} `storage_unavailable` where the first look fails.
 */
export async function followChanges(
  { store, clock }: { readonly store: Pick<EventStore, "lastEvent" | "changesAfter">; readonly clock: Clock },
  onError: (error: unknown) => void,
): Promise<ChangeFeed> {
  const listeners = new Set<(change: Change) => void>();
  /** Everything up to here has been told. */
  let low = await store.lastEvent();
  /** Numbers beyond a gap that have been told already. */
  const told = new Set<number>();
  let gapSince: number | null = null;
  let freshSince = clock.monotonic();
  const stopping = { isAsked: false };
  let wake: (() => void) | null = null;

  const look = async (): Promise<void> => {
    const startedAt = clock.monotonic();
    for (let from = low; ;) {
      const changes = await store.changesAfter(from, PAGE);
      for (const change of changes) take(change, startedAt);
      const last = changes.at(-1);
      if (last === undefined || changes.length < PAGE) break;
      from = last.seq;
    }
    freshSince = startedAt;
  };

  const take = (change: Change, now: number): void => {
    const { seq } = change;
    if (!told.has(seq)) for (const listener of listeners) listener(change);
    if (seq <= low) return;
    const isNext = seq === low + 1;
    if (!isNext && !told.has(low + 1)) gapSince ??= now;
    if (isNext || (gapSince !== null && now - gapSince > GAP_PATIENCE)) {
      low = seq;
      gapSince = null;
      told.delete(seq);
    } else told.add(seq);
  };

  const rest = (): Promise<void> =>
    new Promise((resolve) => {
      const stop = clock.alarm(LOOK_EVERY, resolve);
      wake = () => {
        stop();
        resolve();
      };
    });

  const following = (async () => {
    while (!stopping.isAsked) {
      await look().catch(onError);
      if (!stopping.isAsked) await rest();
    }
  })();

  return {
    isFresh: () => clock.monotonic() - freshSince < STALE_AFTER,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: async () => {
      stopping.isAsked = true;
      wake?.();
      await following;
    },
  };
}
