import { useState } from "react";
import type { Integration, PageOf, Provider } from "../api/documents.ts";
import { useLoaded, useWorld } from "../live/use-world.ts";
import { reloadIntegrations } from "../live/world.ts";
import { Notice, ProblemNotice } from "../parts/notice.tsx";
import { Page } from "../parts/page.tsx";
import { useMay } from "../parts/session.ts";
import { navigate, usePlace } from "../route.tsx";
import { useText } from "../text/text.tsx";
import { ConnectConsent } from "./connect-consent.tsx";
import { ConnectProvider } from "./connect-provider.tsx";
import { IntegrationForm } from "./integration-form.tsx";

/**
 * From nothing to a consent, in three steps: where, with which registration, and off to the provider. For a
 * grant that is there already, the last step alone.
 */
export function ConnectPage() {
  const { connect: words, common } = useText();
  const { searchParams } = usePlace();
  const { integrations } = useWorld();
  const providers = useLoaded<PageOf<Provider>>("/v1/providers");
  const mayConnect = useMay("grants:write");
  const grant = searchParams.get("grant");
  const title = grant === null ? words.title : words.again(grant);
  if (!mayConnect)
    return (
      <Page title={title}>
        <Notice tone="info" title={common.notAllowed} />
      </Page>
    );
  if (integrations === null || providers.value === null)
    return (
      <Page title={title}>
        {providers.problem === null ? (
          <p className="dim">{common.loading}</p>
        ) : (
          <ProblemNotice problem={providers.problem} />
        )}
      </Page>
    );
  return (
    <Page title={title}>
      <Steps providers={providers.value.items} integrations={integrations} grant={grant} />
    </Page>
  );
}

interface StepsProps {
  readonly providers: readonly Provider[];
  readonly integrations: readonly Integration[];
  readonly grant: string | null;
}

function Steps({ providers, integrations, grant }: StepsProps) {
  const { searchParams } = usePlace();
  const [provider, setProvider] = useState<Provider | null>(null);
  const chosen = integrations.find(({ name }) => name === searchParams.get("integration")) ?? null;
  const step = chosen !== null ? 3 : provider !== null ? 2 : 1;
  const choose = (name: string): void => {
    const next = new URLSearchParams(searchParams);
    next.set("integration", name);
    navigate(`/connect?${next.toString()}`);
  };
  const chosenProvider = providers.find(({ id }) => id === chosen?.provider);
  return (
    <>
      <StepList step={step} />
      {chosen !== null && (
        <ConnectConsent
          // Another integration begins anew.
          key={chosen.name}
          integration={chosen}
          provider={chosenProvider}
          grant={grant}
          onBack={() => navigate("/connect")}
        />
      )}
      {chosen === null && provider === null && (
        <ConnectProvider
          providers={providers}
          integrations={integrations}
          onIntegration={choose}
          onProvider={setProvider}
        />
      )}
      {chosen === null && provider !== null && (
        <IntegrationForm
          provider={provider}
          taken={integrations.map(({ name }) => name)}
          onBack={() => setProvider(null)}
          onKept={async ({ name }) => {
            await reloadIntegrations();
            choose(name);
          }}
        />
      )}
    </>
  );
}

function StepList({ step }: { readonly step: number }) {
  const { connect: words } = useText();
  return (
    <ol className="steps" aria-label={words.step(step, words.steps.length)}>
      {words.steps.map((name, i) => (
        <li
          key={name}
          className={i + 1 < step ? "done" : ""}
          aria-current={i + 1 === step ? "step" : undefined}
        >
          {name}
        </li>
      ))}
    </ol>
  );
}
