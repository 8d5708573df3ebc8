import { pc } from "./colours.ts";
import type { HandOffDocument } from "../keeper/hand-off.ts";
import { manualRequests } from "../keeper/manual-requests.ts";
import { moment, timeLeft } from "./wording.ts";
import { wrap } from "./wrap.ts";

/** The forms in which `handoff` answers. */
export const HAND_OFF_FORMATS = ["text", "json", "env", "curl"] as const;

export type HandOffFormat = (typeof HAND_OFF_FORMATS)[number];

/** A hand-off as text for people, as lines for a shell, or as the requests of the manual procedure. */
export function renderHandOff(document: HandOffDocument, format: HandOffFormat, now: number): string {
  switch (format) {
    case "env":
      return asEnvironment(document);
    case "curl":
      return manualRequests(document);
    case "json":
      return JSON.stringify(document, null, 2);
    case "text":
      return asText(document, now);
  }
}

function asText(document: HandOffDocument, now: number): string {
  const { form, refresh_token: refresh, access_token: access } = document;
  const lines: string[] = [];
  if (form !== null) {
    lines.push(pc.bold(form.title), "");
    for (const { label, value, note } of form.fields) {
      lines.push(`  ${pc.bold(label)}`, `    ${value}`);
      if (note !== null) lines.push(pc.dim(wrap(note, 4)));
    }
    lines.push("");
  }
  lines.push(pc.bold("Dates"));
  lines.push(`  Refresh token until  ${untilText(refresh.expires_at, now)}; each refresh extends it`);
  lines.push(`  Access token until   ${untilText(access.expires_at, now)}`);
  if (form !== null && form.notes.length > 0) {
    lines.push("", pc.bold("Good to know"));
    for (const note of form.notes) lines.push(`  - ${wrap(note, 4).trimStart()}`);
  }
  return lines.join("\n");
}

function untilText(instant: string | null, now: number): string {
  const end = instant === null ? null : Date.parse(instant);
  return `${moment(end)} (${timeLeft(end, now)})`;
}

function asEnvironment(document: HandOffDocument): string {
  const { client_id: clientId, token_url: tokenUrl, refresh_token: refresh } = document;
  return [
    `# ${document.grant}: secrets are left for you to fill in.`,
    `OAUTH_CLIENT_ID=${quoted(clientId)}`,
    "OAUTH_CLIENT_SECRET=",
    `# ${refresh.reveal_with}`,
    "OAUTH_REFRESH_TOKEN=",
    `OAUTH_TOKEN_URL=${quoted(tokenUrl)}`,
    `OAUTH_AUTHORIZATION_URL=${quoted(document.authorization_url)}`,
    `OAUTH_REDIRECT_URI=${quoted(document.redirect_uri)}`,
    `OAUTH_SCOPE=${quoted(document.scope)}`,
    `API_BASE_URL=${quoted(document.api_base_url)}`,
  ].join("\n");
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
