import type { RefusalRule } from "../providers/profile.ts";

/** What the standards' own error codes mean (RFC 6749 section 5.2, RFC 8628 section 3.5), for every provider. */
export const STANDARD_REFUSALS: readonly RefusalRule[] = [
  {
    cause: "code_rejected",
    arm: "grant",
    match: { request: "code", error: ["invalid_grant"] },
    message: "The provider does not accept the authorization code.",
    remedy:
      "Get a new code by consenting again: a code works once, for minutes, and with the redirect URI it was made for.",
  },
  {
    cause: "device_code_rejected",
    arm: "grant",
    match: { request: "device", error: ["invalid_grant", "expired_token"] },
    message: "The device code has expired or is not valid.",
    remedy: "Start again, and enter the new code in time.",
  },
  {
    cause: "refresh_token_rejected",
    arm: "grant",
    match: { request: "refresh", error: ["invalid_grant", "invalid_refresh_token", "expired_token"] },
    message: "The provider does not accept the refresh token: it has expired, was replaced or was revoked.",
    remedy: "Have an administrator consent again.",
  },
  {
    cause: "consent_denied",
    arm: "grant",
    // Not for a refresh: nobody is asked there, so it is no word about the consent.
    match: { request: ["authorize", "code", "device"], error: ["access_denied", "authorization_declined"] },
    message: "The consent was denied.",
    remedy:
      "Start again, and accept the consent page; where an administrator's policy denies it, have it allowed first.",
  },
  {
    cause: "sign_in_needed",
    arm: "later",
    match: {
      request: "authorize",
      error: ["login_required", "interaction_required", "consent_required", "account_selection_required"],
    },
    message: "The provider wanted a person to sign in, and nobody was there to do it.",
    remedy: "Open the authorization address in a browser, sign in and accept.",
  },
  {
    cause: "authorization_failed",
    arm: "later",
    match: { request: "authorize", error: ["server_error", "temporarily_unavailable"] },
    message: "The provider failed while it dealt with the consent.",
    remedy: "Wait a little, then start again.",
  },
  {
    cause: "response_type_not_supported",
    arm: "integration",
    match: { request: "authorize", error: ["unsupported_response_type"] },
    message: "The integration may not use the authorization code flow.",
    remedy: "Look in the provider's portal at what kind of client the integration is.",
  },
  {
    cause: "authorization_request_invalid",
    arm: "integration",
    match: { request: "authorize", error: ["invalid_request"] },
    message: "The provider does not accept the authorization address.",
    remedy: "Compare client id, redirect URI and scopes of the integration with the provider's portal.",
  },
  {
    cause: "client_rejected",
    arm: "integration",
    match: { error: ["invalid_client"] },
    message: "The provider does not accept the client id and client secret.",
    remedy: "Compare both with the provider's portal and correct the integration.",
  },
  {
    cause: "client_not_authorized",
    arm: "integration",
    match: { error: ["unauthorized_client"] },
    message: "The integration is not allowed to get tokens in this way.",
    remedy: "Look in the provider's portal at what the integration is allowed to do.",
  },
  {
    cause: "grant_type_not_supported",
    arm: "integration",
    match: { error: ["unsupported_grant_type"] },
    message: "The token endpoint does not know this kind of request.",
    remedy: "Check the integration's base address: it may lead to another kind of server.",
  },
  {
    cause: "scope_rejected",
    arm: "integration",
    match: { error: ["invalid_scope"] },
    message: "The provider does not give one of the scopes.",
    remedy: "Compare the integration's scopes with those ticked in the provider's portal.",
  },
  {
    cause: "not_authenticated",
    arm: "integration",
    match: { status: [401] },
    message: "The provider did not recognise the integration.",
    remedy: "Compare client id and client secret with the provider's portal and correct the integration.",
  },
];
