import { useEffect, useState } from "react";
import type { Finding, Integration, Provider } from "../api/documents.ts";
import { request } from "../api/request.ts";
import { useAction } from "../parts/action.tsx";
import { CopyLine } from "../parts/copy.tsx";
import { Field } from "../parts/field.tsx";
import { FormEnd } from "../parts/form-end.tsx";
import { useText } from "../text/text.tsx";
import { NAME } from "./names.ts";

interface IntegrationFormProps {
  readonly provider: Provider;
  readonly taken: readonly string[];
  readonly onBack: () => void;
  readonly onKept: (integration: Integration) => void | Promise<void>;
}

/** Registers at a provider: what to do in its portal, and what to bring back from there. */
export function IntegrationForm({ provider, taken, onBack, onKept }: IntegrationFormProps) {
  const { connect: words, common } = useText();
  const [presetName, setPreset] = useState(provider.presets[0]?.name ?? "");
  const preset = provider.presets.find(({ name }) => name === presetName);
  const [scopes, setScopes] = useState((preset?.scopes ?? []).join(" "));
  const [name, setName] = useState(taken.includes("recorder") ? "" : "recorder");
  const [clientId, setClientId] = useState("");
  const [secret, setSecret] = useState("");
  const redirectUri = `${window.location.origin}/oauth/callback`;
  const findings = useFindings(provider, { client_id: clientId, client_secret: secret, scopes });
  const action = useAction();
  const faultOf = (field: Finding["field"]): string | null =>
    findings?.find((finding) => finding.field === field)?.message ?? null;
  const nameFault =
    name !== "" && !NAME.test(name) ? words.nameWrong : taken.includes(name) ? words.nameTaken : null;
  const idFault = faultOf("client_id");
  const secretFault = faultOf("client_secret");
  const isSwapped = idFault !== null && secretFault !== null;
  const isComplete =
    NAME.test(name) && nameFault === null && clientId !== "" && secret !== "" && scopes !== "";
  const keep = async (): Promise<void> => {
    const body = {
      name,
      provider: provider.id,
      client_id: clientId,
      client_secret: secret,
      redirect_uri: redirectUri,
      scopes,
    };
    const kept = await request<Integration>("POST", "/v1/integrations", body);
    // Nothing secret stays in the page longer than it has to.
    setSecret("");
    await onKept(kept);
  };
  return (
    <div className="columns">
      <section className="card">
        <h2>{words.portalTitle}</h2>
        <ol className="portal">
          <li>
            <a href={provider.portal.address} target="_blank" rel="noreferrer">
              {words.portalOpen(provider.title)}
            </a>
          </li>
          <li>
            {words.portalRedirect}
            <CopyLine value={redirectUri} what="redirect URI" />
            <span className="dim" lang="en">
              {provider.portal.redirect_uri}
            </span>
          </li>
          <li>
            {words.portalScopes}
            <label className="field">
              <span className="field-label">{words.preset}</span>
              <select
                value={presetName}
                onChange={(event) => {
                  setPreset(event.target.value);
                  const next = provider.presets.find(({ name: one }) => one === event.target.value);
                  setScopes((next?.scopes ?? []).join(" "));
                }}
              >
                {provider.presets.map(({ name: value, purpose }) => (
                  <option key={value} value={value} lang="en">
                    {purpose}
                  </option>
                ))}
              </select>
            </label>
            <ul className="scopes">
              {scopes
                .split(/\s+/)
                .filter(Boolean)
                .map((scope) => (
                  <li key={scope}>
                    <CopyLine value={scope} what={scope} />
                  </li>
                ))}
            </ul>
          </li>
          <li>{words.portalSecret}</li>
        </ol>
      </section>
      <form
        className="card"
        onSubmit={(event) => {
          event.preventDefault();
          if (isComplete) void action.run(keep);
        }}
      >
        <h2>{words.here}</h2>
        <Field
          label={words.name}
          value={name}
          onValue={setName}
          hint={words.nameHint}
          fault={nameFault}
          required
        />
        <Field
          label={words.clientId}
          value={clientId}
          onValue={(value) => setClientId(value.trim())}
          hint={provider.portal.client_id}
          fault={idFault}
          isFaultEnglish
          praise={clientId !== "" && findings !== null ? words.looksRight : null}
          autoComplete="off"
          spellCheck={false}
          required
        />
        <Field
          label={words.clientSecret}
          value={secret}
          onValue={(value) => setSecret(value.trim())}
          hint={provider.portal.client_secret}
          fault={secretFault}
          isFaultEnglish
          praise={secret !== "" && findings !== null ? words.looksRight : null}
          type="password"
          autoComplete="off"
          required
        />
        {isSwapped && (
          <button
            type="button"
            onClick={() => {
              setClientId(secret);
              setSecret(clientId);
            }}
          >
            {words.swapped}
          </button>
        )}
        <Field
          label={words.scopes}
          value={scopes}
          onValue={setScopes}
          fault={faultOf("scopes")}
          isFaultEnglish
          spellCheck={false}
          required
        />
        <FormEnd
          action={action}
          isReady={isComplete}
          submit={words.keep}
          out={{ label: common.back, onClick: onBack }}
        />
      </form>
    </div>
  );
}

/** How long, in ms, typing has to rest before it is looked at. */
const REST = 350;

/** What looks wrong about the values, as the service sees it; null while it has not looked. */
function useFindings(
  { id }: Provider,
  values: { readonly client_id: string; readonly client_secret: string; readonly scopes: string },
): readonly Finding[] | null {
  const [looked, setLooked] = useState<{ readonly body: string; readonly findings: readonly Finding[] }>();
  const body = JSON.stringify(values);
  useEffect(() => {
    let isOld = false;
    const timer = setTimeout(() => {
      const path = `/v1/providers/${encodeURIComponent(id)}/check`;
      request<{ readonly findings: readonly Finding[] }>("POST", path, JSON.parse(body) as object).then(
        ({ findings }) => {
          if (!isOld) setLooked({ body, findings });
        },
        // The values are looked at again when they are kept.
        () => undefined,
      );
    }, REST);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [id, body]);
  return looked?.body === body ? looked.findings : null;
}
