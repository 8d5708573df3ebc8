import { useMemo, useState } from "react";
import type { Grant } from "../api/documents.ts";
import { useNow, useWorld } from "../live/use-world.ts";
import { troubleOf, weightOf } from "../parts/grant-trouble.ts";
import { Page } from "../parts/page.tsx";
import { useMay } from "../parts/session.ts";
import { Link, navigate, usePlace } from "../route.tsx";
import type { Text } from "../text/en.ts";
import { useText } from "../text/text.tsx";
import { GrantRows } from "./grant-rows.tsx";

type Sort = keyof Text["grants"]["sorts"];

/** Every grant: what is looked for is in the address, so that it can be kept and shared. */
export function GrantsPage() {
  const text = useText();
  const { grants: words, common } = text;
  const { grants, hasAllGrants } = useWorld();
  const { searchParams } = usePlace();
  const mayConnect = useMay("grants:write");
  const state = searchParams.get("state") ?? "";
  const sort = (searchParams.get("sort") ?? "trouble") as Sort;
  const [search, setSearch] = useState("");
  const shown = useShown(search, state, sort);
  const choose = (name: string, value: string): void => {
    const next = new URLSearchParams(searchParams);
    if (value === "") next.delete(name);
    else next.set(name, value);
    navigate(`/grants?${next.toString()}`, "replace");
  };
  const connect = mayConnect && (
    <Link className="button primary" href="/connect">
      {words.connect}
    </Link>
  );
  return (
    <Page title={words.title} actions={connect}>
      <div className="filters">
        <input
          type="search"
          value={search}
          aria-label={words.search}
          placeholder={words.search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <label>
          <span>{words.state}</span>
          <select value={state} onChange={(event) => choose("state", event.target.value)}>
            <option value="">{words.all}</option>
            {Object.entries(text.states).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>{words.sort}</span>
          <select value={sort} onChange={(event) => choose("sort", event.target.value)}>
            {Object.entries(words.sorts).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
      {grants === null ? (
        <p className="dim">{common.loading}</p>
      ) : (
        <>
          <p className="dim" role="status">
            {hasAllGrants ? words.count(shown.length, grants.size) : words.counting(grants.size)}
          </p>
          {shown.length === 0 && hasAllGrants && <p>{grants.size === 0 ? words.empty : words.none}</p>}
          {shown.length > 0 && <GrantRows grants={shown} />}
        </>
      )}
    </Page>
  );
}

/** The grants that fit, in order. */
function useShown(search: string, state: string, sort: Sort): readonly Grant[] {
  const text = useText();
  const { grants, integrations } = useWorld();
  // Order changes with time, but not while somebody reads.
  const now = useNow(60_000);
  return useMemo(() => {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const fitting = [...(grants ?? new Map<string, Grant>()).values()].filter(
      (grant) =>
        (state === "" || grant.state === state) && words.every((word) => haystack(grant).includes(word)),
    );
    const weights = new Map(
      fitting.map((grant) => [grant, weightOf(troubleOf(grant, integrations, now, text))]),
    );
    const byName = (a: Grant, b: Grant): number => (a.name < b.name ? -1 : 1);
    const orders: Record<Sort, (a: Grant, b: Grant) => number> = {
      trouble: (a, b) => (weights.get(a) ?? 3) - (weights.get(b) ?? 3) || byName(a, b),
      name: byName,
      life: (a, b) => byEnd(a.access_token.expires_at, b.access_token.expires_at) || byName(a, b),
      consent: (a, b) => byEnd(a.reconsent_by, b.reconsent_by) || byName(a, b),
    };
    return fitting.toSorted(orders[sort] ?? byName);
  }, [grants, integrations, search, state, sort, now, text]);
}

function haystack({ name, integration, account }: Grant): string {
  return [name, integration, account?.display_name, account?.email].join(" ").toLowerCase();
}

/** The earlier first; those without an end last. Instants of the API sort as texts. */
function byEnd(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : 1;
}
