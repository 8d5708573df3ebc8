import { pc } from "./colours.ts";
import type { GrantDocument } from "../core/grant.ts";
import { fields } from "./table.ts";

const DAY = 24 * 60 * 60 * 1000;

/** Time left in the unit that a person thinks in: `13 days`, `5 h`, `12 min`, or how long ago it ended. */
export function timeLeft(instant: string | null, now: number): string {
  if (instant === null) return "unknown";
  const left = Date.parse(instant) - now;
  if (left < 0) return `ended ${span(-left)} ago`;
  return span(left);
}

function span(ms: number): string {
  if (ms >= 2 * DAY) return `${Math.floor(ms / DAY)} days`;
  if (ms >= 2 * 3_600_000) return `${Math.floor(ms / 3_600_000)} h`;
  if (ms >= 120_000) return `${Math.floor(ms / 60_000)} min`;
  return `${Math.floor(ms / 1000)} s`;
}

/** `2026-12-07 18:00 UTC`, or `unknown`. */
export function moment(instant: string | null): string {
  return instant === null ? "unknown" : `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`;
}

/** What of a grant is not as it should be, in a few words; empty where all is well. */
export function troubleOf(grant: GrantDocument, now: number): string {
  if (grant.state === "pending") return "nobody has consented yet";
  if (grant.state === "suspended") return "held; resume to go on";
  if (grant.state === "revoked") return "ended";
  if (grant.cause !== null) return grant.cause;
  const { status, last_error: lastError } = grant.refresh;
  if (status === "suspect") return `being confirmed: ${lastError?.message ?? "rejected"}`;
  if (status === "outcome_unknown") return "a refresh's answer was lost; it is tried again";
  if (lastError !== null) return lastError.message;
  if (grant.refresh_token.fingerprint === null) return "no refresh token: ends with its access token";
  if (grant.missing_scopes.length > 0) return `not granted: ${grant.missing_scopes.join(" ")}`;
  if (grant.reconsent_by !== null && Date.parse(grant.reconsent_by) < now) return "refresh token has run out";
  return "";
}

/** A state in its colour. */
export function colouredState(grant: GrantDocument, now: number): string {
  const { state, refresh } = grant;
  if (state === "active" && troubleOf(grant, now) === "") return pc.green("active");
  if (state === "active") return pc.yellow(refresh.status === "idle" ? "active" : refresh.status);
  if (state === "reauthorization_required") return pc.red("consent needed");
  return state === "suspended" ? pc.yellow(state) : pc.dim(state);
}

/** Days left, red under 7, yellow under 21. */
export function colouredLeft(instant: string | null, now: number): string {
  const text = timeLeft(instant, now);
  if (instant === null) return pc.dim(text);
  const days = (Date.parse(instant) - now) / DAY;
  if (days < 7) return pc.red(text);
  return days < 21 ? pc.yellow(text) : text;
}

/** A whole grant for a person. */
export function describeGrant(grant: GrantDocument, now: number): string {
  const { account } = grant;
  const pairs: [string, string][] = [
    ["Grant", grant.name],
    [
      "State",
      `${colouredState(grant, now)}${grant.state === "active" ? pc.dim(` (${grant.refresh.status})`) : ""}`,
    ],
    ["Integration", `${grant.integration} (${grant.provider})`],
  ];
  if (account !== null)
    pairs.push(["Granted by", [account.display_name, account.email].filter(Boolean).join(", ")]);
  pairs.push(["Scopes", grant.scopes.join(" ") || "none"]);
  if (grant.missing_scopes.length > 0) pairs.push(["Not granted", pc.yellow(grant.missing_scopes.join(" "))]);
  pairs.push(
    ["Access token", untilText(grant.access_token.expires_at, now)],
    ["Refresh token", grant.refresh_token.fingerprint === null ? "none" : untilText(grant.reconsent_by, now)],
    ["Consent again by", moment(grant.reconsent_by)],
    ["Next refresh", moment(grant.refresh.next_attempt_at)],
    ["Generation", `${grant.generation}${pc.dim(fingerprintText(grant))}`],
    ["Last refreshed", moment(grant.last_refreshed_at)],
    ["Last used", moment(grant.last_used_at)],
  );
  const trouble = troubleOf(grant, now);
  if (trouble !== "") pairs.push(["Trouble", pc.yellow(trouble)]);
  const remedy = grant.remedy ?? grant.refresh.last_error?.remedy ?? null;
  if (remedy !== null) pairs.push(["What to do", remedy]);
  return fields(pairs);
}

function untilText(instant: string | null, now: number): string {
  return instant === null ? "end not known" : `until ${moment(instant)} (${timeLeft(instant, now)})`;
}

function fingerprintText(grant: GrantDocument): string {
  const { fingerprint } = grant.access_token;
  return fingerprint === null ? "" : ` (access token ${fingerprint})`;
}
