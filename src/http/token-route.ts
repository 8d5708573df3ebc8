import type { IncomingMessage, ServerResponse } from "node:http";
import { type ApiKey, hasScope, isForGrant } from "../core/api-key.ts";
import { isFromTheFuture } from "../core/refresh-rules.ts";
import { secondsLeft } from "../core/token-set.ts";
import { DEFAULT_MIN_TTL } from "../keeper/get-token.ts";
import { securityHeaders } from "./guard.ts";
import { requestFacts } from "./observe.ts";
import type { Service } from "./service.ts";
import type { HeldToken } from "./token-cache.ts";

const ROUTE = "/v1/grants/{name}/token";
/** `/v1/grants/NAME/token`, with nothing in the query but one `min_ttl`. */
const TARGET = /^\/v1\/grants\/([A-Za-z0-9][A-Za-z0-9._-]{0,63})\/token(?:\?min_ttl=(\d{1,9}))?$/;

/** Header fields up to the length, made once. */
function fieldsOf(isSecure: boolean): readonly string[] {
  return [
    ...Object.entries(securityHeaders(isSecure)).flat(),
    "content-type",
    "application/json",
    "content-length",
  ];
}
const [FIELDS, SECURE_FIELDS] = [fieldsOf(false), fieldsOf(true)];

/**
 * Answers `GET /v1/grants/{name}/token` out of memory, where everything that it needs is there: the key, the
 * opened token with enough life, and this consumer's first hand-out of it in the audit. False: it did not,
 * and the ordinary route has to. It is what programs ask for thousands of times, and answering ahead of the
 * router makes it as fast as a server that does nothing else. Where somebody `isWatching` the request, it is told
 * of route and key.
 */
export function answerFromMemory(
  service: Service,
  request: IncomingMessage,
  response: ServerResponse,
  isWatching = false,
): boolean {
  if (request.method !== "GET") return false;
  const startedAt = performance.now();
  const found = TARGET.exec(request.url ?? "");
  if (found === null) return false;
  const [, name = "", minTtl] = found;
  const held = service.tokens.get(name);
  if (held === null) return false;
  const key = service.keys.known(request.headers.authorization);
  if (key === null || !hasScope(key, "tokens:read") || !isForGrant(key, name)) return false;
  const counter = held.consumers.get(key.id);
  const now = service.ports.clock.now();
  const left = secondsLeft(held.expiresAt, now);
  const wanted = minTtl === undefined ? DEFAULT_MIN_TTL : Number(minTtl);
  if (counter === undefined || left < wanted || left <= 0 || isFromTheFuture(asIssued(held), now))
    return false;
  if (isWatching) Object.assign(requestFacts(response), { route: ROUTE, key: key.id });
  service.limit(key);
  service.counts.count(counter, now);
  send(response, service.isSecure ? SECURE_FIELDS : FIELDS, held, left);
  service.metrics.observeFromMemory((performance.now() - startedAt) / 1000);
  return true;
}

/** Remembers that a consumer was handed a generation: later ones may be counted in memory. */
export function rememberConsumer(held: HeldToken, { id }: Pick<ApiKey, "id">, consumer: string): void {
  if (held.consumers.has(id)) return;
  const { grantId, generation } = held;
  held.consumers.set(id, { grantId, generation, consumer, times: 0, at: 0 });
}

function asIssued({ issuedAt }: HeldToken): { readonly accessIssuedAt: number | null } {
  return { accessIssuedAt: issuedAt };
}

function send(
  response: ServerResponse,
  fields: readonly string[],
  { head, tail, length, expiresAt }: HeldToken,
  left: number,
): void {
  const seconds = expiresAt === null ? "" : String(left);
  response.writeHead(200, [...fields, String(length + seconds.length)]);
  response.end(`${head}${seconds}${tail}`);
}
