import type { Provider } from "../api/documents.ts";
import { useText } from "../text/text.tsx";

interface ScopesProps {
  readonly scopes: readonly string[];
  readonly missing?: readonly string[];
  readonly provider?: Provider | undefined;
}

/** Scopes, with what will not work without those that were not granted. */
export function Scopes({ scopes, missing = [], provider }: ScopesProps) {
  const { grant, connect } = useText();
  return (
    <ul className="scopes">
      {scopes.map((scope) => (
        <li key={scope}>
          <code>{scope}</code>
        </li>
      ))}
      {missing.map((scope) => {
        const consequence = provider?.scope_purposes[scope];
        return (
          <li key={scope} className="missing">
            <code>{scope}</code> <span className="badge warn">{grant.missing}</span>
            {consequence !== undefined && (
              <span className="dim" lang="en">
                {connect.without(consequence)}
              </span>
            )}
          </li>
        );
      })}
    </ul>
  );
}
