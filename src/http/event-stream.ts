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

function streamOf({ ports, feed, stopping, key, filter, onEnd }: Parts): ReadableStream<Uint8Array> {
  const { clock, store } = ports;
  const encoder = new TextEncoder();
  let { after } = filter;
  let news = true;
  let mayHaveEnded = false;
  let isOver = false;
  let wake = (): void => undefined;
  const unsubscribe = feed.subscribe(({ type }) => {
    news = true;
    mayHaveEnded ||= type === "api_key_revoked";
    wake();
  });
  const onStop = (): void => wake();
  stopping.addEventListener("abort", onStop);
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    unsubscribe();
    stopping.removeEventListener("abort", onStop);
    wake();
    onEnd();
  };
  /** True: something happened. False: it is time for a heartbeat. */
  const rest = (ms: number): Promise<boolean> =>
    new Promise((resolve) => {
      const stop = clock.alarm(ms, () => resolve(false));
      wake = () => {
        stop();
        resolve(true);
      };
    });
  const hasEnded = async (): Promise<boolean> => {
    if (isOver || stopping.aborted || !isUsable(key, clock.now())) return true;
    if (!mayHaveEnded) return false;
    mayHaveEnded = false;
    const now = await store.apiKey(key.id);
    return now === null || !isUsable(now, clock.now());
  };
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    while (!(await hasEnded())) {
      if (news) {
        news = false;
        const upTo = await store.settledEvent();
        const { types, grants } = filter;
        const events = await store.eventPage({ after, upTo, types, grants, limit: PAGE });
        // What the filter keeps out need not be looked at again.
        after = events.length < PAGE ? Math.max(after, upTo) : (events.at(-1)?.seq ?? after);
        news ||= events.length === PAGE;
        if (events.length > 0) {
          controller.enqueue(encoder.encode(events.map(frameOf).join("")));
          return;
        }
      }
      const untilEnd = key.expiresAt === null ? HEARTBEAT : Math.max(1, key.expiresAt - clock.now());
      const isNews = await rest(Math.min(HEARTBEAT, untilEnd));
      // A gap in the numbers may have closed without a change of its own.
      news = true;
      if (!isNews && !isOver) {
        controller.enqueue(encoder.encode(": alive\n\n"));
        return;
      }
    }
    // Whoever cancelled it has closed it.
    if (isOver) return;
    end();
    controller.close();
  };
  return new ReadableStream<Uint8Array>({ pull, cancel: end }, { highWaterMark: 0 });
}

/** JSON has no line ends of its own, so an event is one `data` line. */
function frameOf(event: Event): string {
  return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(eventDocument(event))}\n\n`;
}
