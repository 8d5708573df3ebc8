import type { IncomingMessage } from "node:http";
import type { ApiKey } from "../core/api-key.ts";
import { GrantkeeperError } from "../core/errors.ts";
import type { EventType } from "../core/events.ts";
import type { ChangeFeed } from "../keeper/change-feed.ts";
import type { Ports, Store } from "../keeper/ports.ts";
import type { Session } from "../core/session.ts";
import { findSession } from "../keeper/sessions.ts";
import { type Caller, personOf, programOf } from "./caller.ts";
import { clientAddress } from "./client-address.ts";
import { createEventStreams, type EventStreams } from "./event-stream.ts";
import { createHandOutCounts, type HandOutCounts } from "./hand-out-counts.ts";
import { createKeyRing, type KeyRing } from "./key-ring.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import type { Observe } from "./observe.ts";
import type { OpenIdSignIn } from "./openid-routes.ts";
import { createRateLimit } from "./rate-limit.ts";
import { isByPerson, isFromOurPages, readSessionCookie } from "./session-cookie.ts";
import { createTokenCache, type TokenCache } from "./token-cache.ts";

/** What the HTTP side is told about the place it runs at. */
export interface ServiceOptions {
  readonly version: string;
  /** Requests a second of one key, on average; 0: no limit. */
  readonly rateLimit: number;
  /** Addresses of the proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  /** Whether browsers reach it by TLS alone, so that a session's cookie may ask for it. */
  readonly isSecure: boolean;
  /** Whether `/metrics` needs no key. */
  readonly openMetrics: boolean;
  /** Starts a stand-in for the provider, and tells the integration that is registered there; null: it cannot be done here. */
  readonly rehearse: Rehearse | null;
  /** Sign-in by OpenID Connect; null: by links alone. */
  readonly openId: OpenIdSignIn | null;
  /** What was not foreseen; the answer says nothing of it. */
  readonly onFault: (error: unknown) => void;
  /** Told of each answered request, but for tokens out of memory. */
  readonly onRequest: Observe;
  /** Aborted when the service stops: streams end then. */
  readonly stopping: AbortSignal;
}

/** Starts the stand-in, once. */
export type Rehearse = () => Promise<{ readonly integration: string }>;

/** What all routes share. */
export interface Service {
  readonly ports: Ports;
  readonly version: string;
  readonly feed: ChangeFeed;
  readonly tokens: TokenCache;
  readonly keys: KeyRing;
  readonly streams: EventStreams;
  readonly counts: HandOutCounts;
  readonly metrics: Metrics;
  readonly isSecure: boolean;
  readonly rehearse: Rehearse | null;
  readonly openId: OpenIdSignIn | null;
  readonly openMetrics: boolean;
  readonly trustedProxies: readonly string[];
  readonly observe: Observe;
  /** Counts a request of a key or session. @throws {HttpRefusal} `rate_limited`. */
  readonly limit: (caller: Pick<ApiKey, "id">) => void;
  /** Counts a wrong key or code of an address. @throws {HttpRefusal} `rate_limited`. */
  readonly limitWrong: (request: IncomingMessage) => void;
  /** Whoever shows a key, or else the session of a person at the console. @throws {GrantkeeperError} `unauthorized`; `rate_limited` for whoever has been wrong too often. */
  readonly authenticate: (request: IncomingMessage) => Promise<Caller>;
  /** The session of the console's cookie; null where there is none that counts. */
  readonly session: (request: IncomingMessage) => Promise<Session | null>;
  /** The keeper, acting as somebody. */
  readonly actingAs: (caller: Pick<Caller, "actor">) => Ports;
  readonly onFault: (error: unknown) => void;
}

/** Wrong keys of one address: this many at once, and then so many a second. */
const WRONG_KEYS = { burst: 100, perSecond: 2 };

/** Events of a grant whose tokens are the same afterwards; each first hand-out is one. */
const LEAVES_TOKENS: ReadonlySet<EventType> = new Set(["token_handed_out", "refresh_token_revealed"]);

/** Wires what the routes share, on a keeper whose own writes are seen here at once. */
export function createService(keeper: Ports, feed: ChangeFeed, options: ServiceOptions): Service {
  const tokens = createTokenCache(feed);
  const metrics = createMetrics(keeper);
  const store = watched(metrics.watchStore(keeper.store), tokens, () => keys.forget());
  const ports: Ports = { ...keeper, store, send: metrics.watchSend(keeper.send) };
  const keys = createKeyRing(ports, feed);
  const counts = createHandOutCounts(ports);
  const { rateLimit } = options;
  const perKey = createRateLimit(ports.clock, rateLimit, rateLimit * 2, "This key is used too often.");
  const wrong = createRateLimit(ports.clock, WRONG_KEYS.perSecond, WRONG_KEYS.burst, "Too many wrong keys.");
  feed.subscribe(({ type, grantId }) => {
    if (type === "api_key_created" || type === "api_key_revoked") keys.forget();
    else if (type === "store_copied" || (grantId !== null && !LEAVES_TOKENS.has(type)))
      tokens.forget(grantId);
  });
  const limitWrong = (request: IncomingMessage): void =>
    wrong.take(clientAddress(request, options.trustedProxies));
  const sessionOf = async (request: IncomingMessage): Promise<Session | null> => {
    const secret = isFromOurPages(request) ? readSessionCookie(request, options.isSecure) : null;
    return secret === null ? null : findSession(ports, secret, isByPerson(request));
  };
  const find = async (request: IncomingMessage): Promise<Caller> => {
    const { authorization } = request.headers;
    const session = authorization === undefined ? await sessionOf(request) : null;
    return session === null ? programOf(ports, await keys.find(authorization)) : personOf(ports, session);
  };
  return {
    ports,
    feed,
    tokens,
    keys,
    streams: createEventStreams(ports, feed, options.stopping),
    counts,
    version: options.version,
    metrics,
    isSecure: options.isSecure,
    rehearse: options.rehearse,
    openId: options.openId,
    openMetrics: options.openMetrics,
    trustedProxies: options.trustedProxies,
    observe: (observation) => {
      metrics.observe(observation);
      options.onRequest(observation);
    },
    onFault: options.onFault,
    limit: ({ id }) => perKey.take(id),
    limitWrong,
    session: sessionOf,
    authenticate: async (request) => {
      try {
        const caller = await find(request);
        perKey.take(caller.id);
        return caller;
      } catch (error) {
        const isWrong = error instanceof GrantkeeperError && error.code === "unauthorized";
        // Whoever showed none has guessed nothing.
        if (isWrong && request.headers.authorization !== undefined) limitWrong(request);
        throw error;
      }
    },
    actingAs: ({ actor }) => ({ ...ports, actor }),
  };
}

/** What this process changes is not served from memory a moment longer; the rest comes by the feed. */
function watched(store: Store, tokens: TokenCache, forgetKeys: () => void): Store {
  return {
    ...store,
    changeGrant: async (write, seen) => {
      try {
        return await store.changeGrant(write, seen);
      } finally {
        tokens.forget(write.id);
      }
    },
    removeGrant: async (id, event) => {
      try {
        await store.removeGrant(id, event);
      } finally {
        tokens.forget(id);
      }
    },
    revokeApiKey: async (id, at, event) => {
      try {
        return await store.revokeApiKey(id, at, event);
      } finally {
        forgetKeys();
      }
    },
  };
}
