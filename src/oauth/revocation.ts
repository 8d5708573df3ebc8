import { revocationRequest } from "oauth4webapi";
import type { ProviderProfile } from "../providers/profile.ts";
import { postAuthenticated } from "./authenticated-post.ts";
import { type ClientRegistration, endpointsOf, secretsOf } from "./client-registration.ts";
import { asRecord, parseJson } from "./loose-json.ts";
import { flattenRefusal } from "./refusal.ts";
import { scrubber } from "./scrub.ts";
import type { Send } from "./send.ts";

/** What came of asking a provider to end a token. */
export type Revocation =
  | { readonly kind: "revoked" }
  /** The provider has no revocation endpoint, or none at the address known. */
  | { readonly kind: "not_offered" }
  | { readonly kind: "refused"; readonly detail: string }
  | { readonly kind: "unavailable"; readonly detail: string };

interface RevocationRequest {
  readonly profile: ProviderProfile;
  readonly client: ClientRegistration;
  readonly token: string;
  readonly hint: "access_token" | "refresh_token";
  readonly send: Send;
}

/** Asks the provider to end a token (RFC 7009). Ending what has ended already counts as done (section 2.2). */
export async function revokeToken(request: RevocationRequest): Promise<Revocation> {
  const { profile, client, token, hint, send } = request;
  const { revocation } = endpointsOf(profile, client);
  if (revocation === null) return { kind: "not_offered" };
  const result = await postAuthenticated({
    client,
    send,
    url: revocation,
    // Every server has to take Basic (RFC 6749 section 2.3.1), and some take nothing else here.
    authentication: "client_secret_basic",
    build: (server, registration, authentication, options) =>
      revocationRequest({ ...server, revocation_endpoint: revocation }, registration, authentication, token, {
        ...options,
        additionalParameters: { token_type_hint: hint },
      }),
  });
  if (result.kind !== "answer") return { kind: "unavailable", detail: result.detail };
  const { status } = result;
  if (status >= 200 && status < 300) return { kind: "revoked" };
  if (status === 404 || status === 405 || status === 501) return { kind: "not_offered" };
  const fields = asRecord(parseJson(result.body));
  const { answer } = flattenRefusal(status, result.headers, fields, scrubber(secretsOf(client, [token])));
  if (answer.error === "unsupported_token_type") return { kind: "not_offered" };
  const said = [answer.error, answer.errorDescription].filter((text) => text !== null).join(": ");
  const detail =
    `${profile.title} did not end the token (${status})${said === "" ? "" : `: ${said}`}`.replace(
      /\.?$/,
      ".",
    );
  const isTransient = status >= 500 || status === 408 || status === 425 || status === 429 || status < 400;
  return { kind: isTransient ? "unavailable" : "refused", detail };
}
