import { pc } from "./colours.ts";
import {
  type Grant,
  type GrantFacts,
  type GrantStanding,
  shownRefreshStatus,
  standingOf,
} from "../core/grant.ts";
import { missingScopes } from "../core/scopes.ts";
import { fields } from "./table.ts";

const DAY = 24 * 60 * 60 * 1000;

/** Time left in the unit that a person thinks in: `13 days`, `5 h`, `12 min`, or how long ago it ended. */
export function timeLeft(end: number | null, now: number): string {
  if (end === null) return "unknown";
  const left = end - now;
  return left < 0 ? `ended ${span(-left)} ago` : span(left);
}

function span(ms: number): string {
  if (ms >= 2 * DAY) return `${Math.floor(ms / DAY)} days`;
  if (ms >= 2 * 3_600_000) return `${Math.floor(ms / 3_600_000)} h`;
  if (ms >= 120_000) return `${Math.floor(ms / 60_000)} min`;
  return `${Math.floor(ms / 1000)} s`;
}

/** `2026-12-07 18:00 UTC`, or `unknown`. */
export function moment(time: number | null): string {
  if (time === null) return "unknown";
  const instant = new Date(time).toISOString();
  return `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`;
}

/** What of a grant is not as it should be, in a few words; empty where all is well. */
export function troubleOf(grant: GrantStanding, now: number): string {
  if (grant.state === "pending") return "nobody has consented yet";
  if (grant.state === "suspended") return heldBecause(grant);
  if (grant.state === "revoked")
    return grant.isRevocationQueued ? "ended here; the provider has still to be told" : "ended";
  if (grant.cause !== null) return grant.cause.message;
  const { refreshStatus, lastError } = grant;
  if (refreshStatus === "suspect") return `being confirmed: ${lastError?.message ?? "rejected"}`;
  if (lastError !== null) return lastError.message;
  if (refreshStatus === "outcome_unknown") return "a refresh's answer was lost; it is tried again";
  if (!grant.hasRefreshToken) return "no refresh token: ends with its access token";
  if (!grant.hasAllScopes && grant.generation > 0) return "not all scopes that were asked for are granted";
  if (grant.refreshExpiresAt !== null && grant.refreshExpiresAt < now) return "the refresh token has run out";
  return "";
}

function heldBecause({ suspension }: GrantStanding): string {
  if (suspension?.reason === "copied_store") return "held: this store is a copy; resume to go on";
  if (suspension?.reason === "restored_store") return "held: this store was restored; resume to go on";
  return "held; resume to go on";
}

/** A state in its colour. */
export function colouredState(grant: GrantStanding, trouble: string): string {
  const { state, refreshStatus } = grant;
  if (state === "active" && trouble === "") return pc.green("active");
  if (state === "active") return pc.yellow(refreshStatus === "idle" ? "active" : refreshStatus);
  if (state === "reauthorization_required") return pc.red("consent needed");
  return state === "suspended" ? pc.yellow(state) : pc.dim(state);
}

/** Days left, red under 7, yellow under 21. */
export function colouredLeft(end: number | null, now: number): string {
  const text = timeLeft(end, now);
  if (end === null) return pc.dim(text);
  if (end - now < 7 * DAY) return pc.red(text);
  return end - now < 21 * DAY ? pc.yellow(text) : text;
}

/** A whole grant for a person. */
export function describeGrant(grant: Grant, facts: GrantFacts, now: number): string {
  const { account } = grant;
  const standing = standingOf(grant);
  const trouble = troubleOf(standing, now);
  const status = grant.state === "active" ? pc.dim(` (refresh: ${shownRefreshStatus(grant, now)})`) : "";
  const pairs: [string, string][] = [
    ["Grant", grant.name],
    ["State", colouredState(standing, trouble) + status],
    ["Integration", `${facts.integration} (${facts.provider})`],
  ];
  if (account !== null)
    pairs.push(["Granted by", [account.displayName, account.email].filter(Boolean).join(", ")]);
  pairs.push(["Scopes", grant.scopes.join(" ") || "none"]);
  const missing = grant.generation === 0 ? [] : missingScopes(grant.requestedScopes, grant.scopes);
  if (missing.length > 0) pairs.push(["Not granted", pc.yellow(missing.join(" "))]);
  pairs.push(
    ["Access token", grant.accessToken === null ? "none" : untilText(grant.accessExpiresAt, now)],
    ["Refresh token", grant.refreshToken === null ? "none" : untilText(grant.refreshExpiresAt, now)],
    ["Consent again by", moment(grant.refreshExpiresAt)],
    ["Next refresh", moment(grant.nextAttemptAt)],
    ["Generation", `${grant.generation}${pc.dim(fingerprintText(grant))}`],
    ["Last refreshed", grant.lastRefreshedAt === null ? "never" : moment(grant.lastRefreshedAt)],
    ["Last used", grant.lastUsedAt === null ? "never" : moment(grant.lastUsedAt)],
  );
  if (trouble !== "") pairs.push(["Trouble", pc.yellow(trouble)]);
  const remedy = grant.cause?.remedy ?? grant.lastError?.remedy ?? null;
  if (remedy !== null) pairs.push(["What to do", remedy]);
  return fields(pairs);
}

function untilText(end: number | null, now: number): string {
  return end === null ? "end not known" : `until ${moment(end)} (${timeLeft(end, now)})`;
}

function fingerprintText({ accessFingerprint }: Grant): string {
  return accessFingerprint === null ? "" : ` (access token ${accessFingerprint})`;
}
