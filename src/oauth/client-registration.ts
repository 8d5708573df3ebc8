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

/** The provider's addresses for this registration. */
export function endpointsOf(
  profile: ProviderProfile,
  client: Pick<ClientRegistration, "baseUrl">,
): Endpoints {
  return profile.endpoints((client.baseUrl ?? profile.baseUrl).replace(/\/+$/, ""));
}

/** What must not come back in a message: what was spent, and how the client showed itself. */
export function secretsOf(client: ClientRegistration, spent: readonly string[]): string[] {
  const { clientId, clientSecret } = client;
  if (clientSecret === null) return [...spent];
  // The client id alone is no secret and helps a reader; with the secret it is, as HTTP Basic writes the two.
  const basic = Buffer.from(`${clientId}:${clientSecret}`).toString("base64");
  return [...spent, clientSecret, basic];
}
