/**
 * One successful token answer, normalised: absolute expiries in epoch milliseconds, counted from the
 * moment the request started, so that any error is on the early side.
 */
export interface TokenSet {
  readonly accessToken: string;
  /** Null where the answer had none and none was known before. */
  readonly refreshToken: string | null;
  /** As the provider wrote it; "Bearer" where it said nothing (RFC 6749 section 7.1). */
  readonly tokenType: string;
  /** Granted scopes; null where the answer did not say. */
  readonly scopes: readonly string[] | null;
  /** Null: not said, so the token is refreshed on demand only. */
  readonly accessExpiresAt: number | null;
  /** Null: not said. */
  readonly refreshExpiresAt: number | null;
}

/** The fields of a token answer (RFC 6749 section 5.1) after tolerant reading; lives are in seconds. */
export interface TokenAnswer {
  readonly accessToken: string;
  readonly refreshToken: string | null;
  readonly tokenType: string | null;
  readonly scopes: readonly string[] | null;
  readonly expiresIn: number | null;
  readonly refreshTokenExpiresIn: number | null;
}

/** The longest life we believe, in seconds: a century. More is a unit mistake and would overflow a date. */
const LONGEST_LIFE = 100 * 365 * 24 * 3600;

/** A token set out of an answer to a request that started at `startedAt` (epoch ms). */
export function tokenSetFrom(answer: TokenAnswer, startedAt: number): TokenSet {
  return {
    accessToken: answer.accessToken,
    refreshToken: answer.refreshToken,
    tokenType: answer.tokenType ?? "Bearer",
    scopes: answer.scopes,
    accessExpiresAt: expiry(answer.expiresIn, startedAt),
    refreshExpiresAt: expiry(answer.refreshTokenExpiresIn, startedAt),
  };
}

function expiry(seconds: number | null, startedAt: number): number | null {
  if (seconds === null) return null;
  return startedAt + Math.floor(Math.min(seconds, LONGEST_LIFE)) * 1000;
}

/** Whole seconds of life left; Infinity where the end is not known. Never negative. */
export function secondsLeft(expiresAt: number | null, now: number): number {
  if (expiresAt === null) return Number.POSITIVE_INFINITY;
  return Math.max(0, Math.floor((expiresAt - now) / 1000));
}

/** What is known of the token set that a refresh replaces. */
export interface PreviousTokens {
  readonly refreshToken: string | null;
  readonly refreshExpiresAt: number | null;
  readonly scopes: readonly string[];
  readonly accessIssuedAt: number | null;
  readonly accessExpiresAt: number | null;
}

/**
 * A refreshed token set, with what the answer left out taken from before: no refresh token keeps the old
 * one (RFC 6749 section 6), no scope means the same scope (section 5.1), no life means the last known life.
 */
export function succeed(previous: PreviousTokens, fresh: TokenSet, startedAt: number): TokenSet {
  const keepsRefreshToken = fresh.refreshToken === null || fresh.refreshToken === previous.refreshToken;
  const { accessIssuedAt, accessExpiresAt } = previous;
  const lastLife =
    accessExpiresAt !== null && accessIssuedAt !== null ? accessExpiresAt - accessIssuedAt : null;
  return {
    ...fresh,
    refreshToken: fresh.refreshToken ?? previous.refreshToken,
    refreshExpiresAt: fresh.refreshExpiresAt ?? (keepsRefreshToken ? previous.refreshExpiresAt : null),
    scopes: fresh.scopes ?? previous.scopes,
    accessExpiresAt: fresh.accessExpiresAt ?? (lastLife === null ? null : startedAt + lastLife),
  };
}
