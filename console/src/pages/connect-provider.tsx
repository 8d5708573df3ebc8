import type { Integration, Provider } from "../api/documents.ts";
import { request } from "../api/request.ts";
import { reloadIntegrations } from "../live/world.ts";
import { useAction } from "../parts/action.tsx";
import { ProblemNotice } from "../parts/notice.tsx";
import { useMay, useSession } from "../parts/session.ts";
import { useText } from "../text/text.tsx";

/** As the service names the integration at its stand-in. */
const REHEARSAL = "rehearsal";

interface ConnectProviderProps {
  readonly providers: readonly Provider[];
  readonly integrations: readonly Integration[];
  readonly onIntegration: (name: string) => void;
  readonly onProvider: (provider: Provider) => void;
}

/** The first step: with what is there already, at a provider, or at the stand-in. */
export function ConnectProvider(props: ConnectProviderProps) {
  const { providers, integrations, onIntegration, onProvider } = props;
  const { connect: words } = useText();
  const mayAdd = useMay("integrations:write");
  const { can_rehearse: canRehearse } = useSession();
  const action = useAction();
  const titleOf = (id: string): string => providers.find((provider) => provider.id === id)?.title ?? id;
  const rehearse = async (): Promise<void> => {
    const { integration } = await request<{ readonly integration: string }>("POST", "/v1/rehearsal");
    await reloadIntegrations();
    onIntegration(integration);
  };
  const real = integrations.filter(({ name }) => name !== REHEARSAL);
  return (
    <>
      <h2>{words.where}</h2>
      <ul className="choices">
        {real.map(({ name, provider }) => (
          <li key={name}>
            <button type="button" className="choice" onClick={() => onIntegration(name)}>
              <strong>{name}</strong>
              <span>{words.existingText(titleOf(provider))}</span>
            </button>
          </li>
        ))}
        {mayAdd &&
          providers.map((provider) => (
            <li key={provider.id}>
              <button type="button" className="choice" onClick={() => onProvider(provider)}>
                <strong>{words.newAt(provider.title)}</strong>
                <span>{words.newText}</span>
              </button>
            </li>
          ))}
        {mayAdd && canRehearse && (
          <li>
            <button
              type="button"
              className="choice rehearsal"
              disabled={action.isBusy}
              onClick={() => void action.run(rehearse)}
            >
              <strong>
                {words.rehearse} <span className="badge info">{words.rehearsal}</span>
              </strong>
              <span>{words.rehearseText}</span>
            </button>
          </li>
        )}
      </ul>
      {action.problem !== null && <ProblemNotice problem={action.problem} />}
    </>
  );
}
