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
      <div className="scrolling" tabIndex={0} role="region" aria-label={words.title}>
        <table>
          <thead>
            <tr>
              <th scope="col">{words.delivery}</th>
              <th scope="col">{words.dataSource}</th>
              <th scope="col">{words.place}</th>
              <th scope="col">{words.state}</th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => (
              <tr key={item.name}>
                <td>{item.name}</td>
                <td>{item.data_source}</td>
                <td>
                  {words.kinds[item.target.kind]}, {words.tokens[item.token]}
                  <br />
                  <code>{placeOf(item)}</code>
                </td>
                <td>
                  <span className={`badge ${TONES[item.state]}`}>{words.states[item.state]}</span>{" "}
                  {item.delivered !== null && <Moment at={item.delivered.at} as="distance" />}
                  <DeliveryTrouble item={item} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

function DeliveryTrouble({ item: { last_error: error } }: { readonly item: Delivery }) {
  if (error === null) return null;
  return (
    <p lang="en">
      {error.message} {error.remedy}
    </p>
  );
}

function placeOf({ target }: Delivery): string {
  if (target.kind === "file") return target.path;
  return target.kind === "command" ? target.command.join(" ") : target.url;
}
