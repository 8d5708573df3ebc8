import { useWorld } from "../live/use-world.ts";
import { Page } from "../parts/page.tsx";
import { useMay } from "../parts/session.ts";
import { Link } from "../route.tsx";
import { useText } from "../text/text.tsx";

/** Every client registration, with the ones that are refused on top. */
export function IntegrationsPage() {
  const { integrations: words, common } = useText();
  const { integrations, grants } = useWorld();
  const mayAdd = useMay("integrations:write");
  const add = mayAdd && (
    <Link className="button primary" href="/connect">
      {words.add}
    </Link>
  );
  const sorted = (integrations ?? []).toSorted(
    (a, b) => Number(b.incident !== null) - Number(a.incident !== null) || (a.name < b.name ? -1 : 1),
  );
  const grantsOf = (name: string): number =>
    [...(grants?.values() ?? [])].filter(({ integration }) => integration === name).length;
  return (
    <Page title={words.title} actions={add}>
      {integrations === null && <p className="dim">{common.loading}</p>}
      {integrations?.length === 0 && <p>{words.none}</p>}
      <ul className="cards">
        {sorted.map(({ name, provider, client_id: id, incident }) => (
          <li key={name} className={incident === null ? "card" : "card bad"}>
            <h2>
              <Link href={`/integrations/${encodeURIComponent(name)}`}>{name}</Link>
            </h2>
            <p>
              {provider}, {words.grants(grantsOf(name))}
            </p>
            <p className="dim break">
              <code>{id}</code>
            </p>
            {incident !== null && (
              <p>
                <span className="badge bad">{words.incident}</span> <span lang="en">{incident.message}</span>
              </p>
            )}
          </li>
        ))}
      </ul>
    </Page>
  );
}
