import type { Consumer, Grant, PageOf } from "../api/documents.ts";
import { useLoaded } from "../live/use-world.ts";
import { Moment } from "../parts/moment.tsx";
import { Section } from "../parts/page.tsx";
import { actorOf } from "../text/format.ts";
import { useText } from "../text/text.tsx";

/** Which programs fetched a grant's tokens, and when. */
export function GrantConsumers({ grant }: { readonly grant: Grant }) {
  const text = useText();
  const { grant: words } = text;
  const { value } = useLoaded<PageOf<Consumer>>(
    `/v1/grants/${encodeURIComponent(grant.name)}/consumers`,
    (event) => event.grant === grant.name && event.type === "token_handed_out",
  );
  if (value === null || grant.generation === 0) return null;
  return (
    <Section title={words.consumers}>
      {value.items.length === 0 ? (
        <p className="dim">{words.noConsumers}</p>
      ) : (
        <div className="scrolling" tabIndex={0} role="region" aria-label={words.consumers}>
          <table>
            <thead>
              <tr>
                <th scope="col">{words.consumer}</th>
                <th scope="col">{words.generation}</th>
                <th scope="col">{words.times}</th>
                <th scope="col">{words.last}</th>
              </tr>
            </thead>
            <tbody>
              {value.items.map((item) => (
                <tr key={`${item.consumer} ${item.generation}`}>
                  <td>{item.api_key ?? actorOf(item.consumer, text)}</td>
                  <td>{item.generation}</td>
                  <td>{item.times}</td>
                  <td>
                    <Moment at={item.last_at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  );
}
