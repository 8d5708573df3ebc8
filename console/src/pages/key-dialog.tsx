import { useState } from "react";
import { UNBOUND_SCOPES } from "../../../src/core/api-key.ts";
import type { ApiKeyScope, CreatedKey } from "../api/documents.ts";
import { request } from "../api/request.ts";
import { useWorld } from "../live/use-world.ts";
import { useAction } from "../parts/action.tsx";
import { CopyButton, CopyLine } from "../parts/copy.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Field } from "../parts/field.tsx";
import { FormEnd } from "../parts/form-end.tsx";
import type { Text } from "../text/en.ts";
import { useText } from "../text/text.tsx";
import { NAME } from "./names.ts";

const DAY = 24 * 60 * 60 * 1000;
const LIVES: Readonly<Record<keyof Text["keys"]["lives"], number | null>> = {
  d30: 30 * DAY,
  d90: 90 * DAY,
  d365: 365 * DAY,
  never: null,
};
type Life = keyof typeof LIVES;

interface KeyDialogProps {
  /** The grant that it is to be for; null: not said yet. */
  readonly grant: string | null;
  readonly onClose: () => void;
  readonly onMade: () => void;
}

/** Makes a key, and shows it the one time. */
export function KeyDialog({ grant, onClose, onMade }: KeyDialogProps) {
  const { keys: words } = useText();
  const [made, setMade] = useState<CreatedKey | null>(null);
  if (made !== null)
    return (
      <Dialog title={words.madeTitle(made.name)} onClose={onClose} isSticky>
        <MadeKey made={made} grant={grant} onClose={onClose} />
      </Dialog>
    );
  return (
    <Dialog title={words.make} onClose={onClose}>
      <KeyForm
        grant={grant}
        onClose={onClose}
        onMade={(key) => {
          setMade(key);
          onMade();
        }}
      />
    </Dialog>
  );
}

function KeyForm({
  grant,
  onClose,
  onMade,
}: Pick<KeyDialogProps, "grant" | "onClose"> & { readonly onMade: (key: CreatedKey) => void }) {
  const { keys: words, common, scopeMeanings, connect } = useText();
  const { grants } = useWorld();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly ApiKeyScope[]>(["tokens:read"]);
  const [narrowed, setNarrowed] = useState<readonly string[]>(grant === null ? [] : [grant]);
  const [life, setLife] = useState<Life>("d90");
  const action = useAction();
  const isUnbound = UNBOUND_SCOPES.some((scope) => scopes.includes(scope));
  const fault = name === "" || NAME.test(name) ? null : connect.nameWrong;
  const isReady = NAME.test(name) && scopes.length > 0;
  const make = async (): Promise<void> => {
    const length = LIVES[life];
    const body = {
      name,
      scopes,
      grants: isUnbound || narrowed.length === 0 ? null : narrowed,
      expires_at: length === null ? null : new Date(Date.now() + length).toISOString(),
    };
    onMade(await request<CreatedKey>("POST", "/v1/api-keys", body));
  };
  const names = [...(grants?.keys() ?? [])].toSorted();
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (isReady) void action.run(make);
      }}
    >
      <Field label={words.name} value={name} onValue={setName} hint={words.nameHint} fault={fault} required />
      <fieldset>
        <legend>{words.scopes}</legend>
        {(Object.keys(scopeMeanings) as ApiKeyScope[]).map((scope) => (
          <label key={scope} className="check">
            <input
              type="checkbox"
              checked={scopes.includes(scope)}
              onChange={({ target }) =>
                setScopes(target.checked ? [...scopes, scope] : scopes.filter((one) => one !== scope))
              }
            />
            <span>
              <code>{scope}</code> <span className="dim">{scopeMeanings[scope]}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <label className="field">
        <span className="field-label">{words.grants}</span>
        <select
          multiple
          size={Math.min(6, Math.max(2, names.length))}
          disabled={isUnbound}
          value={isUnbound ? [] : [...narrowed]}
          onChange={({ target }) => setNarrowed([...target.selectedOptions].map(({ value }) => value))}
        >
          {names.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
        <span className="field-said dim">{isUnbound ? words.grantsNot : words.grantsHint}</span>
      </label>
      <label className="field">
        <span className="field-label">{words.expires}</span>
        <select value={life} onChange={({ target }) => setLife(target.value as Life)}>
          {Object.entries(words.lives).map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <FormEnd
        action={action}
        isReady={isReady}
        submit={words.create}
        out={{ label: common.cancel, onClick: onClose }}
      />
    </form>
  );
}

interface MadeKeyProps {
  readonly made: CreatedKey;
  readonly grant: string | null;
  readonly onClose: () => void;
}

function MadeKey({ made, grant, onClose }: MadeKeyProps) {
  const { keys: words } = useText();
  const about = grant ?? made.grants?.[0] ?? "GRANT";
  // The key comes from a file: in an argument other users of the machine would see it.
  const use = [
    `printf 'Authorization: Bearer %s\\n' "$(cat ${made.name}.key)" > ${made.name}.header`,
    `curl -s -H @${made.name}.header ${window.location.origin}/v1/grants/${about}/token`,
  ].join("\n");
  return (
    <>
      <p>{words.madeText}</p>
      <CopyLine value={made.key} what={words.madeTitle(made.name)} />
      <h3>{words.use}</h3>
      <div className="code">
        <CopyButton value={use} what={words.use} />
        <pre tabIndex={0} aria-label={words.use}>
          {use}
        </pre>
      </div>
      <div className="buttons">
        <button type="button" className="primary" onClick={onClose}>
          {words.stored}
        </button>
      </div>
    </>
  );
}
