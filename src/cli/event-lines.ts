import { EVENT_TYPES, type Event, type EventType } from "../core/events.ts";
import type { EventStore } from "../keeper/ports.ts";
import { type Io, tell } from "./io.ts";
import { wrap } from "./wrap.ts";

/** Ordinary business, counted rather than told one by one. */
const ROUTINE: ReadonlySet<EventType> = new Set(["refreshed", "token_handed_out"]);
const PAGE = 1000;

/** Tells, each time it is called, what has been written to the audit since. Begins with what comes from now on. */
export async function eventTeller(io: Io, store: EventStore): Promise<() => Promise<void>> {
  let seen = await store.lastEvent();
  let last = Promise.resolve();
  const tellNew = async (): Promise<void> => {
    let refreshed = 0;
    for (;;) {
      const events = await store.events({ after: seen, limit: PAGE });
      refreshed += events.filter(({ type }) => type === "refreshed").length;
      for (const event of events) if (!ROUTINE.has(event.type)) tell(io, lineOf(event));
      seen = events.at(-1)?.seq ?? seen;
      if (events.length < PAGE) break;
    }
    if (refreshed > 0) tell(io, refreshed === 1 ? "1 grant refreshed." : `${refreshed} grants refreshed.`);
  };
  // One after the other: what two are telling at the same moment would be told twice.
  return () => {
    const turn = last.then(tellNew);
    last = turn.catch(() => undefined);
    return turn;
  };
}

function lineOf({ at, type, grant, integration, data }: Event): string {
  const about = [grant ?? integration ?? data["provider"], data["delivery"] ?? data["data_source"]];
  const names = about.filter((name) => typeof name === "string");
  return hanging(`${[timeOfLine(at), type, ...names].join(" ")}: ${EVENT_TYPES[type]}`);
}

/** When a line is about, in UTC, as people read it. */
export function timeOfLine(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}

const HANG = "  ";

/** A line of a log that may be long: what does not fit stands below, indented, so that times stay in one column. */
export function hanging(text: string): string {
  const [first = "", ...more] = wrap(text, 0, 80 - HANG.length).split("\n");
  return [first, ...more.map((line) => HANG + line)].join("\n");
}
