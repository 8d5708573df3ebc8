import { useEffect, useRef, useState } from "react";
import type { Session } from "../api/documents.ts";
import { Problem, request, SESSION } from "../api/request.ts";
import { useLoaded } from "../live/use-world.ts";
import { useAction } from "../parts/action.tsx";
import { CopyLine } from "../parts/copy.tsx";
import { ProblemNotice } from "../parts/notice.tsx";
import { navigate, usePlace } from "../route.tsx";
import { useText } from "../text/text.tsx";

/** For whoever is not signed in. A link's code is taken out of the address before anything else is done with it. */
export function SignIn({ onSignedIn }: { readonly onSignedIn: (session: Session) => void }) {
  const { signIn } = useText();
  const { pathname, hash } = usePlace();
  const code = pathname === "/sign-in" ? hash.slice(1) : "";
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(code !== "");
  const used = useRef("");
  useEffect(() => {
    // Each code is tried once: it is good once.
    if (code === "" || used.current === code) return;
    used.current = code;
    navigate("/sign-in", "replace");
    setBusy(true);
    request<Session>("POST", SESSION, { code }).then(
      (session) => {
        navigate("/", "replace");
        onSignedIn(session);
      },
      (error: unknown) => {
        setProblem(error instanceof Problem ? error : new Problem(0, "internal", String(error), null));
        setBusy(false);
      },
    );
  }, [code, onSignedIn]);
  useEffect(() => {
    document.title = `${signIn.title} – Grantkeeper`;
  }, [signIn.title]);
  return (
    <main className="alone card">
      <img src="/assets/icon.svg" alt="" width="40" height="40" />
      <h1>{signIn.title}</h1>
      {isBusy ? (
        <p role="status">{signIn.working}</p>
      ) : (
        <>
          {problem !== null && <ProblemNotice problem={problem} />}
          <OpenIdButton />
          <p>{signIn.how}</p>
          <p>
            <CopyLine value="grantkeeper console" what="grantkeeper console" />
          </p>
          <p className="dim">{signIn.thenWhat}</p>
        </>
      )}
    </main>
  );
}

interface Ways {
  /** The host of the OpenID provider; null: there is none. */
  readonly openid: string | null;
}

/** To the team's own sign-in, where the service knows one. */
function OpenIdButton() {
  const { signIn } = useText();
  const { value } = useLoaded<Ways>("/v1/sign-in");
  const action = useAction();
  if (value === null || value.openid === null) return null;
  const begin = async (): Promise<void> => {
    const { authorization_url: address } = await request<{ readonly authorization_url: string }>(
      "POST",
      "/v1/sign-in",
    );
    window.location.assign(address);
  };
  return (
    <>
      <button
        type="button"
        className="primary"
        disabled={action.isBusy}
        onClick={() => void action.run(begin)}
      >
        {signIn.with(value.openid)}
      </button>
      {action.problem !== null && <ProblemNotice problem={action.problem} />}
      <p className="dim">{signIn.or}</p>
    </>
  );
}
