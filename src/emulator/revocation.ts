import { authenticateBasicClient } from "./client-authentication.ts";
import { endAccessToken, endGrant } from "./grants.ts";
import { empty, field, type Call, type Reply } from "./transport/call.ts";
import { Refusal } from "./refusals.ts";
import { requireForm } from "./token-endpoint.ts";
import type { World } from "./world.ts";

/**
 * `POST /idb/oauth2/v1/revoke` (RFC 7009). A refresh token takes its whole grant along, an access token
 * only itself. An unknown token is answered with 200; the hint changes nothing, as both kinds are looked up.
 */
export function revocationEndpoint(world: World, call: Call): Reply {
  requireForm(call);
  const client = authenticateBasicClient(world, call);
  const value = field(call.form, "token");
  if (value === undefined) throw new Refusal("malformed", "token is missing");
  const refreshToken = world.refreshTokens.get(value);
  const accessToken = world.accessTokens.get(value);
  const grant = refreshToken?.grant ?? accessToken?.grant;
  if (grant !== undefined && grant.client !== client) throw new Refusal("token_of_other_client");
  if (refreshToken !== undefined) endGrant(world, refreshToken.grant, "revoked by the client");
  if (accessToken !== undefined) endAccessToken(world, accessToken, "revoked by the client");
  return empty(200);
}
