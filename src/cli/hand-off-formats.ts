import pc from "picocolors";
import type { HandOffDocument } from "../keeper/hand-off.ts";
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
      return asCurl(document);
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
  lines.push(
    `  Refresh token until  ${moment(refresh.expires_at)} (${timeLeft(refresh.expires_at, now)}), extended by each refresh`,
  );
  lines.push(`  Access token until   ${moment(access.expires_at)} (${timeLeft(access.expires_at, now)})`);
  if (form !== null && form.notes.length > 0) {
    lines.push("", pc.bold("Good to know"));
    for (const note of form.notes) lines.push(`  - ${wrap(note, 4).trimStart()}`);
  }
  return lines.join("\n");
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

/**
 * The two requests of the manual procedure. Secrets come out of the environment and reach curl as files
 * that the shell feeds it, so that none stands in an argument list where other users could read it.
 */
function asCurl(document: HandOffDocument): string {
  const {
    client_id: clientId,
    redirect_uri: redirectUri,
    token_url: tokenUrl,
    refresh_token: refresh,
  } = document;
  const request = (pairs: readonly string[]): string[] => [
    `curl --fail-with-body --silent --show-error ${quoted(tokenUrl)} \\`,
    ...pairs.map((pair, i) => `  --data-urlencode ${pair}${i < pairs.length - 1 ? " \\" : ""}`),
  ];
  const secret = (field: string, variable: string): string => `${field}@<(printf %s "$${variable}")`;
  return [
    "#!/usr/bin/env bash",
    `# The requests of the manual procedure for ${document.grant}. Needs bash, for <(…).`,
    "set -euo pipefail",
    ': "${CLIENT_SECRET:?the client secret of the integration}"',
    "",
    'case "${1:-refresh}" in',
    "exchange)",
    "  # 1. Exchange an authorization code for tokens (RFC 6749 section 4.1.3).",
    ': "${CODE:?the code of the redirected address}"',
    ...request([
      "grant_type=authorization_code",
      quoted(`client_id=${clientId}`),
      secret("client_secret", "CLIENT_SECRET"),
      secret("code", "CODE"),
      quoted(`redirect_uri=${redirectUri}`),
    ]),
    ";;",
    "refresh)",
    "  # 2. Refresh (RFC 6749 section 6): it is the refresh token that is sent, never a code.",
    `  # The refresh token: ${refresh.reveal_with}`,
    ': "${REFRESH_TOKEN:?the refresh token}"',
    ...request([
      "grant_type=refresh_token",
      quoted(`client_id=${clientId}`),
      secret("client_secret", "CLIENT_SECRET"),
      secret("refresh_token", "REFRESH_TOKEN"),
    ]),
    ";;",
    "esac",
  ].join("\n");
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
