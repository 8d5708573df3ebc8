import { useEffect } from "react";
import type { Grant } from "../api/documents.ts";
import { useNow, useWorld } from "../live/use-world.ts";
import { troubleOf, weightOf } from "../parts/grant-trouble.ts";
import { Moment } from "../parts/moment.tsx";
import { Notice } from "../parts/notice.tsx";
import { Page, Section } from "../parts/page.tsx";
import { useMay } from "../parts/session.ts";
import { grantPath, Link, navigate } from "../route.tsx";
import { timeOf } from "../text/format.ts";
import { useText } from "../text/text.tsx";

const MONTHS_AHEAD = 60 * 24 * 60 * 60 * 1000;
const MOST_SHOWN = 20;

/** How everything stands, on one page: for whoever opens the console, and whoever is called at night. */
export function OverviewPage() {
  const { overview: text, common, grants: words } = useText();
  const { grants, integrations, problem, hasAllGrants } = useWorld();
  const mayConnect = useMay("grants:write");
  const isEmpty = hasAllGrants && grants?.size === 0;
  const isUntouched = isEmpty && integrations?.length === 0;
  useEffect(() => {
    if (isUntouched && mayConnect) navigate("/connect", "replace");
  }, [isUntouched, mayConnect]);
  const connect = mayConnect && (
    <Link className="button primary" href="/connect">
      {words.connect}
    </Link>
  );
  return (
    <Page title={text.title} actions={connect}>
      {grants === null && <p className="dim">{problem === null ? common.loading : common.unreachable}</p>}
      {grants !== null && (isEmpty ? <NothingYet /> : <Attention grants={[...grants.values()]} />)}
      <Upcoming grants={[...(grants ?? new Map<string, Grant>()).values()]} />
      <Numbers />
    </Page>
  );
}

function NothingYet() {
  const { overview: text } = useText();
  const mayConnect = useMay("grants:write");
  return (
    <Notice tone="info" title={text.nothingYet}>
      {mayConnect && (
        <p>
          <Link href="/connect">{text.start}</Link>
        </p>
      )}
    </Notice>
  );
}

function Attention({ grants }: { readonly grants: readonly Grant[] }) {
  const text = useText();
  const now = useNow();
  const { integrations, overview } = useWorld();
  const refused = (integrations ?? []).filter(({ incident }) => incident !== null);
  const troubled = grants
    .map((grant) => ({ grant, trouble: troubleOf(grant, integrations, now, text) }))
    .filter(({ grant, trouble }) => {
      const isOfRefused = refused.some(({ name }) => name === grant.integration) && grant.state === "active";
      return trouble !== null && !isOfRefused;
    })
    .toSorted((a, b) => weightOf(a.trouble) - weightOf(b.trouble));
  const isLate = (overview?.overdue_since ?? null) !== null || (overview?.spooled ?? 0) > 0;
  const urgent = troubled.filter(({ trouble }) => weightOf(trouble) < 2).length + refused.length;
  return (
    <>
      {urgent === 0 && !isLate && (
        <Notice tone="good" title={text.overview.allWell}>
          <p>{text.overview.allWellMore(grants.length)}</p>
        </Notice>
      )}
      {troubled.length + refused.length > 0 && (
        <Section title={text.overview.attention}>
          <ul className="attention">
            {refused.map(({ name, incident }) => (
              <li key={`i ${name}`} className="bad">
                <Link href={`/integrations/${encodeURIComponent(name)}`}>{name}</Link>
                <span>{text.trouble.incident}</span>
                <span className="dim" lang="en">
                  {incident?.message}
                </span>
              </li>
            ))}
            {troubled.slice(0, MOST_SHOWN).map(({ grant, trouble }) => (
              <li key={grant.name} className={trouble?.tone}>
                <Link href={grantPath(grant.name)}>{grant.name}</Link>
                <span>{trouble?.text}</span>
                {grant.cause !== null && (
                  <span className="dim" lang="en">
                    {grant.cause}
                  </span>
                )}
              </li>
            ))}
          </ul>
          {troubled.length > MOST_SHOWN && (
            <p>
              <Link href="/grants?sort=trouble">{text.overview.andMore(troubled.length - MOST_SHOWN)}</Link>
            </p>
          )}
        </Section>
      )}
    </>
  );
}

function Upcoming({ grants }: { readonly grants: readonly Grant[] }) {
  const { overview: text } = useText();
  const now = useNow(60_000);
  const soon = grants
    .filter(({ state, reconsent_by: by }) => {
      const end = timeOf(by);
      return state === "active" && end !== null && end - now < MONTHS_AHEAD;
    })
    .toSorted((a, b) => (a.reconsent_by ?? "").localeCompare(b.reconsent_by ?? ""))
    .slice(0, 5);
  if (grants.length === 0) return null;
  return (
    <Section title={text.upcoming}>
      {soon.length === 0 && <p className="dim">{text.noneUpcoming}</p>}
      <ul className="plain">
        {soon.map(({ name, reconsent_by: by }) => (
          <li key={name}>
            <Link href={grantPath(name)}>{name}</Link> <Moment at={by} as="both" />
          </li>
        ))}
      </ul>
      <p>
        <Link href="/calendar">{text.all}</Link>
      </p>
    </Section>
  );
}

function Numbers() {
  const { overview: text, states } = useText();
  const { overview } = useWorld();
  if (overview === null) return null;
  const present = Object.entries(overview.grants).filter(([, many]) => many > 0);
  return (
    <Section title={text.numbers}>
      <dl className="numbers">
        {present.map(([state, many]) => (
          <div key={state}>
            <dt>{states[state as Grant["state"]]}</dt>
            <dd>{many}</dd>
          </div>
        ))}
        <div className={overview.failing > 0 ? "warn" : ""}>
          <dt>{text.failing}</dt>
          <dd>{overview.failing}</dd>
        </div>
        <div className={overview.incidents > 0 ? "bad" : ""}>
          <dt>{text.incidents}</dt>
          <dd>{overview.incidents}</dd>
        </div>
        <div className={overview.spooled > 0 ? "bad" : ""} title={text.spooledMore}>
          <dt>{text.spooled}</dt>
          <dd>{overview.spooled}</dd>
        </div>
        <div className={overview.overdue_since === null ? "" : "bad"}>
          <dt>{text.overdue}</dt>
          <dd>
            <Moment at={overview.overdue_since} as="distance" otherwise={text.notLate} />
          </dd>
        </div>
        <div>
          <dt>{text.firstEnd}</dt>
          <dd>
            <Moment at={overview.first_access_end} as="distance" />
          </dd>
        </div>
        <div>
          <dt>{text.firstConsent}</dt>
          <dd>
            <Moment at={overview.first_reconsent} as="distance" />
          </dd>
        </div>
      </dl>
    </Section>
  );
}
