import * as oauth from "oauth4webapi";
import { GrantkeeperError } from "../core/errors.ts";
import { isLoopbackHost } from "./loopback.ts";
import { newCodeVerifier, newState } from "./pkce.ts";
import type { Send } from "./send.ts";

/** Our registration at the provider that people sign in at (OpenID Connect Core 1.0). */
export interface OpenIdClient {
  /** As the provider names itself. */
  readonly issuer: URL;
  readonly clientId: string;
  /** Null for a public client. */
  readonly clientSecret: string | null;
}

/** What is remembered of a sign-in while its person is at the provider. */
export interface OpenIdTransaction {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly redirectUri: string;
}

/** What the provider says of somebody. */
export type Claims = Readonly<Record<string, unknown>>;

interface Network {
  readonly send: Send;
  readonly bytes: (length: number) => Uint8Array;
}

/**
 * The address at which a person signs in, and what has to be remembered until they come back.
 * @throws {GrantkeeperError} `provider_unreachable`, `provider_refused`.
 */
export async function beginOpenId(
  client: OpenIdClient,
  { send, bytes }: Network,
  redirectUri: string,
): Promise<{ readonly authorizationUrl: string; readonly transaction: OpenIdTransaction }> {
  const server = await discover(client, send);
  if (server.authorization_endpoint === undefined) throw odd("it names no authorization endpoint");
  const transaction = {
    state: newState(bytes),
    nonce: newState(bytes),
    codeVerifier: newCodeVerifier(bytes),
    redirectUri,
  };
  const address = new URL(server.authorization_endpoint);
  const parameters = {
    response_type: "code",
    client_id: client.clientId,
    redirect_uri: redirectUri,
    scope: "openid profile email",
    state: transaction.state,
    nonce: transaction.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(transaction.codeVerifier),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  return { authorizationUrl: address.href, transaction };
}

/**
 * Who came back: the claims of the ID token, and of the userinfo endpoint where there is one. State, issuer,
 * nonce, audience, times and PKCE are checked.
 * @throws {GrantkeeperError} `provider_refused` for whatever does not fit, `provider_unreachable`.
 */
export async function finishOpenId(
  client: OpenIdClient,
  { send }: Pick<Network, "send">,
  transaction: OpenIdTransaction,
  redirected: URL,
): Promise<Claims> {
  const server = await discover(client, send);
  const options = requestOptions(send);
  const us = { client_id: client.clientId };
  return translated(async () => {
    const answer = oauth.validateAuthResponse(server, us, redirected, transaction.state);
    const tokens = await oauth.processAuthorizationCodeResponse(
      server,
      us,
      await oauth.authorizationCodeGrantRequest(
        server,
        us,
        client.clientSecret === null ? oauth.None() : oauth.ClientSecretPost(client.clientSecret),
        answer,
        transaction.redirectUri,
        transaction.codeVerifier,
        options,
      ),
      { expectedNonce: transaction.nonce, requireIdToken: true },
    );
    const claims = oauth.getValidatedIdTokenClaims(tokens);
    if (claims === undefined) throw odd("it gave no ID token");
    if (server.userinfo_endpoint === undefined) return claims;
    const userInfo = await oauth.processUserInfoResponse(
      server,
      us,
      claims.sub,
      await oauth.userInfoRequest(server, us, tokens.access_token, options),
    );
    return { ...userInfo, ...claims };
  });
}

function discover({ issuer }: OpenIdClient, send: Send): Promise<oauth.AuthorizationServer> {
  return translated(async () =>
    oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm: "oidc", ...requestOptions(send) }),
    ),
  );
}

const PATIENCE = 10_000;

class NoAnswer extends Error {}

function requestOptions(send: Send) {
  return {
    [oauth.customFetch]: async (
      url: string,
      init: { readonly method: string; readonly headers: Record<string, string>; readonly body?: unknown },
    ): Promise<Response> => {
      const { protocol, hostname } = new URL(url);
      // What the discovery document names is held to the same as the issuer.
      if (protocol !== "https:" && !isLoopbackHost(hostname)) throw odd(`${url} is not reached by TLS`);
      const body = init.body instanceof URLSearchParams ? init.body.toString() : null;
      const method = init.method === "POST" ? "POST" : "GET";
      const result = await send({ method, url, headers: init.headers, body, timeout: PATIENCE });
      if (result.kind !== "answer") throw new NoAnswer(result.detail);
      const empty = result.status === 204 || result.status === 304;
      return new Response(empty ? null : result.body, { status: result.status, headers: result.headers });
    },
    [oauth.allowInsecureRequests]: true,
  };
}

/** The library's errors in our words. Their own text may repeat what was sent, so only their code is told. */
async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof GrantkeeperError) throw error;
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    if (error instanceof NoAnswer || cause instanceof NoAnswer)
      throw new GrantkeeperError("provider_unreachable", "The sign-in provider cannot be reached.", {
        remedy: "Try again, or sign in with a link: grantkeeper console.",
      });
    if (error instanceof oauth.AuthorizationResponseError)
      throw new GrantkeeperError("provider_refused", `The sign-in provider said no (${word(error.error)}).`, {
        remedy: "Try again, or ask whoever runs it.",
      });
    const { code } = error as { readonly code?: unknown };
    throw odd(typeof code === "string" ? code : "it cannot be read");
  }
}

function word(text: string): string {
  return text.replace(/[^\w-]/g, "?").slice(0, 60);
}

function odd(what: string): GrantkeeperError {
  return new GrantkeeperError("provider_refused", `The sign-in provider's answer does not fit: ${what}.`, {
    remedy: "Begin again from the console. Where it stays so, look at openid_issuer and openid_client_id.",
  });
}
