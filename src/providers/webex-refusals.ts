import type { RefusalRule } from "./profile.ts";
import type { WebexPlaces } from "./webex-places.ts";

/**
 * Why Webex refuses. Few of its texts are published, and the same refusal comes in the gateway's shape
 * (`message`, `errors[]`) or the identity broker's (`error`, `error_description`), so texts are matched
 * generously and the more special rows stand first. The matched text begins with the error code, if any.
 */
export function webexRefusals({ portal, hub, sessions }: WebexPlaces): readonly RefusalRule[] {
  const integration = `${portal} > My Webex Apps > the integration`;
  const policy = `Control Hub (${hub}) > Apps > Integrations`;
  return [
    ...transient(sessions),
    ...clientFaults(integration),
    ...redirectFaults(integration),
    ...policyFaults(integration, policy, hub),
    ...codeFaults(integration),
    ...refreshFaults(policy),
    {
      cause: "not_authenticated",
      arm: "integration",
      match: { status: [401] },
      message: "Webex did not recognise the integration; most often the client secret is wrong.",
      remedy: `Compare client id and client secret with ${integration}, and correct them with: grantkeeper integration update.`,
    },
  ];
}

function transient(sessions: string): RefusalRule[] {
  return [
    {
      cause: "rate_limited",
      arm: "later",
      match: { status: [429] },
      message: "Webex asks for fewer requests.",
      remedy: "Wait for the time Webex named; the next command that needs a token then asks again.",
    },
    {
      cause: "tokenlimit_reached",
      arm: "later",
      match: { text: /token.?limit|limit of .{0,20}tokens|too many .{0,20}tokens/i },
      message: "The consenting user has reached Webex's limit of 750 live access tokens.",
      remedy: `That user has to end sessions that are no longer needed at ${sessions}, or ask devsupport@webex.com; then refresh again.`,
    },
  ];
}

function clientFaults(integration: string): RefusalRule[] {
  return [
    {
      cause: "client_secret_missing",
      arm: "integration",
      match: {
        text: /client.?secret\b.{0,40}\b(null|empty|missing|required|blank)\b|\b(missing|no|required)\b.{0,20}client.?secret/i,
      },
      message: "Webex got no client secret; it wants one even where PKCE is used.",
      remedy: `Take the client secret from ${integration} and store it with: grantkeeper integration update NAME --client-secret-stdin.`,
    },
    {
      cause: "client_id_unknown",
      arm: "integration",
      match: {
        text: /client.?id\b.{0,40}\b(invalid|unknown|not found|not exist|not valid|null|empty|missing)\b|\b(invalid|unknown|missing)\b.{0,10}client.?id\b/i,
      },
      message: "Webex does not know the client id.",
      remedy: `Compare the client id with ${integration}; an integration that was deleted there has to be made anew.`,
    },
    {
      cause: "client_secret_wrong",
      arm: "integration",
      match: {
        text: /^invalid_client\b|invalid client\b|client.?secret\b.{0,40}\b(invalid|wrong|incorrect|not match|not valid|mismatch)|client (credentials|authentication)\b.{0,20}\b(invalid|failed|wrong)/i,
      },
      message: "Webex does not accept the client secret.",
      remedy: `The secret is shown once: make a new one at ${integration} (Regenerate Client Secret), store it with: grantkeeper integration update NAME --client-secret-stdin, and give it to the data source too.`,
    },
    {
      cause: "token_of_other_client",
      arm: "integration",
      match: { text: /issued (to|for) (this|an?other|a different)|\b(an?other|a different) client\b/i },
      message: "The token belongs to another integration than the one that showed it.",
      remedy:
        "Correct the client id with: grantkeeper integration update; or consent again with the integration as it is now.",
    },
    {
      cause: "grant_type_not_supported",
      arm: "integration",
      match: { text: /unsupported.?grant.?type|grant.?type\b.{0,20}\b(not supported|unsupported|invalid)/i },
      message: "Webex does not know this kind of token request.",
      remedy: "Look at the integration's base address: it should end in /v1 (https://webexapis.com/v1).",
    },
  ];
}

function redirectFaults(integration: string): RefusalRule[] {
  return [
    {
      cause: "device_redirects_missing",
      arm: "integration",
      match: { request: "device", text: /redirect.?ur[il]/i },
      message: "The integration lacks the redirect URIs that Webex's device flow needs.",
      remedy: `Add at ${integration} the four addresses https://oauth-helper-X.wbx2.com/helperservice/v1/actions/device/callback with a, r, k and d for X.`,
    },
    {
      cause: "redirect_uri_mismatch",
      arm: "integration",
      match: { text: /redirect.?ur[il]/i },
      message: "The redirect URI is not the one the integration has, or not the one the code was made for.",
      remedy: `It has to stand letter by letter, port and path included, under Redirect URI(s) at ${integration}; a code from elsewhere needs its own: --redirect-uri.`,
    },
  ];
}

