import type { Sealed } from "./sealed.ts";

/** Which of a grant's tokens a provider is asked to end (`token_type_hint`, RFC 7009 section 2.1). */
export type RevokedTokenType = "access_token" | "refresh_token";

/** A token whose provider could not be told yet that it is to end; its grant is revoked here already. Times are epoch ms. */
export interface QueuedRevocation {
  readonly hint: RevokedTokenType;
  readonly since: number;
  /** From then on the token has ended by itself, and nobody need be told. */
  readonly until: number;
  /** How often the provider was asked in vain. */
  readonly attempts: number;
  /** What came of the last time, in words. */
  readonly detail: string;
}

/** What of a grant tells that a revocation waits; all null where none does. */
export interface RevocationQueue {
  readonly revokedToken: Sealed | null;
  /** When the provider is asked next; null: only when a person says so, since the store is a copy or was restored. */
  readonly revokeAt: number | null;
  readonly revocation: QueuedRevocation | null;
}

/** Nothing waits. */
export const NO_REVOCATION: RevocationQueue = { revokedToken: null, revokeAt: null, revocation: null };

const MINUTE = 60_000;
const LONGEST_WAIT = 60 * MINUTE;
/** Of a token whose end is not known: as long as the longest life of an unused refresh token that is known. */
const LONGEST_QUEUE = 90 * 24 * 60 * MINUTE;

/** When a provider is asked again after so many times in vain: a minute, doubled up to an hour, with jitter. */
export function nextRevocationAt(attempts: number, now: number, fraction: number): number {
  const wait = Math.min(LONGEST_WAIT, MINUTE * 2 ** Math.min(attempts - 1, 10));
  return now + Math.round(wait * (0.75 + fraction / 4));
}

/** Until when it is worth while to ask for the end of a token. */
export function revocationEnd(tokenEnd: number | null, now: number): number {
  return Math.min(tokenEnd ?? Number.POSITIVE_INFINITY, now + LONGEST_QUEUE);
}
