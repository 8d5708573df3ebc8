import { ERROR_CODES } from "../core/errors.ts";
import type { GrantStanding } from "../core/grant.ts";

const DAY = 24 * 60 * 60 * 1000;

/** The exit code of `status --check`: the worst of the grants, a dead one being worst. */
export function checkGrants(grants: readonly GrantStanding[], now: number, withinDays: number): number {
  const codes = grants.map((grant) => checkOne(grant, now, withinDays));
  const order = [
    ERROR_CODES.reauthorization_required.exit,
    ERROR_CODES.provider_unreachable.exit,
    ERROR_CODES.suspended.exit,
  ];
  return order.find((code) => codes.includes(code)) ?? 0;
}

/** A pending or revoked grant is as someone wanted it: nothing to be paged for. */
function checkOne(grant: GrantStanding, now: number, withinDays: number): number {
  if (grant.state === "pending" || grant.state === "revoked") return 0;
  if (grant.state === "suspended") return ERROR_CODES.suspended.exit;
  const end = grant.hasRefreshToken ? grant.refreshExpiresAt : grant.accessExpiresAt;
  const isNear = end !== null && end - now < withinDays * DAY;
  if (grant.state === "reauthorization_required" || isNear) return ERROR_CODES.reauthorization_required.exit;
  const isFailing = grant.lastError !== null || grant.refreshStatus === "outcome_unknown";
  return isFailing ? ERROR_CODES.provider_unreachable.exit : 0;
}
