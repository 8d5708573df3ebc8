import { useState } from "react";
import type { Integration } from "../api/documents.ts";
import { request } from "../api/request.ts";
import { reloadIntegrations } from "../live/world.ts";
import { useWorld } from "../live/use-world.ts";
import { ConfirmButton, useAction } from "../parts/action.tsx";
import { CopyLine } from "../parts/copy.tsx";
import { Field } from "../parts/field.tsx";
import { Moment } from "../parts/moment.tsx";
import { Notice, ProblemNotice } from "../parts/notice.tsx";
import { Page, Section } from "../parts/page.tsx";
import { Scopes } from "../parts/scopes.tsx";
import { useMay } from "../parts/session.ts";
import { StateBadge } from "../parts/state-badge.tsx";
import { grantPath, Link, navigate } from "../route.tsx";
import { useText } from "../text/text.tsx";

/** One client registration: what is known of it, a new secret, other values. */
export function IntegrationPage({ name }: { readonly name: string }) {
  const { integrations: words, common } = useText();
  const { integrations, grants } = useWorld();
  const mayChange = useMay("integrations:write");
  const integration = integrations?.find((one) => one.name === name);
  if (integration === undefined)
    return (
      <Page title={name}>
        {integrations === null ? (
          <p>{common.loading}</p>
        ) : (
          <Notice tone="info" title={words.notThere(name)} />
        )}
      </Page>
    );
  const own = [...(grants?.values() ?? [])].filter((grant) => grant.integration === name);
  const remove = mayChange && own.length === 0 && (
    <ConfirmButton
      label={words.remove}
      title={words.removeTitle(name)}
      text={words.removeText}
      isDangerous
      onConfirm={async () => {
        await request("DELETE", `/v1/integrations/${encodeURIComponent(name)}`);
        navigate("/integrations");
        await reloadIntegrations();
      }}
    />
  );
  return (
    <Page title={name} actions={remove}>
      <Incident integration={integration} />
      <Registration integration={integration} />
      {mayChange && <NewSecret key={`${name} secret`} name={name} />}
      {mayChange && <Edit key={`${name} edit`} integration={integration} />}
      <Section title={words.itsGrants}>
        {own.length === 0 && <p className="dim">{words.grants(0)}</p>}
        <ul className="plain">
          {own.slice(0, 200).map((grant) => (
            <li key={grant.name}>
              <Link href={grantPath(grant.name)}>{grant.name}</Link> <StateBadge grant={grant} />
            </li>
          ))}
        </ul>
        {mayChange && own.length > 0 && <p className="dim">{words.removeNot}</p>}
      </Section>
    </Page>
  );
}

function Incident({ integration: { incident } }: { readonly integration: Integration }) {
  const { trouble, integrations: words } = useText();
  if (incident === null) return null;
  return (
    <Notice tone="bad" title={trouble.incident}>
      <p lang="en">{incident.message}</p>
      <p lang="en">{incident.remedy}</p>
      <p className="dim">
        {words.since} <Moment at={incident.since} as="both" />
      </p>
    </Notice>
  );
}

function Registration({ integration }: { readonly integration: Integration }) {
  const { integrations: words, grant: facts } = useText();
  return (
    <Section title={facts.facts}>
      <dl className="facts">
        <dt>{facts.provider}</dt>
        <dd>{integration.provider}</dd>
        <dt>{words.clientId}</dt>
        <dd>
          <CopyLine value={integration.client_id} what={words.clientId} />
        </dd>
        <dt>{words.secret}</dt>
        <dd>{integration.has_client_secret ? words.hasSecret : words.noSecret}</dd>
        <dt>{words.redirectUri}</dt>
        <dd>
          <CopyLine value={integration.redirect_uri} what={words.redirectUri} />
        </dd>
        {integration.base_url !== null && (
          <>
            <dt>{words.baseUrl}</dt>
            <dd>
              <code>{integration.base_url}</code>
            </dd>
          </>
        )}
        <dt>{words.scopes}</dt>
        <dd>
          <Scopes scopes={integration.scopes} />
        </dd>
      </dl>
    </Section>
  );
}

async function patch(name: string, body: object): Promise<void> {
  await request("PATCH", `/v1/integrations/${encodeURIComponent(name)}`, body);
  await reloadIntegrations();
}

function NewSecret({ name }: { readonly name: string }) {
  const { integrations: words, common } = useText();
  const [secret, setSecret] = useState("");
  const [isDone, setDone] = useState(false);
  const action = useAction();
  const keep = async (): Promise<void> => {
    await patch(name, { client_secret: secret });
    setSecret("");
  };
  return (
    <Section title={words.rotate}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (secret !== "") void action.run(keep).then(setDone);
        }}
      >
        <p>{words.rotateText}</p>
        <Field
          label={words.secret}
          value={secret}
          onValue={(value) => setSecret(value.trim())}
          type="password"
          autoComplete="off"
        />
        {action.problem !== null && <ProblemNotice problem={action.problem} />}
        <div className="buttons">
          <button type="submit" disabled={secret === "" || action.isBusy}>
            {common.save}
          </button>
          <span role="status" className="good">
            {isDone && secret === "" ? words.rotated : ""}
          </span>
        </div>
      </form>
    </Section>
  );
}

function Edit({ integration }: { readonly integration: Integration }) {
  const { integrations: words, common } = useText();
  const before = {
    client_id: integration.client_id,
    redirect_uri: integration.redirect_uri,
    scopes: integration.scopes.join(" "),
  };
  const [values, setValues] = useState(before);
  const [isDone, setDone] = useState(false);
  const action = useAction();
  const fields = ["client_id", "redirect_uri", "scopes"] as const;
  const changed = fields.filter((field) => values[field] !== before[field]);
  const labels = { client_id: words.clientId, redirect_uri: words.redirectUri, scopes: words.scopes };
  const keep = (): Promise<void> =>
    patch(integration.name, Object.fromEntries(changed.map((field) => [field, values[field]])));
  return (
    <details className="section">
      <summary>{words.edit}</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (changed.length > 0) void action.run(keep).then(setDone);
        }}
      >
        {fields.map((field) => (
          <Field
            key={field}
            label={labels[field]}
            value={values[field]}
            onValue={(value) => setValues({ ...values, [field]: value })}
            hint={field === "scopes" ? words.editScopesNote : undefined}
            spellCheck={false}
            required
          />
        ))}
        {action.problem !== null && <ProblemNotice problem={action.problem} />}
        <div className="buttons">
          <button type="submit" disabled={changed.length === 0 || action.isBusy}>
            {common.save}
          </button>
          <span role="status" className="good">
            {isDone && changed.length === 0 ? common.saved : ""}
          </span>
        </div>
      </form>
    </details>
  );
}
