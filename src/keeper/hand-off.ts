import { type Grant, instant } from "../core/grant.ts";
import { formatScopes } from "../core/scopes.ts";
import { fillHandOff } from "../providers/hand-off.ts";
import { contextOf } from "./find.ts";
import type { Ports } from "./ports.ts";

/** What a data source must be supplied with for a grant: no secret, but where each stands. */
export async function handOff(ports: Ports, grant: Grant) {
  const { integration, profile } = await contextOf(ports, grant);
  const base = integration.baseUrl ?? profile.baseUrl;
  const form = fillHandOff(profile, {
    name: grant.name,
    clientId: integration.clientId,
    baseUrl: integration.baseUrl,
  });
  return {
    grant: grant.name,
    integration: integration.name,
    provider: profile.id,
    client_id: integration.clientId,
    redirect_uri: integration.redirectUri,
    scope: formatScopes(integration.scopes),
    api_server: new URL(base).host,
    api_base_url: base,
    token_url: profile.endpoints(base).token,
    authorization_url: profile.endpoints(base).authorization,
    generation: grant.generation,
    refresh_token: {
      fingerprint: grant.refreshFingerprint,
      expires_at: instant(grant.refreshExpiresAt),
      reveal_with: `grantkeeper reveal ${grant.name} refresh_token`,
    },
    access_token: { fingerprint: grant.accessFingerprint, expires_at: instant(grant.accessExpiresAt) },
    form,
  };
}

export type HandOffDocument = Awaited<ReturnType<typeof handOff>>;
