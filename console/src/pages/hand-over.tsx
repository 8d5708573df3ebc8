import { useEffect, useState } from "react";
import type { HandOff } from "../api/documents.ts";
import { request } from "../api/request.ts";
import { useLoaded } from "../live/use-world.ts";
import { ConfirmButton } from "../parts/action.tsx";
import { CopyButton, CopyLine } from "../parts/copy.tsx";
import { Moment } from "../parts/moment.tsx";
import { ProblemNotice } from "../parts/notice.tsx";
import { Page, Section } from "../parts/page.tsx";
import { useMay } from "../parts/session.ts";
import { grantPath, Link } from "../route.tsx";
import type { Text } from "../text/en.ts";
import { useText } from "../text/text.tsx";

/** What to type into a data source, field by field. */
export function HandOverPage({ name }: { readonly name: string }) {
  const { handOver: words, common } = useText();
  const path = `/v1/grants/${encodeURIComponent(name)}/handoff`;
  const { value, problem } = useLoaded<HandOff>(path, (event) => event.grant === name);
  const back = (
    <Link className="button" href={grantPath(name)}>
      {name}
    </Link>
  );
  return (
    <Page title={words.title(name)} actions={back}>
      {problem !== null && <ProblemNotice problem={problem} />}
      {value === null ? (
        problem === null && <p className="dim">{common.loading}</p>
      ) : (
        <Sheet handOff={value} />
      )}
    </Page>
  );
}

/** A field of the data source's form, or of the plain list where no form is known. */
interface SheetField {
  readonly label: string;
  readonly value: string;
  readonly note: string | null;
  readonly secret: "client_secret" | "refresh_token" | null;
}

function fieldsOf(handOff: HandOff, { handOver, grant }: Text): readonly SheetField[] {
  if (handOff.form !== null) return handOff.form.fields;
  const names = Object.keys(handOver.fields) as (keyof typeof handOver.fields)[];
  return [
    ...names.map((name) => ({
      label: handOver.fields[name],
      value: handOff[name],
      note: null,
      secret: null,
    })),
    { label: grant.refreshToken, value: "", note: null, secret: "refresh_token" as const },
  ];
}

function Sheet({ handOff }: { readonly handOff: HandOff }) {
  const text = useText();
  const { handOver: words, grant } = text;
  const fields = fieldsOf(handOff, text);
  const { form } = handOff;
  return (
    <>
      <p>{form === null ? words.noForm : words.intro}</p>
      <section className="section card">
        {form !== null && <h2 lang="en">{form.title}</h2>}
        <dl className="sheet">
          {fields.map((field) => (
            <div key={field.label}>
              <dt lang="en">{field.label}</dt>
              <dd>
                {field.secret === "refresh_token" ? (
                  <RefreshToken name={handOff.grant} />
                ) : field.secret === "client_secret" ? (
                  <span className="dim">{words.secretHint}</span>
                ) : (
                  <CopyLine value={field.value} what={field.label} />
                )}
                {field.note !== null && field.secret !== "client_secret" && (
                  <span className="dim note" lang="en">
                    {field.note}
                  </span>
                )}
              </dd>
            </div>
          ))}
        </dl>
        <p className="dim">
          {grant.refreshToken} {grant.until} <Moment at={handOff.refresh_token.expires_at} as="both" />
        </p>
        <SheetDownload handOff={handOff} fields={fields} />
      </section>
      {form !== null && form.notes.length > 0 && (
        <Section title={words.notes}>
          <ul lang="en">
            {form.notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </Section>
      )}
      <Section title={words.curl}>
        <p>{words.curlText}</p>
        <div className="code">
          <CopyButton value={handOff.curl} what={words.curl} />
          <pre tabIndex={0} aria-label={words.curl}>
            {handOff.curl}
          </pre>
        </div>
      </Section>
    </>
  );
}

/** How long, in seconds, a revealed token stays. */
const SHOWN_FOR = 30;

/** Shown on purpose alone, and for half a minute; then it is in no variable of the page any more. */
function RefreshToken({ name }: { readonly name: string }) {
  const { handOver: words, common } = useText();
  const mayReveal = useMay("secrets:reveal");
  const [token, setToken] = useState<string | null>(null);
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (token === null) return;
    const tick = setInterval(() => setLeft((seconds) => seconds - 1), 1000);
    const end = setTimeout(() => setToken(null), SHOWN_FOR * 1000);
    return () => {
      clearInterval(tick);
      clearTimeout(end);
    };
  }, [token]);
  if (!mayReveal) return <span className="dim">{words.mayNot}</span>;
  if (token !== null)
    return (
      <>
        <CopyLine value={token} what={words.reveal} />
        <span className="dim">{words.hides(left)}</span>{" "}
        <button type="button" className="small" onClick={() => setToken(null)}>
          {common.hide}
        </button>
      </>
    );
  return (
    <>
      <span className="dim">{words.hidden}</span>{" "}
      <ConfirmButton
        label={words.reveal}
        title={words.revealTitle}
        text={words.revealText}
        onConfirm={async () => {
          const path = `/v1/grants/${encodeURIComponent(name)}/reveal`;
          const answer = await request<{ readonly refresh_token: string }>("POST", path);
          setLeft(SHOWN_FOR);
          setToken(answer.refresh_token);
        }}
      />
    </>
  );
}

interface SheetDownloadProps {
  readonly handOff: HandOff;
  readonly fields: readonly SheetField[];
}

function SheetDownload({ handOff, fields }: SheetDownloadProps) {
  const { handOver: words } = useText();
  const download = (): void => {
    const lines = fields.map(({ label, value, note, secret }) => {
      const shown = secret === null ? value : "________________";
      return `${label}: ${shown}${note === null ? "" : `\n    ${note}`}`;
    });
    const address = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = words.sheetName(handOff.grant);
    link.click();
    URL.revokeObjectURL(address);
  };
  return (
    <button type="button" onClick={download}>
      {words.download}
    </button>
  );
}
