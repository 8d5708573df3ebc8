import { GrantkeeperClientError } from "./errors.ts";

/** An access token, as the service hands it out. */
export interface Token {
  readonly grant: string;
  readonly accessToken: string;
  /** As the provider names it, mostly `Bearer`. */
  readonly tokenType: string;
  /** Null: not known. */
  readonly expiresAt: Date | null;
  readonly scope: string;
  readonly generation: number;
  readonly fingerprint: string | null;
  /** Why a token that is still good is not a newer one; null: all is well. */
  readonly warning: string | null;
}

/** A token, and until when it lives on the clock of this process (`performance.now()`); Infinity: not known. */
export interface HeldToken {
  readonly token: Token;
  readonly endsAt: number;
}

/**
 * Reads a token document. Its life counts from when the request began, on a clock that never jumps: the
 * clocks of two machines may differ.
 * @throws {GrantkeeperClientError} `bad_answer`.
 */
export function readToken(body: unknown, startedAt: number): HeldToken {
  const given = asRecord(body);
  const seconds = given["expires_in"];
  const expiresAt = given["expires_at"];
  const end = typeof expiresAt === "string" ? new Date(expiresAt) : null;
  const isWhole =
    typeof given["grant"] === "string" &&
    typeof given["access_token"] === "string" &&
    given["access_token"] !== "" &&
    typeof given["token_type"] === "string" &&
    typeof given["generation"] === "number" &&
    (seconds === null || (typeof seconds === "number" && Number.isFinite(seconds))) &&
    (end === null || !Number.isNaN(end.getTime()));
  if (!isWhole)
    throw new GrantkeeperClientError("bad_answer", "The service's answer is not a token document.");
  const token: Token = {
    grant: String(given["grant"]),
    accessToken: String(given["access_token"]),
    tokenType: String(given["token_type"]),
    expiresAt: end,
    scope: textOr(given["scope"], ""),
    generation: Number(given["generation"]),
    fingerprint: textOrNull(given["fingerprint"]),
    warning: textOrNull(given["warning"]),
  };
  return { token, endsAt: seconds === null ? Number.POSITIVE_INFINITY : startedAt + seconds * 1000 };
}

/** A JSON object, or an empty one. */
export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

/** A text, or null for anything else. */
export function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
