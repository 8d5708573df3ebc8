import type { ProviderAnswer } from "../core/errors.ts";
import type { DoubtReason, RefreshOutcome, UnavailableReason } from "../core/outcome.ts";
import { parseRetryAfter } from "../core/schedule.ts";
import type { ProviderProfile, RefusalRule, RefusedRequest } from "../providers/profile.ts";
import { type LooseRecord, textOf } from "./loose-json.ts";
import { errorCode, flattenRefusal, matchRefusal, refusalOf } from "./refusal.ts";
import { scrubber } from "./scrub.ts";
import type { SendResult } from "./send.ts";
import { damageOf, parseTokenDocument, readTokenFields } from "./token-document.ts";

/** A raw answer as the `Send` port delivers it. */
export type RawAnswer = Extract<SendResult, { kind: "answer" }>;

/** What an answer is read against. */
export interface Reading {
  readonly profile: ProviderProfile;
  readonly request: RefusedRequest;
  /** Epoch milliseconds; a Retry-After date is counted from here. */
  readonly now: number;
  /** What was sent and must not come back in a message: token, code, verifier, client secret. */
  readonly secrets: readonly string[];
}

/** A refusing or odd answer, taken apart once; every reading below looks at this. */
interface Dissected extends Reading {
  readonly raw: RawAnswer;
  readonly code: string | null;
  readonly answer: ProviderAnswer;
  readonly rule: RefusalRule | null;
}

/**
 * Reads the answer of a token endpoint, whatever it is. Never throws. The error code and the provider's
 * table decide; the status alone decides only where there is nothing else.
 */
export function readTokenAnswer(raw: RawAnswer, reading: Reading): RefreshOutcome {
  const { status } = raw;
  const fields = raw.truncated ? null : parseTokenDocument(raw.body);
  const isSuccess = status >= 200 && status < 300;
  const tokens = isSuccess && fields !== null ? readTokenFields(fields) : null;
  const damage = tokens?.accessToken == null ? null : damageOf(tokens.accessToken);
  if (tokens !== null && tokens.accessToken !== null && damage === null) {
    const answer = { ...tokens, accessToken: tokens.accessToken, refreshToken: intact(tokens.refreshToken) };
    return { kind: "refreshed", answer, serverDate: serverDate(raw) };
  }
  const dissected = dissect(raw, fields, reading);
  if (isSuccess) return readOddSuccess(dissected, fields, damage);
  if (status >= 300 && status < 400)
    return unavailable(dissected, "unavailable", redirectDetail(raw, reading.secrets));
  return readFailure(dissected);
}

/**
 * A refresh token that was damaged on the way counts as not said, so that it never takes the place of the one
 * we have: that one may still be good, this one cannot be.
 */
function intact(token: string | null): string | null {
  return token === null || damageOf(token) !== null ? null : token;
}

function dissect(raw: RawAnswer, fields: LooseRecord | null, reading: Reading): Dissected {
  const scrub = scrubber([...reading.secrets, ...tokensIn(fields)]);
  const flat = flattenRefusal(raw.status, raw.headers, fields, scrub);
  const rule = matchRefusal(reading.profile, reading.request, flat);
  return { ...reading, raw, code: errorCode(fields), answer: flat.answer, rule };
}

/** Tokens that a failing answer brings along: they are not used, and no more to be shown than ours. */
function tokensIn(fields: LooseRecord | null): string[] {
  const tokens = ["access_token", "refresh_token", "id_token"].map((name) => textOf(fields?.[name]));
  return tokens.filter((token) => token !== null);
}

/** What a request without an answer came to: never sent, so nothing is spent; or lost, so it may be. */
export function readSendFailure(result: Exclude<SendResult, { kind: "answer" }>): RefreshOutcome {
  const { detail } = result;
  if (result.kind === "lost") return { kind: "in_doubt", reason: result.reason, detail, answer: null };
  return { kind: "unavailable", reason: "never_sent", retryAfter: null, detail, answer: null, refusal: null };
}

