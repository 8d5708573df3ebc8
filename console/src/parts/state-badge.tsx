import type { Grant } from "../api/documents.ts";
import { useText } from "../text/text.tsx";
import type { Tone } from "./notice.tsx";

const TONES: Readonly<Record<Grant["state"], Tone | "off">> = {
  pending: "info",
  active: "good",
  suspended: "warn",
  reauthorization_required: "bad",
  revoked: "off",
};

/** A grant's state, in a word; while it is active and not at rest, what its refreshing does. */
export function StateBadge({ grant }: { readonly grant: Grant }) {
  const { states, statuses } = useText();
  const { status } = grant.refresh;
  const isRestless = grant.state === "active" && status !== "idle";
  const tone = isRestless && grant.refresh.attempts > 0 ? "warn" : TONES[grant.state];
  return <span className={`badge ${tone}`}>{isRestless ? statuses[status] : states[grant.state]}</span>;
}
