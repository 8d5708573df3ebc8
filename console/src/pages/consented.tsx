import type { Grant, HistoryEvent, PageOf, Provider } from "../api/documents.ts";
import { useLoaded } from "../live/use-world.ts";
import { Notice } from "../parts/notice.tsx";
import { Scopes } from "../parts/scopes.tsx";
import { useMay } from "../parts/session.ts";
import { grantPath, Link } from "../route.tsx";
import { dateOf, timeOf } from "../text/format.ts";
import { useLanguage, useText } from "../text/text.tsx";

/** What came of a consent: who granted, until when, whether everything, and what is next. */
export function Consented({ grant }: { readonly grant: Grant }) {
  const { grant: words, units } = useText();
  const { language } = useLanguage();
  const isAdmin = useMay("admin");
  const providers = useLoaded<PageOf<Provider>>("/v1/providers");
  const about = `/v1/events?order=newest&limit=1&type=account_changed&grant=${encodeURIComponent(grant.name)}`;
  const changes = useLoaded<PageOf<HistoryEvent>>(about);
  const hasOtherAccount =
    changes.value?.items.some(({ generation }) => generation === grant.generation) ?? false;
  const end = timeOf(grant.reconsent_by);
  const until = end === null ? units.unknown : dateOf(end, language);
  const who = grant.account?.display_name ?? grant.account?.email ?? null;
  const { missing_scopes: missing } = grant;
  return (
    <Notice
      tone={missing.length > 0 || hasOtherAccount ? "warn" : "good"}
      title={missing.length > 0 ? words.missingTitle : words.consented}
    >
      <p>{who === null ? words.consentedUnknown(until) : words.consentedBy(who, until)}</p>
      {hasOtherAccount && (
        <p>
          <strong>{words.otherAccount}</strong>
        </p>
      )}
      {missing.length === 0 ? (
        <p>{words.allScopes}</p>
      ) : (
        <Scopes
          scopes={[]}
          missing={missing}
          provider={providers.value?.items.find(({ id }) => id === grant.provider)}
        />
      )}
      <p>{words.whatNow}</p>
      <p className="buttons">
        <Link className="button" href={grantPath(grant.name, "/hand-over")}>
          {words.handOver}
        </Link>
        {isAdmin && (
          <Link className="button" href={`/api-keys?grant=${encodeURIComponent(grant.name)}`}>
            {words.makeKey}
          </Link>
        )}
      </p>
    </Notice>
  );
}
