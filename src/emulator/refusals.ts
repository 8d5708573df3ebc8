import type { Behaviour, ErrorShape } from "./types.ts";

interface Wording {
  readonly status: number;
  /** The broker's `error` (RFC 6749, section 5.2; RFC 8628, section 3.5). */
  readonly error: string;
  readonly text: string;
}

const malformed = "The request could not be understood by the server due to malformed syntax.";

/** Every refusal of the protocol endpoints. Wordings that are not recorded anywhere are made up. */
const wordings = {
  malformed: { status: 400, error: "invalid_request", text: malformed },
  wrong_content_type: {
    status: 415,
    error: "invalid_request",
    text: "The body must be application/x-www-form-urlencoded.",
  },
  body_too_large: { status: 413, error: "invalid_request", text: "The body is too large." },
  unsupported_grant_type: {
    status: 400,
    error: "unsupported_grant_type",
    text: "The grant type is not supported.",
  },
  client_secret_missing: {
    status: 400,
    error: "invalid_request",
    text: "client_secret cannot be null or empty",
  },
  client_unknown: { status: 401, error: "invalid_client", text: "Client Id is invalid" },
  client_secret_wrong: { status: 401, error: "invalid_client", text: "Invalid client credentials" },
  client_not_basic: {
    status: 401,
    error: "invalid_client",
    text: "The client must authenticate with HTTP Basic.",
  },
  device_client_unknown: { status: 400, error: "invalid_client", text: "Client Id is invalid" },
  code_invalid: { status: 400, error: "invalid_grant", text: "The authorization code is not valid." },
  code_expired: { status: 400, error: "invalid_grant", text: "The authorization code has expired." },
  code_used: { status: 400, error: "invalid_grant", text: "The authorization code has been used already." },
  redirect_uri_mismatch: {
    status: 400,
    error: "invalid_grant",
    text: "The redirect_uri does not match the one of the authorization request.",
  },
  code_verifier_mismatch: {
    status: 400,
    error: "invalid_grant",
    text: "The code_verifier does not match the code_challenge.",
  },
  refresh_token_invalid: {
    status: 400,
    error: "invalid_grant",
    text: "The refresh token is not valid or was revoked.",
  },
  refresh_token_expired: { status: 400, error: "invalid_grant", text: "The refresh token has expired." },
  refresh_token_reused: {
    status: 400,
    error: "invalid_grant",
    text: "The refresh token has been used already; the grant was revoked.",
  },
  token_limit: {
    status: 400,
    error: "tokenlimit_reached",
    text: "The user has reached the limit of access tokens.",
  },
  scope_invalid: { status: 400, error: "invalid_scope", text: "The requested scope is invalid." },
  device_code_invalid: { status: 400, error: "invalid_grant", text: "The device code is not valid." },
  device_code_expired: { status: 400, error: "expired_token", text: "The device code has expired." },
  authorization_pending: {
    status: 428,
    error: "authorization_pending",
    text: "The authorization request is still pending.",
  },
  slow_down: { status: 400, error: "slow_down", text: "The device polls too fast." },
  access_denied: { status: 400, error: "access_denied", text: "The user denied the request." },
  token_of_other_client: {
    status: 400,
    error: "unauthorized_client",
    text: "The token was not issued to this client.",
  },
  bearer_invalid: {
    status: 401,
    error: "invalid_token",
    text: "The request requires a valid access token set in the Authorization request header.",
  },
  scope_missing: {
    status: 403,
    error: "insufficient_scope",
    text: "The server understood the request, but refused to fulfill it because the access token is missing required scopes or the user is missing required roles or licenses.",
  },
  not_found: { status: 404, error: "not_found", text: "The requested resource could not be found." },
  method_not_allowed: {
    status: 405,
    error: "method_not_allowed",
    text: "The method is not allowed for this resource.",
  },
} as const satisfies Record<string, Wording>;

/** A reason for which a protocol endpoint refuses. */
export type RefusalName = keyof typeof wordings;

/** Every refusal's name, for settings and documents. */
export const refusalNames: readonly string[] = Object.keys(wordings);

/** Ends the handling of a request; thrown by handlers, written by the dispatcher. */
export class Refusal extends Error {
  readonly reason: RefusalName;
  /** Details for the gateway's `errors[].description`, where they differ from the text. */
  readonly detail: string | undefined;
  constructor(reason: RefusalName, detail?: string) {
    super(reason);
    this.reason = reason;
    this.detail = detail;
  }
}

/** The status and JSON of a refusal in one of the two shapes. */
export function refusalAnswer(
  refusal: Refusal,
  shape: ErrorShape,
  behaviour: Behaviour,
  trackingId: string,
): { status: number; fields: Record<string, unknown> } {
  const wording: Wording = wordings[refusal.reason];
  const text = behaviour.errorTexts[refusal.reason] ?? wording.text;
  const status = refusal.reason === "authorization_pending" ? behaviour.devicePendingStatus : wording.status;
  if (shape === "broker") return { status, fields: { error: wording.error, error_description: text } };
  // The broker's code is kept in the description: a gateway answer in the field carried "invalid_grant".
  const description = refusal.detail ?? (status === 400 ? `${wording.error}: ${text}` : text);
  return { status, fields: { message: text, errors: [{ description }], trackingId } };
}
