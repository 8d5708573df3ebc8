import { broker, gateway, refuses } from "./answer.ts";

const CODE = { request: "code" } as const;
const DEVICE = { request: "device" } as const;
const UNKNOWN = "unavailable unrecognised_refusal";
const REJECTED = "grant_rejected refresh_token_rejected";
const NOT_AUTHENTICATED = "integration_rejected not_authenticated";

/** Webex refuses in two shapes, the gateway's and the identity broker's; without its table little is left to tell. */
export const WEBEX_WORDS = [
  refuses(
    "a code used",
    400,
    broker("invalid_grant", "The authorization code has been used already."),
    ["grant_rejected code_expired_or_used", "grant_rejected code_rejected"],
    CODE,
  ),
  refuses(
    "a code expired, gateway",
    400,
    gateway("The authorization code has expired."),
    ["grant_rejected code_expired_or_used", UNKNOWN],
    CODE,
  ),
  refuses(
    "a code unknown, message alone",
    400,
    { message: "Invalid authorization code", trackingId: "X" },
    ["grant_rejected code_expired_or_used", UNKNOWN],
    CODE,
  ),
  refuses(
    "another redirect URI",
    400,
    broker("invalid_grant", "redirect_uri does not match"),
    ["integration_rejected redirect_uri_mismatch", "grant_rejected code_rejected"],
    CODE,
  ),
  refuses(
    "another redirect URI, gateway",
    400,
    gateway("Redirect URI mismatch"),
    ["integration_rejected redirect_uri_mismatch", UNKNOWN],
    CODE,
  ),
  refuses(
    "device redirects",
    400,
    gateway("redirect_uri is not registered"),
    ["integration_rejected device_redirects_missing", UNKNOWN],
    DEVICE,
  ),
  refuses(
    "another verifier",
    400,
    broker("invalid_grant", "code_verifier does not match"),
    ["grant_rejected code_verifier_wrong", "grant_rejected code_rejected"],
    CODE,
  ),
  refuses(
    "another verifier, gateway",
    400,
    gateway("PKCE verification failed"),
    ["grant_rejected code_verifier_wrong", UNKNOWN],
    CODE,
  ),
  refuses(
    "no secret",
    400,
    gateway("client_secret cannot be null or empty"),
    ["integration_rejected client_secret_missing", UNKNOWN],
    CODE,
  ),
  refuses("no secret for a refresh", 400, gateway("client_secret cannot be null or empty"), [
    "integration_rejected client_secret_missing",
    UNKNOWN,
  ]),
  refuses("no secret, broker", 401, broker("invalid_client", "client_secret cannot be null or empty"), [
    "integration_rejected client_secret_missing",
    "integration_rejected client_rejected",
  ]),
  refuses(
    "unknown client id",
    400,
    gateway("Client Id is invalid"),
    ["integration_rejected client_id_unknown", UNKNOWN],
    DEVICE,
  ),
  refuses("unknown client id for a refresh", 400, gateway("Unknown client_id"), [
    "integration_rejected client_id_unknown",
    UNKNOWN,
  ]),
  refuses("wrong secret, gateway", 401, gateway("Invalid client credentials"), [
    "integration_rejected client_secret_wrong",
    NOT_AUTHENTICATED,
  ]),
  refuses("wrong secret, gateway with 400", 400, gateway("client_secret is incorrect"), [
    "integration_rejected client_secret_wrong",
    UNKNOWN,
  ]),
  refuses("401 of the gateway", 401, gateway("Unauthorized"), NOT_AUTHENTICATED),
  refuses(
    "the token of another client",
    400,
    broker("unauthorized_client", "The token was not issued to this client."),
    ["integration_rejected token_of_other_client", "integration_rejected client_not_authorized"],
  ),
  refuses(
    "the token of another client, invalid_grant",
    400,
    broker("invalid_grant", "Token belongs to a different client"),
    ["integration_rejected token_of_other_client", REJECTED],
  ),
  refuses("another grant type, gateway", 400, gateway("grant_type is not supported"), [
    "integration_rejected grant_type_not_supported",
    UNKNOWN,
  ]),
  refuses(
    "a scope",
    400,
    gateway("The requested scope is invalid."),
    ["integration_rejected scope_rejected", UNKNOWN],
    CODE,
  ),
  refuses("a scope for a refresh", 400, gateway("Scopes not allowed"), [
    "integration_rejected scope_rejected",
    UNKNOWN,
  ]),
  refuses("a refresh token expired", 400, broker("invalid_grant", "The refresh token has expired."), [
    "grant_rejected refresh_token_expired",
    REJECTED,
  ]),
  refuses("a refresh token expired, gateway", 400, gateway("Refresh token expired"), [
    "grant_rejected refresh_token_expired",
    UNKNOWN,
  ]),
  refuses("a refresh token revoked, gateway", 400, gateway("invalid_grant: The refresh token was revoked."), [
    REJECTED,
    UNKNOWN,
  ]),
  refuses("a refresh token, errors as words", 400, { message: "bad", errors: ["Invalid refresh_token"] }, [
    REJECTED,
    UNKNOWN,
  ]),
  refuses(
    "a refresh token, the eleventh error",
    400,
    { errors: [...Array.from({ length: 10 }, () => "no"), "Invalid refresh_token"] },
    UNKNOWN,
  ),
  refuses("consent withdrawn", 400, gateway("The authorization was revoked by the user."), [
    REJECTED,
    UNKNOWN,
  ]),
  refuses("a user deactivated", 400, broker("invalid_grant", "The user is deactivated."), [
    "grant_rejected user_deactivated",
    REJECTED,
  ]),
  refuses("a user deleted, gateway", 400, gateway("User account not found"), [
    "grant_rejected user_deactivated",
    UNKNOWN,
  ]),
  refuses("policy", 403, gateway("Your administrator denied access to the integration."), [
    "integration_rejected organisation_policy",
    UNKNOWN,
  ]),
  refuses("policy, broker", 400, broker("access_denied", "Blocked by the organization's policy"), [
    "integration_rejected organisation_policy",
    UNKNOWN,
  ]),
  refuses("750 tokens", 400, broker("tokenlimit_reached"), ["unavailable unavailable", UNKNOWN], {
    says: "750",
  }),
  refuses(
    "750 tokens, gateway",
    400,
    gateway("tokenlimit_reached"),
    ["unavailable unavailable", UNKNOWN],
    CODE,
  ),
  refuses("400 malformed", 400, gateway("malformed syntax"), UNKNOWN),
  refuses(
    "400 with errors that are none",
    400,
    { message: 5, errors: { description: "no" }, trackingId: {} },
    UNKNOWN,
  ),
  refuses("an answer with a tracking id alone", 400, { trackingId: "ROUTER_1" }, UNKNOWN),
  refuses("429 of the gateway", 429, gateway("Too many requests"), "unavailable rate_limited"),
  refuses("503 of the gateway", 503, gateway("Service unavailable"), "unavailable unavailable"),
  refuses("500 of the gateway", 500, gateway("The refresh token was revoked."), "in_doubt server_error"),
];
