import type { Grant } from "../api/documents.ts";
import { useNow } from "../live/use-world.ts";
import { fromNow, lengthOf, timeOf } from "../text/format.ts";
import { useText } from "../text/text.tsx";

/**
 * How much of the access token's life is left, as a bar and in words. The mark on it is where the next
 * refresh is due: a bar that is shorter than its mark is one that was not refreshed in time.
 */
export function LifeBar({ grant }: { readonly grant: Grant }) {
  const text = useText();
  const now = useNow();
  const end = timeOf(grant.access_token.expires_at);
  if (grant.access_token.fingerprint === null) return <span className="dim">{text.life.noToken}</span>;
  if (end === null) return <span className="dim">{text.life.unknownEnd}</span>;
  const begin = timeOf(grant.last_refreshed_at) ?? timeOf(grant.created_at) ?? now;
  const whole = Math.max(1, end - begin);
  const share = Math.min(1, Math.max(0, (end - now) / whole));
  const next = timeOf(grant.refresh.next_attempt_at);
  const mark = next === null ? null : (end - next) / whole;
  const words =
    share === 0 ? text.life.ended : text.life.left(lengthOf(end - now, text), lengthOf(whole, text));
  const tone = share === 0 ? "bad" : grant.refresh.attempts > 0 ? "warn" : "good";
  return (
    <div className="life">
      <div
        className={`life-bar ${tone}`}
        role="meter"
        aria-label={text.life.label(grant.name)}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share * 100)}
        aria-valuetext={words}
      >
        <div className="life-fill" style={{ inlineSize: `${share * 100}%` }} />
        {mark !== null && mark > 0 && mark < 1 && (
          <div
            className="life-mark"
            style={{ insetInlineStart: `${mark * 100}%` }}
            title={next === null ? "" : text.life.refreshAt(fromNow(next, now, text))}
          />
        )}
      </div>
      <span className="life-words">{words}</span>
    </div>
  );
}
