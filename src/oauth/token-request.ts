import { genericTokenEndpointRequest } from "oauth4webapi";
import type { RefreshOutcome } from "../core/outcome.ts";
import type { ProviderProfile, RefusedRequest } from "../providers/profile.ts";
import { postAuthenticated, postRefresh } from "./authenticated-post.ts";
import { type ClientRegistration, endpointsOf, secretsOf } from "./client-registration.ts";
import type { Send, SendResult } from "./send.ts";
import { readSendFailure, readTokenAnswer } from "./token-response.ts";

/** What every request to a token endpoint needs. */
export interface TokenRequestContext {
  readonly profile: ProviderProfile;
  readonly client: ClientRegistration;
  readonly send: Send;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Asked directly before the first byte is written. */
  readonly mayStillSend?: (() => boolean) | undefined;
}

interface RefreshRequest extends TokenRequestContext {
  readonly refreshToken: string;
}

/**
 * Sends a refresh request (RFC 6749 section 6): `refresh_token` and the client's authentication. No scope,
 * since leaving it out asks for what was granted, and no code. Never throws for what a provider does.
 */
export async function refreshTokens(request: RefreshRequest): Promise<RefreshOutcome> {
  const { profile, client, send, mayStillSend, refreshToken } = request;
  const { token: url } = endpointsOf(profile, client);
  const authentication = profile.clientAuthentication;
  const result = await postRefresh({ client, send, url, authentication, mayStillSend }, refreshToken);
  return outcomeOf(result, request, "refresh", [refreshToken]);
}

interface CodeRequest extends TokenRequestContext {
  readonly code: string;
  /** The one that the code was made for, character by character. */
  readonly redirectUri: string;
  /** Null for a code that was obtained elsewhere without PKCE. */
  readonly codeVerifier: string | null;
}

/** Exchanges an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5). Never throws for what a provider does. */
export function exchangeCode(request: CodeRequest): Promise<RefreshOutcome> {
  const { code, redirectUri, codeVerifier } = request;
  const verifier = codeVerifier === null ? {} : { code_verifier: codeVerifier };
  const parameters = { code, redirect_uri: redirectUri, ...verifier };
  return requestToken(request, "authorization_code", parameters);
}

/** Parameters that are no secret and may come back in a message. */
const OPEN_PARAMETERS = new Set(["redirect_uri"]);

async function requestToken(
  context: TokenRequestContext,
  grantType: string,
  parameters: Readonly<Record<string, string>>,
): Promise<RefreshOutcome> {
  const { profile, client, send, mayStillSend } = context;
  const { token: url } = endpointsOf(profile, client);
  const result = await postAuthenticated({
    client,
    send,
    url,
    authentication: profile.clientAuthentication,
    mayStillSend,
    build: (server, registration, authentication, options) =>
      genericTokenEndpointRequest(
        { ...server, token_endpoint: url },
        registration,
        authentication,
        grantType,
        { ...parameters },
        options,
      ),
  });
  const spent = Object.entries(parameters).flatMap(([name, value]) =>
    OPEN_PARAMETERS.has(name) ? [] : [value],
  );
  return outcomeOf(result, context, "code", spent);
}

function outcomeOf(
  result: SendResult,
  { profile, client, now }: TokenRequestContext,
  request: RefusedRequest,
  spent: readonly string[],
): RefreshOutcome {
  if (result.kind !== "answer") return readSendFailure(result);
  return readTokenAnswer(result, {
    profile,
    request,
    now: now(),
    // Only an answer that brings no tokens is searched for them.
    get secrets() {
      return secretsOf(client, spent);
    },
  });
}
