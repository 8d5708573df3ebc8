import { useEffect, useState } from "react";
import type { EventType, HistoryEvent, PageOf } from "../api/documents.ts";
import { request } from "../api/request.ts";
import { useEvents, useWorld } from "../live/use-world.ts";
import { useAction } from "../parts/action.tsx";
import { EventItem } from "../parts/event-item.tsx";
import { ProblemNotice } from "../parts/notice.tsx";
import { Page } from "../parts/page.tsx";
import { navigate, usePlace } from "../route.tsx";
import { useText } from "../text/text.tsx";

const PAGE = 100;

/** The audit, newest first, as it grows. */
export function EventsPage() {
  const { events: words, common } = useText();
  const { searchParams } = usePlace();
  const query = new URLSearchParams();
  for (const name of ["type", "grant"]) {
    const value = searchParams.get(name);
    if (value) query.set(name, value);
  }
  const { events, waiting, hasMore, action, loadMore, showWaiting } = useHistory(query.toString());
  return (
    <Page title={words.title} actions={<ExportButton query={query.toString()} />}>
      <p className="dim">{words.intro}</p>
      <Filters />
      {action.problem !== null && <ProblemNotice problem={action.problem} />}
      <p role="status">
        {waiting > 0 && (
          <button type="button" className="primary" onClick={showWaiting}>
            {words.new(waiting)}
          </button>
        )}
      </p>
      {events !== null && events.length === 0 && <p>{words.none}</p>}
      {events === null && action.problem === null && <p className="dim">{common.loading}</p>}
      <ol className="history">
        {(events ?? []).map((event) => (
          <EventItem key={event.id} event={event} />
        ))}
      </ol>
      {hasMore && (
        <button type="button" disabled={action.isBusy} onClick={loadMore}>
          {common.more}
        </button>
      )}
    </Page>
  );
}

/** Events that fit: those loaded, and those that came since and wait while somebody reads further down. */
function useHistory(query: string) {
  const [events, setEvents] = useState<readonly HistoryEvent[] | null>(null);
  const [waiting, setWaiting] = useState<readonly HistoryEvent[]>([]);
  const [hasMore, setMore] = useState(false);
  const action = useAction();
  const { run } = action;
  const load = async (before: number | null): Promise<void> => {
    const from = before === null ? "" : `&before=${before}`;
    const { items } = await request<PageOf<HistoryEvent>>(
      "GET",
      `/v1/events?order=newest&limit=${PAGE}${from}${query === "" ? "" : `&${query}`}`,
    );
    setEvents((known) => (before === null ? items : [...(known ?? []), ...items]));
    setMore(items.length === PAGE);
  };
  useEffect(() => {
    setEvents(null);
    setWaiting([]);
    void run(() => load(null));
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- another query, another list
  }, [query]);
  useEvents((event) => {
    const wanted = new URLSearchParams(query);
    const type = wanted.get("type");
    const grant = wanted.get("grant");
    if ((type !== null && type !== event.type) || (grant !== null && grant !== event.grant)) return;
    if (window.scrollY < 200) setEvents((known) => merged([event], known ?? []));
    else setWaiting((known) => merged([event], known));
  });
  return {
    events,
    waiting: waiting.length,
    hasMore,
    action,
    loadMore: () => void run(() => load(events?.at(-1)?.id ?? null)),
    showWaiting: () => {
      setEvents((known) => merged(waiting, known ?? []));
      setWaiting([]);
      window.scrollTo(0, 0);
    },
  };
}

function merged(newer: readonly HistoryEvent[], older: readonly HistoryEvent[]): readonly HistoryEvent[] {
  const known = new Set(older.map(({ id }) => id));
  return [...newer.filter(({ id }) => !known.has(id)), ...older];
}

function Filters() {
  const text = useText();
  const { events: words } = text;
  const { grants } = useWorld();
  const { searchParams } = usePlace();
  const choose = (name: string, value: string): void => {
    const next = new URLSearchParams(searchParams);
    if (value === "") next.delete(name);
    else next.set(name, value);
    navigate(`/events?${next.toString()}`, "replace");
  };
  const grant = searchParams.get("grant") ?? "";
  const names = [...new Set([...(grants?.keys() ?? []), ...(grant === "" ? [] : [grant])])].toSorted();
  return (
    <div className="filters">
      <label>
        <span>{words.type}</span>
        <select
          value={searchParams.get("type") ?? ""}
          onChange={(event) => choose("type", event.target.value)}
        >
          <option value="">{words.anyType}</option>
          {(Object.keys(text.eventTypes) as EventType[]).map((type) => (
            <option key={type} value={type}>
              {type}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{words.grant}</span>
        <select value={grant} onChange={(event) => choose("grant", event.target.value)}>
          <option value="">{words.anyGrant}</option>
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
    </div>
  );
}

/** All that fit, oldest first, one JSON document a line. */
function ExportButton({ query }: { readonly query: string }) {
  const { events: words } = useText();
  const action = useAction();
  const [count, setCount] = useState(0);
  const save = async (): Promise<void> => {
    const lines: string[] = [];
    for (let after = 0; ;) {
      const path = `/v1/events?limit=1000&after=${after}${query === "" ? "" : `&${query}`}`;
      // oxlint-disable-next-line no-await-in-loop -- each page begins where the one before ended
      const { items } = await request<PageOf<HistoryEvent>>("GET", path);
      for (const event of items) lines.push(`${JSON.stringify(event)}\n`);
      setCount(lines.length);
      const last = items.at(-1);
      if (last === undefined) break;
      after = last.id;
    }
    const address = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = words.exportName;
    link.click();
    URL.revokeObjectURL(address);
  };
  return (
    <>
      <button type="button" disabled={action.isBusy} onClick={() => void action.run(save)}>
        {words.export}
      </button>
      <span role="status" className="dim small-text">
        {action.isBusy ? words.exporting(count) : ""}
      </span>
      {action.problem !== null && <ProblemNotice problem={action.problem} />}
    </>
  );
}
