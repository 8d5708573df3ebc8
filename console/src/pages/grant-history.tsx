import { useState } from "react";
import type { HistoryEvent, PageOf } from "../api/documents.ts";
import { request } from "../api/request.ts";
import { useLoaded } from "../live/use-world.ts";
import { useAction } from "../parts/action.tsx";
import { EventItem } from "../parts/event-item.tsx";
import { ProblemNotice } from "../parts/notice.tsx";
import { Section } from "../parts/page.tsx";
import { useText } from "../text/text.tsx";

const PAGE = 50;

/** What happened to a grant, generation by generation, newest first. */
export function GrantHistory({ name }: { readonly name: string }) {
  const { grant: words, common } = useText();
  const path = `/v1/events?order=newest&limit=${PAGE}&grant=${encodeURIComponent(name)}`;
  const { value, problem } = useLoaded<PageOf<HistoryEvent>>(path, (event) => event.grant === name);
  const [older, setOlder] = useState<readonly HistoryEvent[]>([]);
  const [isAll, setAll] = useState(false);
  const action = useAction();
  const newest = value?.items ?? [];
  const known = new Set(newest.map(({ id }) => id));
  const events = [...newest, ...older.filter(({ id }) => !known.has(id))];
  const last = events.at(-1)?.id;
  const loadMore = async (): Promise<void> => {
    const page = await request<PageOf<HistoryEvent>>("GET", `${path}&before=${last}`);
    setOlder([...older, ...page.items]);
    setAll(page.items.length < PAGE);
  };
  const hasMore = !isAll && (older.length > 0 || newest.length === PAGE);
  return (
    <Section title={words.history}>
      {problem !== null && <ProblemNotice problem={problem} />}
      {byGeneration(events).map(([generation, group]) => (
        <div key={generation} className="generation">
          <h3>{words.generationTitle(generation)}</h3>
          <ol className="history">
            {group.map((event) => (
              <EventItem key={event.id} event={event} isOfGrant />
            ))}
          </ol>
        </div>
      ))}
      {action.problem !== null && <ProblemNotice problem={action.problem} />}
      {hasMore && (
        <button type="button" disabled={action.isBusy} onClick={() => void action.run(loadMore)}>
          {common.more}
        </button>
      )}
    </Section>
  );
}

/** An event without a generation belongs to the one before it. */
function byGeneration(events: readonly HistoryEvent[]): [generation: number, events: HistoryEvent[]][] {
  const groups = new Map<number, HistoryEvent[]>();
  let current = 0;
  for (const event of events.toReversed()) {
    current = Math.max(current, event.generation ?? current);
    groups.set(current, [event, ...(groups.get(current) ?? [])]);
  }
  return [...groups].toReversed();
}
