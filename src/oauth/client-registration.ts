import type { Endpoints, ProviderProfile } from "../providers/profile.ts";

/** A client registration with its secret open: what a request to the provider needs of an integration. */
export interface ClientRegistration {
  readonly clientId: string;
  /** Null for public clients. */
  readonly clientSecret: string | null;
  readonly redirectUri: string;
  /** Replaces the provider's own base address; null for the built-in one. */
  readonly baseUrl: string | null;
}

/** The addresses that were last made: nearly every request is one to the same provider as the one before. */
let last: { readonly profile: ProviderProfile; readonly base: string; readonly endpoints: Endpoints } | null =
  null;

/** The provider's addresses for this registration. */
export function endpointsOf(
  profile: ProviderProfile,
  client: Pick<ClientRegistration, "baseUrl">,
): Endpoints {
  const base = client.baseUrl ?? profile.baseUrl;
  if (last?.profile !== profile || last.base !== base) {
    last = { profile, base, endpoints: profile.endpoints(base.replace(/\/+$/, "")) };
  }
  return last.endpoints;
}

/** What must not come back in a message: what was spent, and how the client showed itself. */
export function secretsOf(client: ClientRegistration, spent: readonly string[]): string[] {
  const { clientId, clientSecret } = client;
  if (clientSecret === null) return [...spent];
  // The client id alone is no secret and helps a reader; with the secret it is, as HTTP Basic writes the two.
  const basic = Buffer.from(`${clientId}:${clientSecret}`).toString("base64");
  return [...spent, clientSecret, basic];
}
