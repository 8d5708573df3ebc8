import type { ProviderAnswer } from "./errors.ts";
import type { TokenAnswer } from "./token-set.ts";

/** A refusal as the provider's error table explains it. */
export interface Refusal {
  /** Stable word for the cause, e.g. `code_expired_or_used`; listed per provider in the documentation. */
  readonly cause: string;
  /** One sentence: what happened. */
  readonly message: string;
  /** One sentence: what to do. */
  readonly remedy: string;
  readonly answer: ProviderAnswer;
}

/** Why nothing was spent although no token came. */
export type UnavailableReason = "never_sent" | "rate_limited" | "unavailable" | "unrecognised_refusal";

/** Why it is not known whether the provider acted. */
export type DoubtReason = "timed_out" | "connection_lost" | "server_error" | "unreadable_answer";

/**
 * What a token request came to. Every arm is expected, so it is a value and not an exception.
 *
 * - `refreshed`: the provider delivered tokens.
 * - `grant_rejected`: it refuses the code or the refresh token (`invalid_grant`, RFC 6749 section 5.2).
 * - `integration_rejected`: it refuses our client registration; no grant is at fault.
 * - `unavailable`: nothing was spent; the same request may be sent again later.
 * - `in_doubt`: sent, and the answer is lost or unreadable: the refresh token may be spent.
 */
export type RefreshOutcome =
  | { readonly kind: "refreshed"; readonly answer: TokenAnswer; readonly serverDate: number | null }
  | { readonly kind: "grant_rejected"; readonly refusal: Refusal }
  | { readonly kind: "integration_rejected"; readonly refusal: Refusal }
  | {
      readonly kind: "unavailable";
      readonly reason: UnavailableReason;
      /** Milliseconds the provider asked us to wait (RFC 9110 section 10.2.3), or null. */
      readonly retryAfter: number | null;
      /** One line, no secret. */
      readonly detail: string;
      readonly answer: ProviderAnswer | null;
      /** Present where the provider refused in words its table knows. */
      readonly refusal: Refusal | null;
    }
  | {
      readonly kind: "in_doubt";
      readonly reason: DoubtReason;
      /** One line, no secret. */
      readonly detail: string;
      readonly answer: ProviderAnswer | null;
    };
