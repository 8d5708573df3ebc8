import type { Grant, GrantChange } from "../core/grant.ts";
import type { Integration } from "../core/integration.ts";
import type { SealContext } from "../core/sealed.ts";
import type { TokenSet } from "../core/token-set.ts";
import type { Sealer } from "./ports.ts";

type TokenColumn = "access_token" | "refresh_token";

function placeOfToken(grantId: string, generation: number, column: TokenColumn): SealContext {
  return { table: "grants", column, id: grantId, generation };
}

/** Opens a grant's access or refresh token; null where it has none. */
export function openToken(sealer: Sealer, grant: Grant, column: TokenColumn): string | null {
  const sealed = column === "access_token" ? grant.accessToken : grant.refreshToken;
  return sealed === null ? null : sealer.open(sealed, placeOfToken(grant.id, grant.generation, column));
}

/** Where the token of a revoked grant stands until its provider has been told. */
export function placeOfRevokedToken({ id, generation }: Pick<Grant, "id" | "generation">): SealContext {
  return { table: "grants", column: "revoked_token", id, generation };
}

/** The columns of a token set, sealed for the generation that it will be. */
export function sealTokens(
  sealer: Sealer,
  grantId: string,
  generation: number,
  tokens: TokenSet,
): GrantChange {
  const seal = (token: string, column: TokenColumn) =>
    sealer.seal(token, placeOfToken(grantId, generation, column));
  const { accessToken, refreshToken } = tokens;
  return {
    generation,
    tokenType: tokens.tokenType,
    accessToken: accessToken === "" ? null : seal(accessToken, "access_token"),
    accessFingerprint: accessToken === "" ? null : sealer.fingerprint(accessToken),
    accessExpiresAt: tokens.accessExpiresAt,
    refreshToken: refreshToken === null ? null : seal(refreshToken, "refresh_token"),
    refreshFingerprint: refreshToken === null ? null : sealer.fingerprint(refreshToken),
    refreshExpiresAt: tokens.refreshExpiresAt,
  };
}

/** Where an integration's client secret stands. */
export function placeOfClientSecret(id: string, generation: number): SealContext {
  return { table: "integrations", column: "client_secret", id, generation };
}

/** A client registration, its secret opened. */
export interface OpenedClient {
  readonly clientId: string;
  readonly clientSecret: string | null;
  readonly redirectUri: string;
  readonly baseUrl: string | null;
}

/** Opened once for as long as the integration read from the store is kept: seconds. */
const opened = new WeakMap<Integration, OpenedClient>();

/** The registration as the wire needs it. */
export function openClient(sealer: Sealer, integration: Integration): OpenedClient {
  const known = opened.get(integration);
  if (known !== undefined) return known;
  const { clientId, clientSecret, redirectUri, baseUrl, id, generation } = integration;
  const secret = clientSecret && sealer.open(clientSecret, placeOfClientSecret(id, generation));
  const client = { clientId, clientSecret: secret, redirectUri, baseUrl };
  opened.set(integration, client);
  return client;
}

/** Where a parked token set stands. */
export function placeOfParked(id: string): SealContext {
  return { table: "parked_token_sets", column: "tokens", id, generation: 0 };
}

/** Where an authorization request's verifier stands. */
export function placeOfVerifier(stateHash: string): SealContext {
  return { table: "authorization_requests", column: "code_verifier", id: stateHash, generation: 0 };
}