function policyFaults(integration: string, policy: string, hub: string): RefusalRule[] {
  return [
    {
      cause: "organisation_policy",
      arm: "integration",
      match: {
        text: /\b(administrator|admin|organi[sz]ation|org|policy)\b.{0,60}\b(denied|denies|not allow(ed)?|does not allow|disallow(ed|s)?|block(ed|s)?|restrict(ed|s)?|prohibit(ed|s)?)\b|\b(denied|blocked|not allowed) by\b.{0,30}\b(administrator|admin|organi[sz]ation|org|policy)\b/i,
      },
      message: "The organisation's policy denies this integration.",
      remedy: `An administrator has to allow it under ${policy}; it is found there by its client id.`,
    },
    {
      cause: "consent_denied",
      arm: "grant",
      match: { request: ["authorize", "code", "device"], error: ["access_denied"] },
      message:
        "The consent was denied: the person said no, or the organisation does not allow the integration.",
      remedy: `Begin again and choose Accept; where Webex says that the administrator denied access, allow the integration under ${policy}.`,
    },
    {
      cause: "scope_rejected",
      arm: "integration",
      match: {
        text: /invalid.?scope|\bscopes?\b.{0,40}\b(invalid|not registered|not allowed|not valid|missing|unknown|not permitted)\b/i,
      },
      message: "Webex does not give one of the scopes to this integration or this person.",
      remedy: `Tick every scope at ${integration} > Scopes; the meeting:admin_ scopes can be granted by a full administrator of the organisation only.`,
    },
    {
      cause: "user_deactivated",
      arm: "grant",
      match: {
        text: /\b(user|account)\b.{0,40}\b(deactivated|disabled|inactive|suspended|deleted|not active|locked|not found|not exist)\b|\b(deactivated|disabled|inactive) (user|account)\b/i,
      },
      message: "The administrator who consented is no longer active in Webex.",
      remedy: `Look at the user in Control Hub (${hub}) > Users, or have another full administrator consent: grantkeeper connect NAME.`,
    },
  ];
}

function codeFaults(integration: string): RefusalRule[] {
  return [
    {
      cause: "code_verifier_wrong",
      arm: "grant",
      match: { request: "code", text: /code.?(verifier|challenge)|\bpkce\b/i },
      message: "The code was made for another authorization address than the one that is being ended.",
      remedy: "Begin again with: grantkeeper connect NAME, and use the newest authorization address only.",
    },
    {
      cause: "code_expired_or_used",
      arm: "grant",
      match: {
        request: "code",
        text: /invalid.?grant|\bcode\b.{0,60}\b(expired|used|invalid|not valid|not found|unknown|redeemed|revoked)\b|\b(expired|used|invalid|unknown)\b.{0,30}\bcode\b/i,
      },
      message: "Webex does not accept the authorization code: it has expired or was used already.",
      remedy: `A code works once and for minutes: get a new one with: grantkeeper connect NAME (redirect URI as at ${integration}).`,
    },
  ];
}

function refreshFaults(policy: string): RefusalRule[] {
  return [
    {
      cause: "refresh_token_expired",
      arm: "grant",
      match: {
        request: "refresh",
        text: /\b(refresh.?token|token|grant)\b.{0,40}\bexpired\b|\bexpired\b.{0,30}\b(refresh.?token|token|grant)\b/i,
      },
      message: "The refresh token has expired: it was not used for longer than Webex keeps it.",
      remedy:
        "A full administrator has to consent again: grantkeeper connect NAME. Then give the new refresh token to the data source.",
    },
    {
      cause: "refresh_token_rejected",
      arm: "grant",
      match: {
        request: "refresh",
        text: /invalid.?grant|invalid.?refresh.?token|refresh.?token\b.{0,60}\b(invalid|not valid|revoked|unknown|not found|used|replaced)\b|\b(consent|authorization|token|grant)\b.{0,30}\b(revoked|withdrawn)\b/i,
      },
      message:
        "Webex no longer accepts the refresh token: the consent was withdrawn, or the administrator's password, role or account changed.",
      remedy: `A full administrator has to consent again: grantkeeper connect NAME; whether the consent still stands is seen under ${policy}.`,
    },
  ];
}
