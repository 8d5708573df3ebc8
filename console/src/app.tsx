import { useCallback, useEffect, useState } from "react";
import type { Session } from "./api/documents.ts";
import { load, onSignedOut, Problem, SESSION } from "./api/request.ts";
import { Frame } from "./frame.tsx";
import { followService } from "./live/follow.ts";
import { SessionContext } from "./parts/session.ts";
import { SignIn } from "./pages/sign-in.tsx";
import { Pages } from "./pages/pages.tsx";
import { ProblemNotice } from "./parts/notice.tsx";
import { useText } from "./text/text.tsx";
import { usePlace } from "./route.tsx";

type Known =
  | { readonly kind: "asking" }
  | { readonly kind: "out" }
  | { readonly kind: "in"; readonly session: Session }
  | { readonly kind: "trouble"; readonly problem: Problem };

/** The console: whoever is not signed in is asked to; everybody else has the pages. */
export function App() {
  const { common } = useText();
  const { pathname, hash } = usePlace();
  // A link counts, whoever was signed in before it.
  const hasLink = pathname === "/sign-in" && hash.length > 1;
  const [known, setKnown] = useState<Known>({ kind: hasLink ? "out" : "asking" });
  const ask = useCallback(() => {
    load<Session>(SESSION).then(
      (session) => setKnown({ kind: "in", session }),
      (error: unknown) => {
        const problem = error instanceof Problem ? error : new Problem(0, "internal", String(error), null);
        setKnown(problem.status === 401 ? { kind: "out" } : { kind: "trouble", problem });
      },
    );
  }, []);
  const isAsking = known.kind === "asking";
  useEffect(() => {
    if (isAsking) ask();
  }, [isAsking, ask]);
  useEffect(() => onSignedOut(ask), [ask]);

  if (hasLink || known.kind === "out")
    return <SignIn onSignedIn={(session) => setKnown({ kind: "in", session })} />;
  if (known.kind === "asking") return <p className="alone dim">{common.loading}</p>;
  if (known.kind === "trouble")
    return (
      <main className="alone">
        <ProblemNotice problem={known.problem} />
        <button type="button" onClick={ask}>
          {common.retry}
        </button>
      </main>
    );
  return (
    <SessionContext value={known.session}>
      <Following />
      <Frame onSignedOut={() => setKnown({ kind: "out" })}>
        <Pages />
      </Frame>
    </SessionContext>
  );
}

/** Follows the service for as long as somebody is signed in. */
function Following() {
  useEffect(followService, []);
  return null;
}
