import { useState } from "react";
import type { Grant, Integration, Provider } from "../api/documents.ts";
import { request } from "../api/request.ts";
import { keepGrants } from "../live/world.ts";
import { useWorld } from "../live/use-world.ts";
import { useAction } from "../parts/action.tsx";
import { Field } from "../parts/field.tsx";
import { FormEnd } from "../parts/form-end.tsx";
import { ProblemNotice } from "../parts/notice.tsx";
import { grantPath, navigate } from "../route.tsx";
import { useText } from "../text/text.tsx";
import { NAME } from "./names.ts";

interface ConnectConsentProps {
  readonly integration: Integration;
  readonly provider: Provider | undefined;
  /** Of a grant that is to be consented to again; null: a new one. */
  readonly grant: string | null;
  readonly onBack: () => void;
}

interface Begun {
  readonly authorization_url: string;
}

/** The last step: off to the provider, and back. */
export function ConnectConsent({ integration, provider, grant, onBack }: ConnectConsentProps) {
  const { connect: words, common } = useText();
  const { grants } = useWorld();
  const [name, setName] = useState(grant ?? freeName(grants));
  const action = useAction();
  const comesBack = integration.redirect_uri === `${window.location.origin}/oauth/callback`;
  const fault = NAME.test(name) ? null : words.nameWrong;
  const begin = async (): Promise<void> => {
    const returnTo = `${grantPath(name)}?consented=1`;
    const body = { integration: integration.name, ...(comesBack && { return_to: returnTo }) };
    const path = `/v1/grants/${encodeURIComponent(name)}/authorizations`;
    const { authorization_url: address } = await request<Begun>("POST", path, body);
    if (comesBack) window.location.assign(address);
    else window.open(address, "_blank", "noreferrer");
  };
  return (
    <form
      className="card narrow"
      onSubmit={(event) => {
        event.preventDefault();
        if (fault === null) void action.run(begin);
      }}
    >
      <h2>{words.consentTitle}</h2>
      {grant === null ? (
        <Field
          label={words.grantName}
          value={name}
          onValue={setName}
          hint={words.grantNameHint}
          fault={fault}
          required
        />
      ) : (
        <p>
          <strong>{grant}</strong>
        </p>
      )}
      <ScopesAsked integration={integration} provider={provider} />
      <p>{comesBack ? words.whoConsents : words.elsewhere}</p>
      <FormEnd
        action={action}
        isReady={fault === null}
        submit={comesBack ? words.go(provider?.title ?? integration.provider) : words.openWindow}
        out={{ label: common.back, onClick: onBack }}
      />
      {!comesBack && <PastedAddress name={name} />}
    </form>
  );
}

/** Where the provider sends the browser elsewhere: the address that it ended at is brought here by hand. */
function PastedAddress({ name }: { readonly name: string }) {
  const { connect: words } = useText();
  const [address, setAddress] = useState("");
  const action = useAction();
  const exchange = async (): Promise<void> => {
    const path = `/v1/grants/${encodeURIComponent(name)}/exchange`;
    keepGrants([await request<Grant>("POST", path, { redirected_url: address.trim() })]);
    navigate(`${grantPath(name)}?consented=1`);
  };
  return (
    <>
      <Field label={words.paste} value={address} onValue={setAddress} autoComplete="off" spellCheck={false} />
      {action.problem !== null && <ProblemNotice problem={action.problem} />}
      <button
        type="button"
        disabled={address.trim() === "" || action.isBusy}
        onClick={() => void action.run(exchange)}
      >
        {words.exchange}
      </button>
    </>
  );
}

function ScopesAsked({ integration, provider }: Pick<ConnectConsentProps, "integration" | "provider">) {
  const { connect: words } = useText();
  return (
    <details>
      <summary>{words.scopesAsked}</summary>
      <ul className="scopes">
        {integration.scopes.map((scope) => (
          <li key={scope}>
            <code>{scope}</code>{" "}
            {provider?.scope_purposes[scope] !== undefined && (
              <span className="dim" lang="en">
                {words.without(provider.scope_purposes[scope])}
              </span>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}

/** The usual name, or the first of its like that is free. */
function freeName(grants: ReadonlyMap<string, Grant> | null): string {
  const usual = "meetings";
  if (!grants?.has(usual)) return usual;
  for (let i = 2; ; i++) if (!grants.has(`${usual}-${i}`)) return `${usual}-${i}`;
}
