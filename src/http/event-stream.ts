import { isUsable } from "../core/api-key.ts";
import { type Event, eventDocument } from "../core/events.ts";
import type { ChangeFeed } from "../keeper/change-feed.ts";
import type { Ports } from "../keeper/ports.ts";
import type { Caller } from "./caller.ts";
import { HttpRefusal } from "./problem.ts";

/** Which events a stream has, and from where on. */
export interface EventFilter {
  readonly after: number;
  readonly types: readonly string[] | null;
  readonly grants: readonly string[] | null;
}

/** Streams of events (Server-Sent Events, WHATWG HTML section 9.2), as many as are allowed. */
export interface EventStreams {
  /** @throws {HttpRefusal} `rate_limited` where there are too many. */
  readonly open: (caller: Caller, filter: EventFilter) => Response;
}

const MOST_OF_A_KEY = 20;
const MOST = 500;
const PAGE = 200;
/** A line that says nothing, in ms: proxies end connections that are silent. */
const HEARTBEAT = 15_000;

/**
 * A stream reads from the store as its client takes what it was sent: a slow one costs no memory, and all of
 * them are woken by the one feed of changes. It ends when its key ends, and when the service stops.
 */
export function createEventStreams(
  ports: Pick<Ports, "store" | "clock">,
  feed: ChangeFeed,
  stopping: AbortSignal,
): EventStreams {
  const open = new Map<string, number>();
  // One listener for all of them: Node warns of many, as of a leak.
  const wakers = new Set<() => void>();
  stopping.addEventListener("abort", () => {
    for (const wake of wakers) wake();
  });
  let total = 0;
  const count = (id: string, by: 1 | -1): void => {
    total += by;
    const many = (open.get(id) ?? 0) + by;
    if (many === 0) open.delete(id);
    else open.set(id, many);
  };
  return {
    open: (caller, filter) => {
      if (total >= MOST || (open.get(caller.id) ?? 0) >= MOST_OF_A_KEY)
        throw new HttpRefusal(
          429,
          "rate_limited",
          "Too many event streams are open.",
          `End some: ${MOST_OF_A_KEY} of a key and ${MOST} in all are allowed.`,
          { "retry-after": "15" },
        );
      count(caller.id, 1);
      const body = streamOf({
        ports,
        feed,
        stopping,
        wakers,
        caller,
        filter,
        onEnd: () => count(caller.id, -1),
      });
      return new Response(body, {
        headers: { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" },
      });
    },
  };
}

interface Parts {
  readonly ports: Pick<Ports, "store" | "clock">;
  readonly feed: ChangeFeed;
  readonly stopping: AbortSignal;
  /** Called when it stops. */
  readonly wakers: Set<() => void>;
  readonly caller: Caller;
  readonly filter: EventFilter;
  readonly onEnd: () => void;
}

function streamOf(parts: Parts): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const watch = watchFor(parts);
  const read = reader(parts);
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    while (!(await watch.isOver())) {
      watch.hush();
      const events = await read();
      if (events.length === 0 && (await watch.news())) continue;
      const text = events.length === 0 ? ": alive\n\n" : events.map(frameOf).join("");
      // Whoever cancelled it meanwhile has closed it.
      if (!watch.hasEnded()) controller.enqueue(encoder.encode(text));
      return;
    }
    if (watch.hasEnded()) return;
    watch.end();
    controller.close();
  };
  return new ReadableStream<Uint8Array>({ pull, cancel: watch.end }, { highWaterMark: 0 });
}

/** Reads on from where it was. What the filter keeps out is not looked at again. */
function reader({ ports: { store }, filter }: Parts): () => Promise<Event[]> {
  const { types, grants } = filter;
  let { after } = filter;
  return async () => {
    const upTo = await store.settledEvent();
    const events = await store.eventPage({ after, upTo, types, grants, limit: PAGE });
    after = events.length < PAGE ? Math.max(after, upTo) : (events.at(-1)?.seq ?? after);
    return events;
  };
}

/** Whether there is news for a stream, and whether it is over: with its key, its client, or the service. */
function watchFor({ ports: { clock }, feed, stopping, wakers, caller, onEnd }: Parts) {
  let hasNews = false;
  let hasEnded = false;
  let mayBeOver = false;
  let wake = (): void => undefined;
  const tell = (): void => {
    hasNews = true;
    wake();
  };
  const unsubscribe = feed.subscribe(({ type }) => {
    mayBeOver ||= type === caller.endsWith;
    tell();
  });
  wakers.add(tell);
  return {
    /** From now on news counts. */
    hush: () => {
      hasNews = false;
    },
    /** True: there was news since it was hushed. False: it is time for a heartbeat. */
    news: (): Promise<boolean> =>
      new Promise((resolve) => {
        const left = (caller.expiresAt ?? Infinity) - clock.now();
        const stop = clock.alarm(left > 0 ? Math.min(HEARTBEAT, left) : HEARTBEAT, () => resolve(false));
        wake = () => {
          stop();
          resolve(true);
        };
        // Told while it was read: there may be more already.
        if (hasNews) wake();
      }),
    isOver: async (): Promise<boolean> => {
      if (hasEnded || stopping.aborted) return true;
      // A person who does something meanwhile has more time: the store knows.
      if (isUsable(caller, clock.now()) && !mayBeOver) return false;
      mayBeOver = false;
      return !(await caller.stillCounts());
    },
    hasEnded: () => hasEnded,
    end: () => {
      if (hasEnded) return;
      hasEnded = true;
      unsubscribe();
      wakers.delete(tell);
      tell();
      onEnd();
    },
  };
}

/** JSON has no line ends of its own, so an event is one `data` line. */
function frameOf(event: Event): string {
  return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(eventDocument(event))}\n\n`;
}