/** A 2xx without a usable token: a refusal where it says so, else nobody knows what the provider did. */
function readOddSuccess(
  dissected: Dissected,
  fields: LooseRecord | null,
  damage: string | null,
): RefreshOutcome {
  const { code, raw } = dissected;
  if (damage !== null) return unreadable(dissected, `has an access token that cannot be one: ${damage}`);
  if (fields === null) return unreadable(dissected, whatItIs(raw));
  return code === null ? unreadable(dissected, "has no access token") : readRefusal(dissected, code);
}

/** Statuses that say "not now" before any work was done; the request may be sent again. */
const NOT_NOW = new Set([408, 421, 423, 425, 503]);

function readFailure(dissected: Dissected): RefreshOutcome {
  const { code } = dissected;
  const { status } = dissected.raw;
  if (status === 429)
    return unavailable(dissected, "rate_limited", "The provider asks for fewer requests (429).");
  if (NOT_NOW.has(status) || code === "temporarily_unavailable") {
    return unavailable(dissected, "unavailable", `The provider says that it cannot answer now (${status}).`);
  }
  if (status >= 500) return doubt(dissected, "server_error", `The provider failed with status ${status}.`);
  return readRefusal(dissected, code);
}

function readRefusal(dissected: Dissected, code: string | null): RefreshOutcome {
  const { rule, answer } = dissected;
  if (code === "temporarily_unavailable") {
    return unavailable(dissected, "unavailable", "The provider says that it cannot answer now.");
  }
  if (code === "server_error") return doubt(dissected, "server_error", "The provider says that it failed.");
  if (code === "slow_down")
    return unavailable(dissected, "rate_limited", "The provider asks for fewer requests.");
  if (rule?.arm === "grant") return { kind: "grant_rejected", refusal: refusalOf(rule, answer) };
  if (rule?.arm === "integration") return { kind: "integration_rejected", refusal: refusalOf(rule, answer) };
  if (rule !== null) return unavailable(dissected, "unavailable", rule.message);
  return unavailable(dissected, "unrecognised_refusal", refusalDetail(dissected));
}

function unavailable(dissected: Dissected, reason: UnavailableReason, detail: string): RefreshOutcome {
  const { raw, now, answer, rule } = dissected;
  return {
    kind: "unavailable",
    reason,
    retryAfter: parseRetryAfter(raw.headers["retry-after"] ?? null, now),
    detail,
    answer,
    refusal: rule?.arm === "later" ? refusalOf(rule, answer) : null,
  };
}

function doubt({ answer }: Dissected, reason: DoubtReason, detail: string): RefreshOutcome {
  return { kind: "in_doubt", reason, detail, answer };
}

function unreadable(dissected: Dissected, what: string): RefreshOutcome {
  return doubt(
    dissected,
    "unreadable_answer",
    `The provider answered ${dissected.raw.status}, but its answer ${what}.`,
  );
}

function whatItIs({ body, truncated }: RawAnswer): string {
  if (truncated) return "is longer than 1 MiB";
  const start = body.trimStart();
  if (start === "") return "is empty";
  if (/^<(!doctype|html|\?xml|head|body)/i.test(start)) {
    return "is a web page: something on the way (a proxy, a sign-in page) may have answered instead";
  }
  return "is neither a JSON object nor a form";
}

function refusalDetail({ raw, answer }: Dissected): string {
  const said = [answer.error, answer.errorDescription].filter((text) => text !== null).join(": ");
  if (said !== "") return `The provider refused (${raw.status}): ${said}`;
  if (raw.status === 404 || raw.status === 405 || raw.status === 410) {
    return `There is no token endpoint at this address (${raw.status}): the integration's base address may be wrong.`;
  }
  return `The provider refused with status ${raw.status} and gave no reason.`;
}

function redirectDetail({ status, headers }: RawAnswer, secrets: readonly string[]): string {
  const location = headers["location"] ?? "";
  // A host is written in lower case, and so is what of a secret may stand in it.
  const scrub = scrubber(secrets.map((secret) => secret.toLowerCase()));
  const target = URL.canParse(location) ? ` to ${scrub(new URL(location).host)}` : "";
  return `The provider redirects${target} (${status}), which is not followed: the base address may be wrong.`;
}

function serverDate({ headers }: RawAnswer): number | null {
  const date = Date.parse(headers["date"] ?? "");
  return Number.isNaN(date) ? null : date;
}
