import * as oauth from "oauth4webapi";
import type { ClientAuthentication } from "../providers/profile.ts";
import type { ClientRegistration } from "./client-registration.ts";
import { isLoopbackHost } from "./loopback.ts";
import { refreshForm } from "./refresh-form.ts";
import { type OutgoingRequest, type Send, type SendResult, TOKEN_REQUEST_TIMEOUT } from "./send.ts";

type RequestOptions = oauth.HttpRequestOptions<"POST", URLSearchParams>;

/** A form request in which the client shows who it is. */
export interface AuthenticatedPost {
  readonly client: ClientRegistration;
  readonly send: Send;
  readonly url: string;
  readonly authentication: ClientAuthentication;
  readonly mayStillSend?: (() => boolean) | undefined;
  /** The oauth4webapi function that builds the request. */
  readonly build: (
    server: oauth.AuthorizationServer,
    client: oauth.Client,
    authentication: oauth.ClientAuth,
    options: RequestOptions,
  ) => Promise<Response>;
}

const UNBUILDABLE: SendResult = {
  kind: "not_sent",
  detail: "The request could not be built: client id, client secret or token is not sendable.",
};

// A port that throws in spite of its promise leaves it open whether anything was written.
const INTERRUPTED: SendResult = {
  kind: "lost",
  reason: "connection_lost",
  detail: "The request was interrupted.",
};

/**
 * Has oauth4webapi build the request and sends it over the port. The raw answer is kept as it is: judging it
 * is the readers' work. A request that cannot be built was never sent.
 */
export async function postAuthenticated(post: AuthenticatedPost): Promise<SendResult> {
  const { client, send, url, mayStillSend } = post;
  const target = targetOf(url);
  if ("refused" in target) return { kind: "not_sent", detail: target.refused };
  let result: SendResult = UNBUILDABLE;
  const bridge = async (address: string, init: oauth.CustomFetchOptions<"POST", URLSearchParams>) => {
    const request: OutgoingRequest = {
      method: "POST",
      url: address,
      headers: init.headers,
      body: init.body.toString(),
      timeout: TOKEN_REQUEST_TIMEOUT,
      ...(mayStillSend && { mayStillSend }),
    };
    result = INTERRUPTED;
    result = await send(request);
    return new Response();
  };
  try {
    await post.build(
      { issuer: new URL(url).origin },
      { client_id: client.clientId },
      authenticationOf(post),
      {
        [oauth.customFetch]: bridge,
        // Plain http has been refused above for all but this machine.
        [oauth.allowInsecureRequests]: true,
        headers: { "user-agent": "grantkeeper" },
      },
    );
  } catch {
    // The error's own text is not passed on: it may hold what was to be sent.
  }
  return result;
}

function authenticationOf({ client, authentication }: AuthenticatedPost): oauth.ClientAuth {
  const { clientSecret } = client;
  if (clientSecret === null || authentication === "none") return oauth.None();
  if (authentication === "client_secret_basic") return oauth.ClientSecretBasic(clientSecret);
  return oauth.ClientSecretPost(clientSecret);
}

/** Sends a refresh request, which is built here without a detour; all else is as with the other requests. */
export async function postRefresh(
  post: Omit<AuthenticatedPost, "build">,
  refreshToken: string,
): Promise<SendResult> {
  const { client, send, url, authentication, mayStillSend } = post;
  const target = targetOf(url);
  if ("refused" in target) return { kind: "not_sent", detail: target.refused };
  const form = refreshForm(client, authentication, refreshToken);
  if (form === null) return UNBUILDABLE;
  try {
    return await send({
      method: "POST",
      url: target.href,
      headers: form.headers,
      body: form.body,
      timeout: TOKEN_REQUEST_TIMEOUT,
      ...(mayStillSend && { mayStillSend }),
    });
  } catch {
    return INTERRUPTED;
  }
}

type Target = { readonly href: string } | { readonly refused: string };

/** The address that was last judged: nearly every request goes where the one before went. */
let lastTarget: { readonly url: string; readonly target: Target } | null = null;

function targetOf(url: string): Target {
  if (lastTarget?.url !== url) lastTarget = { url, target: judgeTarget(url) };
  return lastTarget.target;
}

function judgeTarget(url: string): Target {
  if (!URL.canParse(url)) return { refused: "The provider's address is not a web address." };
  const { protocol, hostname, href } = new URL(url);
  if (protocol === "https:" || (protocol === "http:" && isLoopbackHost(hostname))) return { href };
  return { refused: "The provider's address is not https: nothing secret is sent there." };
}
