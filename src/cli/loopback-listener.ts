import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { GrantkeeperError } from "../core/errors.ts";
import { parseRedirected, type Redirected } from "../oauth/callback.ts";
import { callbackPage, type PageOutcome } from "./callback-page.ts";

/** Whether a redirect URI is one that this machine can listen at (RFC 8252 section 7.3). */
export function isLoopbackRedirect(redirectUri: string): boolean {
  if (!URL.canParse(redirectUri)) return false;
  const { protocol, hostname } = new URL(redirectUri);
  return protocol === "http:" && ["127.0.0.1", "[::1]", "localhost"].includes(hostname);
}

/** What the browser brought, and the way to tell its person how it ended. */
export interface CaughtRedirect {
  readonly redirected: Redirected;
  readonly finish: (outcome: PageOutcome) => Promise<void>;
}

/** A listener for one redirect. */
export interface LoopbackListener {
  readonly caught: Promise<CaughtRedirect>;
  readonly close: () => void;
}

/**
 * Listens at a loopback redirect URI for the one redirect that carries `state`; whatever else comes is
 * answered and ignored, so that no stray or hostile request can end the wait.
 * @throws {GrantkeeperError} `conflict` where the port is taken.
 */
export async function listenForRedirect(redirectUri: string, state: string): Promise<LoopbackListener> {
  const { hostname, port, pathname } = new URL(redirectUri);
  const server = createServer({ requestTimeout: 10_000 });
  await listen(server, hostname === "[::1]" ? "::1" : "127.0.0.1", Number(port || 80));
  const caught = new Promise<CaughtRedirect>((resolve) => {
    server.on("request", (request, response) => {
      const redirected = readRedirect(request, redirectUri, pathname);
      if (redirected === null) return answer(response, 404, { kind: "not_here" });
      if (redirected.state !== state) return answer(response, 400, { kind: "foreign" });
      const finish = (outcome: PageOutcome): Promise<void> =>
        new Promise((done) => {
          response.once("close", done);
          answer(response, 200, outcome);
        });
      resolve({ redirected, finish });
    });
  });
  return {
    caught,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(cannotListen(host, port, cause)));
    server.listen({ host, port, exclusive: true }, () => resolve(server.address() as AddressInfo));
  });
}

function cannotListen(host: string, port: number, cause: NodeJS.ErrnoException): GrantkeeperError {
  if (cause.code === "EADDRINUSE") {
    return new GrantkeeperError(
      "conflict",
      `Port ${port} of ${host} is taken: the browser could not come back here.`,
      {
        remedy: `End the program that listens there, or register and set another redirect URI: grantkeeper integration update NAME --redirect-uri http://${host}:PORT/oauth/callback.`,
        cause,
      },
    );
  }
  return new GrantkeeperError(
    "invalid_request",
    `Port ${port} of ${host} cannot be listened at (${cause.code ?? "?"}).`,
    {
      remedy: "Use a redirect URI with a port above 1023.",
      cause,
    },
  );
}

/** Null for anything that is not a redirect to us. The Host field guards against names that resolve to loopback. */
function readRedirect(request: IncomingMessage, redirectUri: string, pathname: string): Redirected | null {
  const wanted = new URL(redirectUri);
  if (request.method !== "GET" || request.headers.host !== wanted.host) return null;
  const url = request.url ?? "/";
  if (url.split("?")[0] !== pathname) return null;
  try {
    return parseRedirected(`${wanted.origin}${url}`, redirectUri);
  } catch {
    return null;
  }
}

function answer(response: ServerResponse, status: number, outcome: PageOutcome): void {
  const { body, contentSecurityPolicy } = callbackPage(outcome);
  response.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": contentSecurityPolicy,
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    connection: "close",
  });
  response.end(body);
}
