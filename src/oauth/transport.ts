import { X509Certificate } from "node:crypto";
import { createSecureContext, rootCertificates } from "node:tls";
import { Agent, type Dispatcher, EnvHttpProxyAgent, Pool } from "undici";
import { GrantkeeperError } from "../core/errors.ts";
import { OneExchange } from "./exchange.ts";
import { outsideLookup } from "./inside.ts";
import type { OutgoingRequest, Send, SendResult } from "./send.ts";

/** How to reach the network. Everything from the environment comes in here; nothing is read from it. */
export interface TransportOptions {
  /** Values of HTTP_PROXY, HTTPS_PROXY and NO_PROXY. Loopback addresses never go through a proxy. */
  readonly httpProxy?: string | undefined;
  readonly httpsProxy?: string | undefined;
  readonly noProxy?: string | undefined;
  /** PEM of authorities trusted besides the built-in ones. Verification itself cannot be switched off. */
  readonly ca?: string | readonly string[] | undefined;
  /** Milliseconds until a connection (proxy and TLS included) must stand. Default 10,000. */
  readonly connectTimeout?: number | undefined;
  /** Connections per host; what is above waits, unsent. Default 128. */
  readonly connections?: number | undefined;
}

/** A pool of connections behind the `Send` port. */
export interface Transport {
  readonly send: Send;
  /** Lets what is under way end, then closes every connection. */
  readonly close: () => Promise<void>;
}

const NEVER_PROXIED = "localhost,127.0.0.1,[::1]";

/**
 * The only place of the program that talks to a provider's network. `send` never throws, never follows a
 * redirect, never repeats a request, and knows whether a request was written.
 * @throws {GrantkeeperError} `invalid_request` for a proxy address or a certificate that is none.
 */
export function createTransport(options: TransportOptions = {}): Transport {
  const connectTimeout = options.connectTimeout ?? 10_000;
  const tls = options.ca === undefined ? {} : { secureContext: contextTrusting(options.ca) };
  const connect = { timeout: connectTimeout, ...tls };
  const anywhere = makeDispatcher(options, connect);
  let outside: Dispatcher | null = null;
  return {
    send: (request) => {
      if (request.outsideOnly !== true) return exchange(anywhere, request, connectTimeout);
      outside ??= makeDispatcher(options, { ...connect, lookup: outsideLookup });
      return exchange(outside, request, connectTimeout);
    },
    close: async () => {
      const dispatchers = outside === null ? [anywhere] : [anywhere, outside];
      await Promise.all(dispatchers.map((dispatcher) => dispatcher.close().catch(() => {})));
    },
  };
}

type Connect = Exclude<Agent.Options["connect"], undefined | ((...words: never[]) => void)> & {
  readonly timeout: number;
};

function makeDispatcher(options: TransportOptions, connect: Connect): Dispatcher {
  const common = {
    connect,
    connections: options.connections ?? 128,
    // One request at a time on a connection: only a pipelined request is ever sent a second time by undici.
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  };
  const httpProxy = proxyAddress(options.httpProxy);
  const httpsProxy = proxyAddress(options.httpsProxy);
  const noProxy = options.noProxy ?? "";
  if (httpProxy === "" && httpsProxy === "") return new Agent(common);
  return new EnvHttpProxyAgent({
    ...common,
    // Empty strings, not undefined: undici would look into the environment by itself.
    httpProxy,
    httpsProxy,
    noProxy: noProxy.trim() === "*" ? "*" : `${noProxy},${NEVER_PROXIED}`,
    requestTls: connect,
    proxyTls: connect,
    clientFactory: (origin, settings) => proxyPool(origin, { ...settings, headersTimeout: connect.timeout }),
  });
}

/**
 * Connections to the proxy itself. Its failures lose their code on the way out: on UND_ERR_SOCKET undici
 * would try the tunnel again at once and for ever.
 */
function proxyPool(origin: URL, settings: Pool.Options): Dispatcher {
  const pool = new Pool(origin, settings);
  const connect = pool.connect.bind(pool);
  return Object.assign(pool, {
    connect: (options: Parameters<typeof connect>[0]) =>
      connect(options).catch((error: unknown) => {
        throw new Error("no tunnel", { cause: error });
      }),
  });
}

/** Like other programs, a proxy without a scheme is taken as http. Its address may hold a password: not repeated. */
function proxyAddress(value: string | undefined): string {
  const given = value?.trim() ?? "";
  if (given === "") return "";
  const address = given.includes("://") ? given : `http://${given}`;
  if (URL.canParse(address) && /^https?:/.test(address)) return address;
  throw new GrantkeeperError("invalid_request", "The address of the proxy is not an http or https address.", {
    remedy: "Correct HTTPS_PROXY or HTTP_PROXY, for example http://proxy.example.com:3128.",
  });
}

/** The built-in authorities and some more; made once, since parsing them for each connection is slow. */
function contextTrusting(ca: string | readonly string[]) {
  const given = (typeof ca === "string" ? [ca] : ca).flatMap((text) => text.match(CERTIFICATE) ?? [""]);
  if (!given.every(isCertificate)) {
    throw new GrantkeeperError("invalid_request", "The file of certificate authorities cannot be used.", {
      remedy: "Give a PEM file with one or more BEGIN CERTIFICATE blocks.",
    });
  }
  return createSecureContext({ ca: [...rootCertificates, ...given] });
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]*-----END (?:TRUSTED )?CERTIFICATE-----/g;

/** OpenSSL passes over what it cannot read, and the connection would fail later without a hint why. */
function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== "";
  } catch {
    return false;
  }
}

function exchange(
  dispatcher: Dispatcher,
  request: OutgoingRequest,
  connectTimeout: number,
): Promise<SendResult> {
  return new Promise((resolve) => {
    const where = whereOf(request.url);
    if (where === null) {
      resolve({ kind: "not_sent", detail: "The address of the request is not a web address." });
      return;
    }
    const handler = new OneExchange(request, where.host, connectTimeout, resolve);
    try {
      dispatcher.dispatch(
        {
          origin: where.origin,
          path: where.path,
          method: request.method,
          headers: { ...request.headers, "accept-encoding": "identity" },
          body: request.body,
          // GET counts as repeatable in undici; here nothing is.
          idempotent: false,
        },
        handler,
      );
    } catch (error) {
      handler.fail(error);
    }
  });
}

interface Place {
  readonly origin: string;
  readonly path: string;
  readonly host: string;
}

/** The address that was last taken apart: nearly every request goes where the one before went. */
let lastPlace: { readonly url: string; readonly place: Place | null } | null = null;

function whereOf(url: string): Place | null {
  if (lastPlace?.url !== url) lastPlace = { url, place: placeOf(url) };
  return lastPlace.place;
}

function placeOf(url: string): Place | null {
  if (!URL.canParse(url)) return null;
  const { origin, pathname, search, host, protocol } = new URL(url);
  if (protocol !== "https:" && protocol !== "http:") return null;
  return { origin, path: pathname + search, host };
}
