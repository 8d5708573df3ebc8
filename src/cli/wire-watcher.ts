import type { OutgoingRequest, SendResult } from "../oauth/send.ts";
import { type Io, tell } from "./io.ts";

/** Fields whose values may be shown; every other value is masked. */
const SHOWN = new Set([
  "grant_type",
  "client_id",
  "redirect_uri",
  "scope",
  "token_type",
  "token_type_hint",
  "expires_in",
  "refresh_token_expires_in",
  "error",
  "interval",
]);

/** Shows each exchange with a provider to whoever asked for it: names of fields, values by allow-list. */
export function wireWatcher(io: Io): (request: OutgoingRequest, result: SendResult) => void {
  return (request, result) => {
    tell(io, `→ ${request.method} ${withoutQuery(request.url)}`);
    for (const [name, value] of new URLSearchParams(request.body ?? ""))
      tell(io, `    ${name}=${shown(name, value)}`);
    if (request.headers["authorization"] !== undefined) tell(io, "    Authorization: ***");
    tell(io, describeResult(result));
    if (result.kind === "answer") for (const line of fieldsOf(result.body)) tell(io, `    ${line}`);
  };
}

function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, "");
}

function describeResult(result: SendResult): string {
  if (result.kind !== "answer") return `← no answer: ${result.detail}`;
  const tracking = result.headers["trackingid"];
  return `← ${result.status}${tracking === undefined ? "" : ` (tracking id ${tracking})`}`;
}

function fieldsOf(body: string): string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return body === "" ? [] : [`(${body.length} characters that are not JSON)`];
  }
  if (typeof parsed !== "object" || parsed === null) return [];
  return Object.entries(parsed).map(([name, value]) => `${name}: ${shown(name, value)}`);
}

function shown(name: string, value: unknown): string {
  if (SHOWN.has(name) && (typeof value === "string" || typeof value === "number")) return String(value);
  return typeof value === "string" ? `*** (${value.length} characters)` : "***";
}
