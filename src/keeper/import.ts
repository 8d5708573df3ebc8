import { GrantkeeperError } from "../core/errors.ts";
import type { Grant } from "../core/grant.ts";
import { parseName, quote } from "../core/names.ts";
import type { TokenAnswer } from "../core/token-set.ts";
import type { LooseRecord } from "../oauth/loose-json.ts";
import { damageOf, parseTokenDocument, readTokenFields } from "../oauth/token-document.ts";
import { keepConsent } from "./consent.ts";
import { findIntegration } from "./find.ts";
import type { Ports } from "./ports.ts";

/** A token document as taken over, with what was mended on the way. */
export interface ImportedDocument {
  readonly answer: TokenAnswer;
  /** Sentences for the person: what was mended or assumed. */
  readonly notices: readonly string[];
}

/**
 * Takes over tokens obtained elsewhere. Nothing is sent.
 * @param obtainedAt epoch ms from which the document's lives count.
 * @throws {GrantkeeperError} `invalid_request` where the document is none, or its tokens have run out.
 */
export async function importTokens(
  ports: Ports,
  name: string,
  integrationName: string,
  document: ImportedDocument,
  obtainedAt: number,
): Promise<Grant> {
  parseName("grant", name);
  const integration = await findIntegration(ports, integrationName);
  const { answer } = document;
  refuseExpired(answer, obtainedAt, ports.clock.now());
  const requestedScopes = integration.scopes;
  return keepConsent(ports, name, {
    answer,
    startedAt: obtainedAt,
    integration,
    requestedScopes,
    how: "imported",
    before: null,
  });
}

/**
 * Reads what a person has: the token endpoint's JSON, also as manuals print it, with line breaks inside
 * its strings and quotation marks that a word processor bent; `{"refresh_token": "…"}`; or a bare token.
 */
export function readImport(text: string): ImportedDocument {
  const content = text.trim();
  if (content === "") throw unusable("The document is empty.");
  const notices: string[] = [];
  const fields = parseTokenDocument(content) ?? parseMended(content, notices) ?? bareToken(content);
  if (fields === null)
    throw unusable(looksCut(content) ? "The document is cut off." : "The document is not JSON.");
  refuseErrorBody(fields);
  const read = readTokenFields(unbroken(fields, notices));
  if (read.accessToken === null && read.refreshToken === null) {
    throw unusable("The document has neither an access_token nor a refresh_token.");
  }
  for (const [field, token] of [
    ["access_token", read.accessToken],
    ["refresh_token", read.refreshToken],
  ] as const) {
    const damage = token === null ? null : damageOf(token);
    if (damage !== null) throw unusable(`The ${field} is damaged: ${damage}.`);
  }
  return { answer: { ...read, accessToken: read.accessToken ?? "" }, notices };
}

/** What copying does to JSON: bent quotation marks, hard spaces, line breaks inside strings, a last comma. */
function parseMended(content: string, notices: string[]): LooseRecord | null {
  const mended = content
    .replace(/[\u201c\u201d\u201e\u201f]/g, '"')
    .replace(/\u00a0/g, " ")
    .replace(/"(?:[^"\\]|\\.)*"/gs, (string) => string.replace(/\s*[\r\n\t]\s*/g, " "))
    .replace(/,\s*([}\]])/g, "$1");
  const fields = mended.startsWith("{") ? parseTokenDocument(mended) : null;
  if (fields !== null) notices.push("Stray line breaks or quotation marks in the document were mended.");
  return fields;
}

/** Nothing but one token-like word: taken as a refresh token, since that is what manuals say to copy. */
function bareToken(content: string): LooseRecord | null {
  return /^[\w.~+/=-]{16,4096}$/.test(content) ? { refresh_token: content } : null;
}

/** A token has no white space; a copied one often has, from the line it was wrapped on. */
function unbroken(fields: LooseRecord, notices: string[]): LooseRecord {
  const mended: Record<string, unknown> = Object.assign(Object.create(null), fields);
  for (const field of ["access_token", "refresh_token"]) {
    const value = fields[field];
    if (typeof value !== "string" || !/\s/.test(value.trim())) continue;
    mended[field] = value.replace(/\s+/g, "");
    notices.push(`White space inside the ${field} was taken out.`);
  }
  return mended;
}

function refuseErrorBody(fields: LooseRecord): void {
  const { error, error_description: description, message } = fields as Record<string, unknown>;
  const words = [error, description, message].filter((word) => typeof word === "string");
  if (words.length === 0 || fields["access_token"] !== undefined || fields["refresh_token"] !== undefined)
    return;
  throw unusable(`The document is an error answer of the provider: ${quote(words.join(": "))}.`);
}

function refuseExpired(answer: TokenAnswer, obtainedAt: number, now: number): void {
  const endOf = (seconds: number | null) => (seconds === null ? null : obtainedAt + seconds * 1000);
  const refreshEnd = endOf(answer.refreshTokenExpiresIn);
  if (answer.refreshToken !== null && refreshEnd !== null && refreshEnd <= now)
    throw ranOut("refresh token", refreshEnd);
  const accessEnd = endOf(answer.expiresIn);
  if (answer.refreshToken === null && accessEnd !== null && accessEnd <= now)
    throw ranOut("access token", accessEnd);
}

function ranOut(what: string, end: number): GrantkeeperError {
  return new GrantkeeperError("invalid_request", `The ${what} ran out on ${new Date(end).toISOString()}.`, {
    remedy: "Get new tokens with: grantkeeper connect NAME --integration I. Nothing was stored.",
  });
}

function looksCut(content: string): boolean {
  return content.startsWith("{") && !content.endsWith("}");
}

function unusable(message: string): GrantkeeperError {
  return new GrantkeeperError("invalid_request", message, {
    remedy:
      'Give the JSON of the token endpoint\'s answer, whole, or {"refresh_token": "…"}, or the refresh token alone. Nothing was stored.',
  });
}
