import { calculatePKCECodeChallenge } from "oauth4webapi";

/** A source of cryptographic random bytes. */
export type RandomBytes = (length: number) => Uint8Array;

const VERIFIER_BYTES = 48;
const STATE_BYTES = 24;

/** A PKCE verifier of 64 unreserved characters, 384 bits of chance (RFC 7636 section 4.1 allows 43 to 128). */
export function newCodeVerifier(randomBytes: RandomBytes): string {
  return base64url(randomBytes, VERIFIER_BYTES);
}

/** The challenge of a verifier under S256 (RFC 7636 section 4.2); `plain` is not offered. */
export function codeChallengeOf(verifier: string): Promise<string> {
  return calculatePKCECodeChallenge(verifier);
}

/** A state of 32 characters, 192 bits of chance (RFC 6749 section 10.12 asks for what cannot be guessed). */
export function newState(randomBytes: RandomBytes): string {
  return base64url(randomBytes, STATE_BYTES);
}

function base64url(randomBytes: RandomBytes, length: number): string {
  const bytes = randomBytes(length);
  // A source that gives less would silently make guessable secrets.
  if (bytes.length !== length)
    throw new RangeError(`the random source gave ${bytes.length} bytes, not ${length}`);
  return Buffer.from(bytes).toString("base64url");
}
