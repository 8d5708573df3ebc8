import { type ApiKey, isUsable } from "../core/api-key.ts";
import { type Event, eventDocument } from "../core/events.ts";
import type { ChangeFeed } from "../keeper/change-feed.ts";
import type { Ports } from "../keeper/ports.ts";
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
  readonly open: (key: ApiKey, filter: EventFilter) => Response;
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
  let total = 0;
  const count = (id: string, by: 1 | -1): void => {
    total += by;
    const many = (open.get(id) ?? 0) + by;
    if (many === 0) open.delete(id);
    else open.set(id, many);
  };
  return {
    open: (key, filter) => {
      if (total >= MOST || (open.get(key.id) ?? 0) >= MOST_OF_A_KEY)
        throw new HttpRefusal(
          429,
          "rate_limited",
          "Too many event streams are open.",
          `End some: ${MOST_OF_A_KEY} of a key and ${MOST} in all are allowed.`,
          { "retry-after": "15" },
        );
      count(key.id, 1);
      const body = streamOf({ ports, feed, stopping, key, filter, onEnd: () => count(key.id, -1) });
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
  readonly key: ApiKey;
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
function watchFor({ ports: { clock, store }, feed, stopping, key, onEnd }: Parts) {
  let hasNews = false;
  let hasEnded = false;
  let mayBeRevoked = false;
  let wake = (): void => undefined;
  const tell = (): void => {
    hasNews = true;
    wake();
  };
  const unsubscribe = feed.subscribe(({ type }) => {
    mayBeRevoked ||= type === "api_key_revoked";
    tell();
  });
  stopping.addEventListener("abort", tell);
  return {
    /** From now on news counts. */
    hush: () => {
      hasNews = false;
    },
    /** True: there was news since it was hushed. False: it is time for a heartbeat. */
    news: (): Promise<boolean> =>
      new Promise((resolve) => {
        const untilEnd = key.expiresAt === null ? HEARTBEAT : Math.max(1, key.expiresAt - clock.now());
        const stop = clock.alarm(Math.min(HEARTBEAT, untilEnd), () => resolve(false));
        wake = () => {
          stop();
          resolve(true);
        };
        // Told while it was read: there may be more already.
        if (hasNews) wake();
      }),
    isOver: async (): Promise<boolean> => {
      if (hasEnded || stopping.aborted || !isUsable(key, clock.now())) return true;
      if (!mayBeRevoked) return false;
      mayBeRevoked = false;
      const now = await store.apiKey(key.id);
      return now === null || !isUsable(now, clock.now());
    },
    hasEnded: () => hasEnded,
    end: () => {
      if (hasEnded) return;
      hasEnded = true;
      unsubscribe();
      stopping.removeEventListener("abort", tell);
      tell();
      onEnd();
    },
  };
}

/** JSON has no line ends of its own, so an event is one `data` line. */
function frameOf(event: Event): string {
  return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(eventDocument(event))}\n\n`;
}
