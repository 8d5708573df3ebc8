import type { Delivery, Grant, PageOf } from "../api/documents.ts";
import { useLoaded } from "../live/use-world.ts";
import { Moment } from "../parts/moment.tsx";
import type { Tone } from "../parts/notice.tsx";
import { Section } from "../parts/page.tsx";
import { useText } from "../text/text.tsx";

const TONES: Readonly<Record<Delivery["state"], Tone>> = {
  delivered: "good",
  waiting: "info",
  failing: "bad",
};

/** Where a grant's tokens are put, and whether they are there. Not shown where they are put nowhere. */
export function GrantDeliveries({ grant }: { readonly grant: Grant }) {
  const text = useText();
  const { deliveries: words } = text;
  const { value } = useLoaded<PageOf<Delivery>>(
    "/v1/deliveries",
    (event) => event.grant === grant.name && /^deliver|^data_source/.test(event.type),
  );
  const items = value?.items.filter((item) => item.grant === grant.name) ?? [];
  if (items.length === 0) return null;
  return (
    <Section title={words.title}>
      <ul className="history">
        {items.map((item) => (
          <DeliveryItem key={item.name} item={item} />
        ))}
      </ul>
    </Section>
  );
}

function DeliveryItem({ item }: { readonly item: Delivery }) {
  const { deliveries: words } = useText();
  const { delivered, last_error: error, target } = item;
  return (
    <li className={`event ${TONES[item.state]}`}>
      <p className="event-what">
        <strong>{item.name}</strong>
        <span className={`badge ${TONES[item.state]}`}>{words.states[item.state]}</span>
        {delivered !== null && <Moment at={delivered.at} as="distance" />}
      </p>
      {error !== null && (
        <p lang="en">
          {error.message} {error.remedy}
        </p>
      )}
      <p className="event-when dim">
        {words.tokens[item.token]}, {words.dataSource} {item.data_source}, {words.kinds[target.kind]}{" "}
        <code>{placeOf(item)}</code>
      </p>
    </li>
  );
}

function placeOf({ target }: Delivery): string {
  if (target.kind === "file") return target.path;
  return target.kind === "command" ? target.command.join(" ") : target.url;
}
