import { type ReactNode, useState } from "react";
import { request, SESSION } from "./api/request.ts";
import { useWorld } from "./live/use-world.ts";
import { ProblemNotice } from "./parts/notice.tsx";
import { useMay, useSession } from "./parts/session.ts";
import { Link, usePlace } from "./route.tsx";
import { type Language, LANGUAGES, useLanguage, useText } from "./text/text.tsx";

interface FrameProps {
  readonly onSignedOut: () => void;
  readonly children: ReactNode;
}

/** What is around every page: the way to the others, who is signed in, and whether what is shown is live. */
export function Frame({ onSignedOut, children }: FrameProps) {
  const { frame, roles } = useText();
  const { person, role, version } = useSession();
  const [isOpen, setOpen] = useState(false);
  const signOut = (): void => {
    // Whatever comes of it, this browser shows nothing any more.
    void request("DELETE", SESSION).finally(onSignedOut);
  };
  return (
    <div className="frame">
      <a className="skip" href="#content">
        {frame.skip}
      </a>
      <header className="side">
        <div className="brand">
          <Link href="/">
            <img src="/assets/icon.svg" alt="" width="28" height="28" />
            Grantkeeper
          </Link>
          <button
            type="button"
            className="menu-button"
            aria-expanded={isOpen}
            aria-controls="menu"
            onClick={() => setOpen(!isOpen)}
          >
            {frame.menu}
          </button>
        </div>
        <div id="menu" className={isOpen ? "menu open" : "menu"}>
          <Navigation onFollow={() => setOpen(false)} />
          <div className="side-foot">
            <LanguageChoice />
            <p className="person">{frame.signedInAs(person, roles[role])}</p>
            <button type="button" onClick={signOut}>
              {frame.signOut}
            </button>
            <p className="dim small-text">{frame.version(version)}</p>
          </div>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        <ConnectionNotice />
        {children}
      </main>
    </div>
  );
}

function Navigation({ onFollow }: { readonly onFollow: () => void }) {
  const { frame } = useText();
  const { pathname } = usePlace();
  const isAdmin = useMay("admin");
  const pages = [
    ["/", frame.overview],
    ["/grants", frame.grants],
    ["/calendar", frame.calendar],
    ["/integrations", frame.integrations],
    ...(isAdmin ? [["/api-keys", frame.keys] as const] : []),
    ["/events", frame.events],
  ] as const;
  const at = pathname === "/connect" ? "/grants" : pathname;
  const isAt = (path: string): boolean => at === path || (path !== "/" && at.startsWith(`${path}/`));
  return (
    <nav aria-label={frame.pages}>
      <ul>
        {pages.map(([path, name]) => (
          <li key={path}>
            {/* The click reaches the list too, once the link has been followed. */}
            <span onClickCapture={onFollow} role="presentation">
              <Link href={path} aria-current={isAt(path) ? "page" : undefined}>
                {name}
              </Link>
            </span>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function LanguageChoice() {
  const { frame } = useText();
  const { language, choose } = useLanguage();
  return (
    <label className="language">
      <span className="unseen">{frame.language}</span>
      <select value={language} onChange={(event) => choose(event.target.value as Language)}>
        {Object.entries(LANGUAGES).map(([code, text]) => (
          <option key={code} value={code} lang={code}>
            {text.language}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Says when what is shown may be old; silent while it is live. */
function ConnectionNotice() {
  const { frame } = useText();
  const { connection, problem } = useWorld();
  // It was reached, and said why it could not answer.
  if (connection === "lost" && problem !== null && problem.status > 0)
    return <ProblemNotice problem={problem} />;
  return (
    <div role="status" className="connection">
      {connection === "lost" && <p className="notice warn">{frame.lost}</p>}
      {connection === "live" && <span className="unseen">{frame.live}</span>}
    </div>
  );
}
