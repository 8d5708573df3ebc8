import type { Row } from "../../src/store/database.ts";

/** What stands between two settled states of a grant. */
interface Between {
  /** Its status when nothing was in flight. */
  readonly standing: string;
  /**
   * Events since tokens last came. A doubt within a suspicion, or a suspicion within a doubt, ends by itself,
   * and the row then shows again what was said before.
   */
  readonly announced: ReadonlySet<string>;
}

/** I6: which changes of a row have not exactly one event in their own transaction; in words. */
export function changesWithoutEvent(
  before: Row,
  after: Row,
  types: readonly string[],
  between: Between,
): string[] {
  const wrong: string[] = [];
  const need = (what: string, allowed: readonly string[]): void => {
    const found = types.filter((type) => allowed.includes(type)).length;
    if (found !== 1) wrong.push(`${what} with ${found} events of ${allowed.join(" or ")}`);
  };
  const generations = Number(after["generation"]) - Number(before["generation"]);
  const isReplaced =
    before["access_token"] !== after["access_token"] || before["refresh_token"] !== after["refresh_token"];
  if (generations !== 0) need(`generation ${String(after["generation"])}`, ["refreshed", "imported"]);
  if (generations < 0 || generations > 1) wrong.push(`generation moved by ${generations}`);
  if (isReplaced && generations === 0) wrong.push("a token set was replaced and the generation stayed");
  const change = `${String(before["state"])} became ${String(after["state"])}`;
  if (before["state"] !== after["state"]) need(change, EVENTS_OF[String(after["state"])] ?? []);
  const status = String(after["refresh_status"]);
  const needed = STATUS_EVENTS[status] ?? null;
  if (needed !== null && status !== between.standing) {
    const hasEvent = needed.some((type) => types.includes(type) || between.announced.has(type));
    if (!hasEvent) wrong.push(`status ${status} without ${needed.join(" or ")}`);
  }
  return wrong;
}

const EVENTS_OF: Readonly<Record<string, readonly string[]>> = {
  active: ["refreshed", "imported", "resumed"],
  suspended: ["suspended"],
  reauthorization_required: ["reauthorization_required", "resumed"],
  revoked: ["revoked"],
};

const STATUS_EVENTS: Readonly<Record<string, readonly string[]>> = {
  suspect: ["suspect", "verdict_held"],
  outcome_unknown: ["outcome_unknown"],
};
