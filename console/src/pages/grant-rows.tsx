import { useEffect, useRef, useState } from "react";
import type { Grant } from "../api/documents.ts";
import { useNow, useWorld } from "../live/use-world.ts";
import { troubleOf } from "../parts/grant-trouble.ts";
import { LifeBar } from "../parts/life-bar.tsx";
import { Moment } from "../parts/moment.tsx";
import { StateBadge } from "../parts/state-badge.tsx";
import { grantPath, Link } from "../route.tsx";
import { useText } from "../text/text.tsx";

/** Rows beyond the window that are there already, so that scrolling meets no gap. */
const SPARE = 10;

/** A list of any length: only the rows in the window are in the page, and the others are room. */
export function GrantRows({ grants }: { readonly grants: readonly Grant[] }) {
  const { grants: words } = useText();
  const body = useRef<HTMLDivElement>(null);
  const { first, last, height } = useWindow(body, grants.length);
  return (
    <div className="rows" role="table" aria-label={words.title} aria-rowcount={grants.length + 1}>
      <div role="rowgroup" className="rows-head">
        <div role="row" aria-rowindex={1}>
          <span role="columnheader">{words.name}</span>
          <span role="columnheader">{words.trouble}</span>
          <span role="columnheader">{words.life}</span>
          <span role="columnheader">{words.consent}</span>
        </div>
      </div>
      <div role="rowgroup" ref={body} className="rows-body" style={{ blockSize: grants.length * height }}>
        {grants.slice(first, last).map((grant, i) => (
          <GrantRow key={grant.name} grant={grant} index={first + i} height={height} />
        ))}
      </div>
    </div>
  );
}

interface GrantRowProps {
  readonly grant: Grant;
  readonly index: number;
  readonly height: number;
}

function GrantRow({ grant, index, height }: GrantRowProps) {
  const text = useText();
  const { integrations } = useWorld();
  const now = useNow();
  const trouble = troubleOf(grant, integrations, now, text);
  const who = grant.account?.display_name ?? grant.account?.email ?? null;
  return (
    <div
      role="row"
      className="row"
      aria-rowindex={index + 2}
      style={{ insetBlockStart: index * height, blockSize: height }}
    >
      <span role="cell" className="row-name">
        <Link href={grantPath(grant.name)}>{grant.name}</Link>
        <span className="dim">{who === null ? grant.integration : `${who}, ${grant.integration}`}</span>
      </span>
      <span role="cell" className="row-state">
        <StateBadge grant={grant} />
        {trouble !== null && grant.state === "active" && (
          <span className="dim" title={trouble.text}>
            {trouble.text}
          </span>
        )}
      </span>
      <span role="cell" className="row-life">
        <LifeBar grant={grant} />
      </span>
      <span role="cell" className="row-consent">
        <Moment at={grant.reconsent_by} as="date" otherwise="–" />
        {grant.reconsent_by !== null && (
          <span className="dim">
            <Moment at={grant.reconsent_by} as="distance" />
          </span>
        )}
      </span>
    </div>
  );
}

/** Which rows are in the window; their height is the style sheet's. */
function useWindow(body: React.RefObject<HTMLDivElement | null>, count: number) {
  const [state, setState] = useState({ first: 0, last: 40, height: 64 });
  useEffect(() => {
    const look = (): void => {
      const element = body.current;
      if (element === null) return;
      const height = Number.parseFloat(getComputedStyle(element).getPropertyValue("--row")) || 64;
      const top = -element.getBoundingClientRect().top;
      const first = Math.max(0, Math.floor(top / height) - SPARE);
      const last = Math.min(count, Math.ceil((top + window.innerHeight) / height) + SPARE);
      setState((before) =>
        before.first === first && before.last === last && before.height === height
          ? before
          : { first, last, height },
      );
    };
    look();
    window.addEventListener("scroll", look, { passive: true });
    window.addEventListener("resize", look);
    return () => {
      window.removeEventListener("scroll", look);
      window.removeEventListener("resize", look);
    };
  }, [body, count]);
  return state;
}
