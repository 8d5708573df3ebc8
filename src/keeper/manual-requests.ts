import type { HandOffDocument } from "./hand-off.ts";

/** What of a hand-off the requests are made of. */
type Requestable = Pick<
  HandOffDocument,
  "grant" | "client_id" | "redirect_uri" | "token_url" | "refresh_token"
>;

/**
 * The two requests of the manual procedure. Secrets come out of the environment and reach curl on its
 * standard input, so that none stands in an argument list where other users could read it.
 */
export function manualRequests(document: Requestable): string {
  const { client_id: clientId, redirect_uri: redirectUri, token_url: url, refresh_token: refresh } = document;
  const request = (variables: string, parameters: readonly string[]): string[] => [
    `: ${variables}`,
    "curl --fail-with-body --silent --show-error --config - <<EOF",
    `url = "${inHereDocument(url)}"`,
    ...parameters.map((parameter) => `data-urlencode = "${parameter}"`),
    "EOF",
  ];
  return [
    `# The two requests of the manual procedure, for ${document.grant}.`,
    "",
    "# 1. Exchange an authorization code for tokens (RFC 6749 section 4.1.3).",
    ...request('"${CLIENT_SECRET:?}" "${CODE:?the code of the redirected address}"', [
      "grant_type=authorization_code",
      `client_id=${inHereDocument(clientId)}`,
      "client_secret=$CLIENT_SECRET",
      "code=$CODE",
      `redirect_uri=${inHereDocument(redirectUri)}`,
    ]),
    "",
    "# 2. Refresh (RFC 6749 section 6): it is the refresh token that is sent, never a code.",
    `#    It is printed by: ${refresh.reveal_with}`,
    ...request('"${CLIENT_SECRET:?}" "${REFRESH_TOKEN:?}"', [
      "grant_type=refresh_token",
      `client_id=${inHereDocument(clientId)}`,
      "client_secret=$CLIENT_SECRET",
      "refresh_token=$REFRESH_TOKEN",
    ]),
  ].join("\n");
}

/** A text between double quotes of curl's configuration, which stands in a here-document: two layers that unescape. */
function inHereDocument(text: string): string {
  return text.replace(/[\\"]/g, "\\$&").replace(/[\\$`]/g, "\\$&");
}
