import type { Grant } from "../api/documents.ts";
import { useNow, useWorld } from "../live/use-world.ts";
import { Moment } from "../parts/moment.tsx";
import { Page, Section } from "../parts/page.tsx";
import { StateBadge } from "../parts/state-badge.tsx";
import { grantPath, Link } from "../route.tsx";
import { timeOf } from "../text/format.ts";
import { useLanguage, useText } from "../text/text.tsx";

/** When consents end, month by month: what an administrator plans by. */
export function CalendarPage() {
  const { calendar: words, common } = useText();
  const { grants } = useWorld();
  const now = useNow(60_000);
  if (grants === null)
    return (
      <Page title={words.title}>
        <p className="dim">{common.loading}</p>
      </Page>
    );
  const kept = [...grants.values()].filter(({ state }) => state !== "revoked" && state !== "pending");
  const isPast = (grant: Grant): boolean =>
    grant.state === "reauthorization_required" || (timeOf(grant.reconsent_by) ?? Infinity) <= now;
  const past = kept.filter(isPast);
  const ahead = kept
    .filter((grant) => !isPast(grant) && grant.reconsent_by !== null)
    .toSorted((a, b) => (a.reconsent_by ?? "").localeCompare(b.reconsent_by ?? ""));
  const unknown = kept.filter((grant) => !isPast(grant) && grant.reconsent_by === null);
  return (
    <Page title={words.title}>
      <p>{words.intro}</p>
      {past.length > 0 && (
        <Section title={words.now}>
          <Consents grants={past} />
        </Section>
      )}
      {ahead.length === 0 && past.length === 0 && <p>{words.none}</p>}
      <Months grants={ahead} now={now} />
      {unknown.length > 0 && (
        <Section title={words.unknown}>
          <p className="dim">{words.unknownText}</p>
          <Consents grants={unknown} />
        </Section>
      )}
    </Page>
  );
}

interface Month {
  readonly key: string;
  readonly begin: Date;
  readonly grants: Grant[];
}

/** From this month to the last in which a consent ends; months between without any are there too. */
function monthsOf(grants: readonly Grant[], now: number): Month[] {
  const months: Month[] = [];
  const end = timeOf(grants.at(-1)?.reconsent_by ?? null) ?? now;
  const first = new Date(now);
  for (let i = 0; i < 36; i++) {
    const begin = new Date(first.getFullYear(), first.getMonth() + i, 1);
    if (begin.getTime() > end) break;
    months.push({ key: keyOf(begin), begin, grants: [] });
  }
  for (const grant of grants) {
    const key = keyOf(new Date(grant.reconsent_by ?? 0));
    (months.find((month) => month.key === key) ?? months.at(-1))?.grants.push(grant);
  }
  return months;
}

function keyOf(date: Date): string {
  return `${date.getFullYear()}-${date.getMonth()}`;
}

function Months({ grants, now }: { readonly grants: readonly Grant[]; readonly now: number }) {
  const { calendar: words } = useText();
  const { language } = useLanguage();
  const title = new Intl.DateTimeFormat(language, { month: "long", year: "numeric" });
  if (grants.length === 0) return null;
  return (
    <div className="months">
      {monthsOf(grants, now).map(({ key, begin, grants: ending }) => (
        <section key={key} className={ending.length === 0 ? "month empty" : "month"}>
          <h2>{title.format(begin)}</h2>
          {ending.length > 0 && <p className="dim">{words.count(ending.length)}</p>}
          <Consents grants={ending} />
        </section>
      ))}
    </div>
  );
}

/** More than that in one list is for the list of grants. */
const MOST_SHOWN = 100;

function Consents({ grants }: { readonly grants: readonly Grant[] }) {
  const { overview } = useText();
  return (
    <>
      <ul className="consents">
        {grants.slice(0, MOST_SHOWN).map((grant) => (
          <li key={grant.name}>
            <Moment at={grant.reconsent_by} as="date" otherwise="–" />
            <Link href={grantPath(grant.name)}>{grant.name}</Link>
            <span className="dim">{grant.account?.display_name ?? grant.integration}</span>
            {grant.state !== "active" && <StateBadge grant={grant} />}
          </li>
        ))}
      </ul>
      {grants.length > MOST_SHOWN && (
        <p>
          <Link href="/grants?sort=consent">{overview.andMore(grants.length - MOST_SHOWN)}</Link>
        </p>
      )}
    </>
  );
}
