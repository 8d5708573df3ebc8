import type { HistoryEvent } from "../api/documents.ts";
import { grantPath, Link } from "../route.tsx";
import { actorOf } from "../text/format.ts";
import { useText } from "../text/text.tsx";
import { Moment } from "./moment.tsx";
import type { Tone } from "./notice.tsx";

/** Events that a person should notice, and how. */
const TONES: Partial<Record<HistoryEvent["type"], Tone>> = {
  granted: "good",
  imported: "good",
  refreshed: "good",
  recovered: "good",
  integration_recovered: "good",
  provider_recovered: "good",
  delivered: "good",
  refresh_failing: "warn",
  delivery_failing: "warn",
  suspect: "warn",
  outcome_unknown: "warn",
  account_changed: "warn",
  token_set_parked: "warn",
  token_set_spooled: "warn",
  clock_skewed: "warn",
  clock_set_back: "warn",
  suspended: "warn",
  refresh_token_revealed: "warn",
  verdict_held: "warn",
  reauthorization_required: "bad",
  integration_rejected: "bad",
  provider_failing: "bad",
  store_copied: "bad",
  revoked: "bad",
  removed: "bad",
};

interface EventItemProps {
  readonly event: HistoryEvent;
  /** On the grant's own page its name need not be said. */
  readonly isOfGrant?: boolean;
}

/** One event: what, when, by whom, and its facts for whoever wants them. */
export function EventItem({ event, isOfGrant = false }: EventItemProps) {
  const text = useText();
  const facts = Object.entries(event.data);
  const tone = TONES[event.type] ?? "info";
  return (
    <li className={`event ${tone}`}>
      <p className="event-what">
        {!isOfGrant && event.grant !== null && <Link href={grantPath(event.grant)}>{event.grant}</Link>}
        {!isOfGrant && event.grant === null && event.integration !== null && (
          <strong>{event.integration}</strong>
        )}
        <span>{text.eventTypes[event.type]}</span>
      </p>
      <p className="event-when dim">
        <Moment at={event.at} /> {text.events.actor} {actorOf(event.actor, text)} <code>{event.type}</code>
      </p>
      {facts.length > 0 && (
        <details>
          <summary>{text.events.details}</summary>
          <dl className="event-facts">
            {facts.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{Array.isArray(value) ? value.join(", ") : String(value)}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </li>
  );
}
