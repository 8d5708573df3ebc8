import { ERROR_CODES } from "../core/errors.ts";
import type { GrantDocument } from "../core/grant.ts";

const DAY = 24 * 60 * 60 * 1000;

/** The exit code of `status --check`: the worst of the grants, a dead one being worst. */
export function checkGrants(grants: readonly GrantDocument[], now: number, withinDays: number): number {
  const codes = grants.map((grant) => checkOne(grant, now, withinDays));
  const order = [
    ERROR_CODES.reauthorization_required.exit,
    ERROR_CODES.provider_unreachable.exit,
    ERROR_CODES.suspended.exit,
  ];
  return order.find((code) => codes.includes(code)) ?? 0;
}

/** A pending or revoked grant is as someone wanted it: nothing to be paged for. */
function checkOne(grant: GrantDocument, now: number, withinDays: number): number {
  if (grant.state === "pending" || grant.state === "revoked") return 0;
  if (grant.state === "suspended") return ERROR_CODES.suspended.exit;
  const ends = grant.refresh_token.fingerprint === null ? grant.access_token.expires_at : grant.reconsent_by;
  const isNear = ends !== null && Date.parse(ends) - now < withinDays * DAY;
  if (grant.state === "reauthorization_required" || isNear) return ERROR_CODES.reauthorization_required.exit;
  const isFailing = grant.refresh.last_error !== null || grant.refresh.status === "outcome_unknown";
  return isFailing ? ERROR_CODES.provider_unreachable.exit : 0;
}
