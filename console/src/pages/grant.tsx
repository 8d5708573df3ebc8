import { useEffect } from "react";
import type { Grant, Provider } from "../api/documents.ts";
import type { PageOf } from "../api/documents.ts";
import { Problem } from "../api/request.ts";
import { reloadGrant } from "../live/world.ts";
import { useLoaded, useNow, useWorld } from "../live/use-world.ts";
import { troubleOf } from "../parts/grant-trouble.ts";
import { LifeBar } from "../parts/life-bar.tsx";
import { Moment } from "../parts/moment.tsx";
import { Notice } from "../parts/notice.tsx";
import { Page, Section } from "../parts/page.tsx";
import { Scopes } from "../parts/scopes.tsx";
import { StateBadge } from "../parts/state-badge.tsx";
import { Link, usePlace } from "../route.tsx";
import { useText } from "../text/text.tsx";
import { Consented } from "./consented.tsx";
import { GrantActions } from "./grant-actions.tsx";
import { GrantConsumers } from "./grant-consumers.tsx";
import { GrantDeliveries } from "./grant-deliveries.tsx";
import { GrantHistory } from "./grant-history.tsx";

/** One grant: how it stands, what can be done, and what happened. */
export function GrantPage({ name }: { readonly name: string }) {
  const text = useText();
  const { grants, hasAllGrants } = useWorld();
  const { searchParams } = usePlace();
  const grant = grants?.get(name);
  // Before the list has come as far as this one.
  useEffect(() => {
    reloadGrant(name).catch((error: unknown) => {
      if (!(error instanceof Problem)) throw error;
    });
  }, [name]);
  if (grant === undefined)
    return (
      <Page title={name}>
        {hasAllGrants ? (
          <Notice tone="info" title={text.grant.notThere(name)} />
        ) : (
          <p>{text.common.loading}</p>
        )}
      </Page>
    );
  return (
    <Page title={name} actions={<GrantActions grant={grant} />}>
      {searchParams.has("consented") && grant.generation > 0 && <Consented grant={grant} />}
      <GrantTrouble grant={grant} />
      <GrantFacts grant={grant} />
      <GrantScopes grant={grant} />
      <GrantDeliveries grant={grant} />
      <GrantConsumers grant={grant} />
      <GrantHistory name={name} />
    </Page>
  );
}

function GrantTrouble({ grant }: { readonly grant: Grant }) {
  const text = useText();
  const { integrations } = useWorld();
  const trouble = troubleOf(grant, integrations, useNow(), text);
  const { last_error: error } = grant.refresh;
  if (trouble === null) return null;
  return (
    <Notice tone={trouble.tone} title={trouble.text}>
      {grant.cause !== null && <p lang="en">{grant.cause}</p>}
      {grant.remedy !== null && <p lang="en">{grant.remedy}</p>}
      {grant.state === "active" && error !== null && (
        <>
          <p>
            {text.grant.lastError}, <Moment at={error.at} as="distance" />:{" "}
            <span lang="en">{error.message}</span>
          </p>
          {error.remedy !== null && <p lang="en">{error.remedy}</p>}
          {error.tracking_id !== null && (
            <p className="dim">
              {text.grant.trackingId}: <code>{error.tracking_id}</code>
            </p>
          )}
        </>
      )}
    </Notice>
  );
}

function GrantFacts({ grant }: { readonly grant: Grant }) {
  const text = useText();
  const { grant: words, units } = text;
  const { account } = grant;
  const who = [account?.display_name, account?.email].filter(Boolean).join(", ");
  return (
    <Section title={words.facts}>
      <dl className="facts">
        <dt>{text.grants.trouble}</dt>
        <dd>
          <StateBadge grant={grant} />
        </dd>
        <dt>{words.accessToken}</dt>
        <dd>
          <LifeBar grant={grant} />
          <Fingerprint of={grant.access_token.fingerprint} />
        </dd>
        <dt>{words.nextRefresh}</dt>
        <dd>
          <Moment at={grant.refresh.next_attempt_at} as="both" otherwise={units.none} />
        </dd>
        <dt>{words.lastRefresh}</dt>
        <dd>
          <Moment at={grant.last_refreshed_at} as="both" otherwise={units.never} />
        </dd>
        <dt>{words.reconsent}</dt>
        <dd>
          <Moment at={grant.reconsent_by} as="both" />
          {grant.state === "active" && <span className="dim"> {words.reconsentNote}</span>}
        </dd>
        <dt>{words.account}</dt>
        <dd>{who === "" ? <span className="dim">{units.unknown}</span> : who}</dd>
        <dt>{words.integration}</dt>
        <dd>
          <Link href={`/integrations/${encodeURIComponent(grant.integration)}`}>{grant.integration}</Link>,{" "}
          {grant.provider}
        </dd>
        <dt>{words.refreshToken}</dt>
        <dd>
          {words.rotations[grant.refresh_token.rotation] ?? grant.refresh_token.rotation}
          <Fingerprint of={grant.refresh_token.fingerprint} />
        </dd>
        <dt>{words.generation}</dt>
        <dd>{grant.generation}</dd>
        <dt>{words.lastUse}</dt>
        <dd>
          <Moment at={grant.last_used_at} as="both" otherwise={units.never} />
        </dd>
        <dt>{words.created}</dt>
        <dd>
          <Moment at={grant.created_at} as="date" />
        </dd>
      </dl>
    </Section>
  );
}

function Fingerprint({ of }: { readonly of: string | null }) {
  const { grant } = useText();
  if (of === null) return null;
  return (
    <span className="dim fingerprint">
      {grant.fingerprint} <code>{of}</code>
    </span>
  );
}

function GrantScopes({ grant }: { readonly grant: Grant }) {
  const { grant: words } = useText();
  const { value } = useLoaded<PageOf<Provider>>("/v1/providers");
  if (grant.scopes.length + grant.missing_scopes.length === 0) return null;
  const provider = value?.items.find(({ id }) => id === grant.provider);
  return (
    <Section title={words.scopes}>
      <Scopes scopes={grant.scopes} missing={grant.missing_scopes} provider={provider} />
    </Section>
  );
}
