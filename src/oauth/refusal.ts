import type { ProviderAnswer } from "../core/errors.ts";
import type { Refusal } from "../core/outcome.ts";
import type { FlatRefusal, ProviderProfile, RefusalRule, RefusedRequest } from "../providers/profile.ts";
import { asRecord, type LooseRecord, textOf } from "./loose-json.ts";
import type { Scrub } from "./scrub.ts";
import { STANDARD_REFUSALS } from "./standard-refusals.ts";

const LONGEST_CODE = 80;
/** Enough for every rule of a table to be tried on; a person is shown less. */
const LONGEST_MATCHED_TEXT = 2000;

/**
 * Flattens the shapes in which providers refuse: `{error, error_description}` (RFC 6749 section 5.2),
 * `{message, errors: [{description}], trackingId}`, and `{error: {code, message}}`.
 */
export function flattenRefusal(
  status: number,
  headers: Readonly<Record<string, string>>,
  fields: LooseRecord | null,
  scrub: Scrub,
): FlatRefusal {
  const nested = asRecord(fields?.["error"]);
  const code = errorCode(fields);
  const texts = [
    textOf(fields?.["error_description"]),
    textOf(fields?.["message"]),
    textOf(nested?.["message"]),
    ...descriptions(fields?.["errors"]),
  ].filter((text) => text !== null);
  const said = [...new Set(texts)].join(" | ");
  const trackingId = textOf(fields?.["trackingId"]) ?? textOf(headers["trackingid"]);
  const error = code === null ? null : scrub(code, LONGEST_CODE);
  return {
    answer: {
      status,
      error,
      errorDescription: said === "" ? null : scrub(said),
      trackingId: trackingId === null ? null : scrub(trackingId, LONGEST_CODE),
    },
    text: [error ?? "", scrub(said, LONGEST_MATCHED_TEXT)].join(" ").trim(),
  };
}

/** The error code of an answer, or null. An answer with tokens may carry an empty one. */
export function errorCode(fields: LooseRecord | null): string | null {
  const error = fields?.["error"];
  const nested = asRecord(error);
  return textOf(error) ?? textOf(nested?.["code"]) ?? textOf(nested?.["status"]) ?? textOf(nested?.["type"]);
}

function descriptions(errors: unknown): (string | null)[] {
  if (!Array.isArray(errors)) return [];
  return errors.slice(0, 10).map((item) => {
    const record = asRecord(item);
    return textOf(item) ?? textOf(record?.["description"]) ?? textOf(record?.["message"]);
  });
}

/** The first row that explains the answer: the provider's own table, then the standard's. */
export function matchRefusal(
  profile: ProviderProfile,
  request: RefusedRequest,
  flat: FlatRefusal,
): RefusalRule | null {
  const rules = [...profile.refusals, ...STANDARD_REFUSALS];
  return rules.find((rule) => doesMatch(rule, request, flat)) ?? null;
}

function doesMatch({ match }: RefusalRule, request: RefusedRequest, { answer, text }: FlatRefusal): boolean {
  if (match.request !== undefined && ![match.request].flat().includes(request)) return false;
  if (match.status !== undefined && !match.status.includes(answer.status)) return false;
  if (match.error !== undefined && !match.error.includes(answer.error ?? "")) return false;
  return match.text === undefined || match.text.test(text);
}

/** The refusal in the table's words. */
export function refusalOf(rule: RefusalRule, answer: ProviderAnswer): Refusal {
  return { cause: rule.cause, message: rule.message, remedy: rule.remedy, answer };
}
