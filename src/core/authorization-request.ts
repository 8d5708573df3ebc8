import type { Sealed } from "./sealed.ts";

/** How long a person has between opening the authorization address and coming back: ten minutes. */
export const AUTHORIZATION_REQUEST_LIFE = 10 * 60 * 1000;

/**
 * The pending, single-use record between the authorization address and the redirect back
 * (RFC 6749 section 4.1.1): what the callback must match.
 */
export interface AuthorizationRequest {
  /** Keyed hash of the state: the state itself is a credential and is not stored. */
  readonly stateHash: string;
  readonly grant: string;
  readonly integrationId: string;
  /** PKCE verifier (RFC 7636 section 4.1). */
  readonly codeVerifier: Sealed;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  /** Where the browser goes when it went well: a path of our own; null: a page says so. */
  readonly returnTo: string | null;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Set when a callback, good or bad, has used it up. */
  readonly usedAt: number | null;
}
