import { useState } from "react";
import type { Grant } from "../api/documents.ts";
import { request } from "../api/request.ts";
import { keepGrants, reloadGrant } from "../live/world.ts";
import { ConfirmButton, useAction } from "../parts/action.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { ProblemNotice } from "../parts/notice.tsx";
import { useMay } from "../parts/session.ts";
import { grantPath, Link, navigate } from "../route.tsx";
import { useText } from "../text/text.tsx";

/** What can be done with a grant, as far as its state and the reader's role allow. */
export function GrantActions({ grant }: { readonly grant: Grant }) {
  const { grant: words } = useText();
  const mayWrite = useMay("grants:write");
  const { name, state } = grant;
  const isDead = state === "reauthorization_required" || state === "pending" || state === "revoked";
  const change = async (what: string, body?: object): Promise<void> => {
    keepGrants([await request<Grant>("POST", `/v1/grants/${encodeURIComponent(name)}/${what}`, body)]);
  };
  return (
    <>
      {grant.generation > 0 && state !== "revoked" && (
        <Link className="button" href={grantPath(name, "/hand-over")}>
          {words.handOver}
        </Link>
      )}
      {mayWrite && state !== "suspended" && (
        <Link
          className={isDead ? "button primary" : "button"}
          href={`/connect?grant=${encodeURIComponent(name)}&integration=${encodeURIComponent(grant.integration)}`}
        >
          {words.reconsentNow}
        </Link>
      )}
      {mayWrite && state === "active" && (
        <PromptButton label={words.refresh} done={words.refreshed} onPress={() => change("refresh-now")} />
      )}
      {mayWrite && state === "suspended" && <ResumeButton grant={grant} change={change} />}
      {mayWrite && (state === "active" || state === "reauthorization_required") && (
        <ConfirmButton
          label={words.suspend}
          title={words.suspendTitle(name)}
          text={words.suspendText}
          onConfirm={() => change("suspend")}
        />
      )}
      {mayWrite && grant.revocation !== null && (
        <PromptButton label={words.tellProvider} done={words.tellTried} onPress={() => change("revoke")} />
      )}
      {mayWrite && state !== "revoked" && state !== "pending" && (
        <ConfirmButton
          label={words.revoke}
          title={words.revokeTitle(name)}
          text={words.revokeText}
          typed={{ label: words.typeName(name), value: name }}
          isDangerous
          onConfirm={() => change("revoke")}
        />
      )}
      {mayWrite && (
        <ConfirmButton
          label={words.remove}
          title={words.removeTitle(name)}
          text={words.removeText}
          typed={state === "pending" ? undefined : { label: words.typeName(name), value: name }}
          isDangerous
          onConfirm={async () => {
            await request("DELETE", `/v1/grants/${encodeURIComponent(name)}`);
            navigate("/grants");
            await reloadGrant(name);
          }}
        />
      )}
    </>
  );
}

interface PromptButtonProps {
  readonly label: string;
  /** Said once it is done. */
  readonly done: string;
  readonly onPress: () => Promise<void>;
}

/** Does at once what it says: nothing breaks by it. */
function PromptButton({ label, done, onPress }: PromptButtonProps) {
  const { common } = useText();
  const action = useAction();
  const [isDone, setDone] = useState(false);
  return (
    <>
      <button type="button" disabled={action.isBusy} onClick={() => void action.run(onPress).then(setDone)}>
        {label}
      </button>
      <span role="status" className={isDone ? "good small-text" : "unseen"}>
        {isDone && !action.isBusy ? done : ""}
      </span>
      {action.problem !== null && (
        <Dialog title={label} onClose={action.forget}>
          <ProblemNotice problem={action.problem} />
          <div className="buttons">
            <button type="button" onClick={action.forget}>
              {common.close}
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}

interface ResumeButtonProps {
  readonly grant: Grant;
  readonly change: (what: string, body?: object) => Promise<void>;
}

function ResumeButton({ grant, change }: ResumeButtonProps) {
  const { grant: words } = useText();
  const [isAccepted, setAccepted] = useState(false);
  const isWithStore = (grant.suspension?.reason ?? "person") !== "person";
  const more = {
    isReady: true,
    children: (
      <>
        <p>{words.resumeRisk}</p>
        <label className="check">
          <input
            type="checkbox"
            checked={isAccepted}
            onChange={(event) => setAccepted(event.target.checked)}
          />
          {words.acceptRisk}
        </label>
      </>
    ),
  };
  return (
    <ConfirmButton
      label={words.resume}
      title={words.resumeTitle(grant.name)}
      text={words.resumeText}
      more={isWithStore ? more : undefined}
      onConfirm={() => change("resume", isAccepted ? { accept_risk: true } : {})}
    />
  );
}
