import { formatScopes } from "../core/scopes.ts";
import type { ProviderProfile } from "../providers/profile.ts";
import { type ClientRegistration, endpointsOf } from "./client-registration.ts";

interface AuthorizationUrlParts {
  readonly profile: ProviderProfile;
  readonly client: Pick<ClientRegistration, "clientId" | "baseUrl">;
  readonly scopes: readonly string[];
  readonly state: string;
  /** S256 (RFC 7636 section 4.3). */
  readonly codeChallenge: string;
  readonly redirectUri: string;
}

/** The address a person opens to consent (RFC 6749 section 4.1.1). It holds no secret. */
export function buildAuthorizationUrl(parts: AuthorizationUrlParts): string {
  const { profile, client, scopes, state, codeChallenge, redirectUri } = parts;
  const url = new URL(endpointsOf(profile, client).authorization);
  url.searchParams.set("response_type", "code");
  url.searchParams.set("client_id", client.clientId);
  url.searchParams.set("redirect_uri", redirectUri);
  if (scopes.length > 0) url.searchParams.set("scope", formatScopes(scopes));
  url.searchParams.set("state", state);
  url.searchParams.set("code_challenge", codeChallenge);
  url.searchParams.set("code_challenge_method", "S256");
  // `+` means a space in forms only; some servers read addresses by the stricter RFC 3986. A real plus is %2B here.
  url.search = url.search.replaceAll("+", "%20");
  return url.href;
}
