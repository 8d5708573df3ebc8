import { useState } from "react";
import type { Key, PageOf } from "../api/documents.ts";
import { request } from "../api/request.ts";
import { useLoaded, useNow } from "../live/use-world.ts";
import { ConfirmButton } from "../parts/action.tsx";
import { Moment } from "../parts/moment.tsx";
import { Notice, ProblemNotice } from "../parts/notice.tsx";
import { Page } from "../parts/page.tsx";
import { useMay } from "../parts/session.ts";
import { usePlace } from "../route.tsx";
import { useText } from "../text/text.tsx";
import { KeyDialog } from "./key-dialog.tsx";

/** The keys of programs: which there are, what they may, when they were last used. */
export function KeysPage() {
  const { keys: words, common } = useText();
  const { searchParams } = usePlace();
  const isAdmin = useMay("admin");
  const { value, problem, reload } = useLoaded<PageOf<Key>>("/v1/api-keys", ({ type }) =>
    type.startsWith("api_key_"),
  );
  // A link may ask for a new key of a grant.
  const [isMaking, setMaking] = useState(searchParams.has("grant"));
  const [isAll, setAll] = useState(false);
  const now = useNow();
  const isUsable = (key: Key): boolean =>
    key.revoked_at === null && (key.expires_at === null || Date.parse(key.expires_at) > now);
  if (!isAdmin)
    return (
      <Page title={words.title}>
        <Notice tone="info" title={common.notAllowed} />
      </Page>
    );
  const keys = value?.items ?? [];
  const shown = keys.filter((key) => isAll || isUsable(key));
  const make = (
    <button type="button" className="primary" onClick={() => setMaking(true)}>
      {words.make}
    </button>
  );
  return (
    <Page title={words.title} actions={make}>
      <p>{words.intro}</p>
      {problem !== null && <ProblemNotice problem={problem} />}
      {keys.length > keys.filter(isUsable).length && (
        <label className="check">
          <input type="checkbox" checked={isAll} onChange={(event) => setAll(event.target.checked)} />
          {words.showRevoked}
        </label>
      )}
      {value !== null && shown.length === 0 && <p>{words.none}</p>}
      <ul className="cards">
        {shown.map((key) => (
          <KeyCard key={key.id} apiKey={key} isUsable={isUsable(key)} onRevoked={reload} />
        ))}
      </ul>
      {isMaking && (
        <KeyDialog grant={searchParams.get("grant")} onClose={() => setMaking(false)} onMade={reload} />
      )}
    </Page>
  );
}

interface KeyCardProps {
  readonly apiKey: Key;
  readonly isUsable: boolean;
  readonly onRevoked: () => void;
}

function KeyCard({ apiKey, isUsable, onRevoked }: KeyCardProps) {
  const { keys: words, units, scopeMeanings } = useText();
  const { name, id, scopes, grants } = apiKey;
  return (
    <li className="card">
      <h2>
        {name}{" "}
        <span className={isUsable ? "badge good" : "badge off"}>
          {isUsable ? words.usable : apiKey.revoked_at === null ? words.ended : words.revoked}
        </span>
      </h2>
      <p className="dim">
        <code>gk_{id}_…</code>
      </p>
      <ul className="scopes">
        {scopes.map((scope) => (
          <li key={scope}>
            <code>{scope}</code> <span className="dim">{scopeMeanings[scope]}</span>
          </li>
        ))}
      </ul>
      <dl className="facts">
        <dt>{words.grants}</dt>
        <dd>{grants === null ? words.allGrants : grants.join(", ")}</dd>
        <dt>{words.lastUsed}</dt>
        <dd>
          <Moment at={apiKey.last_used_at} as="both" otherwise={units.never} />
        </dd>
        <dt>{words.ends}</dt>
        <dd>
          <Moment at={apiKey.expires_at} as="both" otherwise={units.never} />
        </dd>
        <dt>{words.created}</dt>
        <dd>
          <Moment at={apiKey.created_at} as="date" />
        </dd>
      </dl>
      {apiKey.revoked_at === null && (
        <ConfirmButton
          label={words.revoke}
          title={words.revokeTitle(name)}
          text={words.revokeText}
          isDangerous
          onConfirm={async () => {
            await request("DELETE", `/v1/api-keys/${encodeURIComponent(id)}`);
            onRevoked();
          }}
        />
      )}
    </li>
  );
}
