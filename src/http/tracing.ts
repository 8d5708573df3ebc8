import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import {
  type Attributes,
  context,
  propagation,
  ProxyTracerProvider,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import type { Send, SendResult } from "../oauth/send.ts";
import { requestFacts } from "./observe.ts";

/** Spans of what passes the service, in the words of OpenTelemetry's semantic conventions for HTTP. */
export interface Tracing {
  /** A span for each request that comes, the child of the one that its `traceparent` names. */
  readonly watchRequests: (listener: RequestListener) => RequestListener;
  /** A span for each request that goes to a provider. The provider is told nothing of it. */
  readonly watchSend: (send: Send) => Send;
}

/**
 * The tracing of this process; null where nobody has registered an OpenTelemetry SDK before the service began,
 * and then it costs nothing. Spans hold what the access log holds, and no more: no query, no token, no name that
 * led nowhere.
 */
export function openTracing(version: string): Tracing | null {
  const provider = trace.getTracerProvider();
  const isMissing =
    provider instanceof ProxyTracerProvider && provider.getDelegateTracer("grantkeeper") === undefined;
  if (isMissing) return null;
  const tracer = provider.getTracer("grantkeeper", version);
  return {
    watchRequests: (listener) => (request, response) => traceRequest(tracer, listener, request, response),
    watchSend: (send) => (request) => traceSend(tracer, send, request),
  };
}

function traceRequest(
  tracer: Tracer,
  listener: RequestListener,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const parent = propagation.extract(context.active(), request.headers);
  const method = KNOWN_METHODS.has(request.method ?? "") ? request.method : "_OTHER";
  const options = { kind: SpanKind.SERVER, attributes: { "http.request.method": method } };
  const span = tracer.startSpan(`${method}`, options, parent);
  response.once("close", () => {
    const { route, key } = requestFacts(response);
    if (route !== "other") {
      span.updateName(`${method} ${route}`);
      span.setAttribute("http.route", route);
    }
    if (key !== null) span.setAttribute("grantkeeper.api_key.id", key);
    if (response.headersSent) endWithStatus(span, response.statusCode, 500);
    else endWithError(span, "client_gone");
  });
  context.with(trace.setSpan(parent, span), () => listener(request, response));
}

async function traceSend(tracer: Tracer, send: Send, request: Parameters<Send>[0]): Promise<SendResult> {
  const span = tracer.startSpan(request.method, {
    kind: SpanKind.CLIENT,
    attributes: { "http.request.method": request.method, ...placeOf(request.url) },
  });
  const result = await context.with(trace.setSpan(context.active(), span), () => send(request));
  if (result.kind === "answer") endWithStatus(span, result.status, 400);
  else endWithError(span, result.kind === "lost" ? result.reason : result.kind);
  return result;
}

/** Where it goes, without a query. */
function placeOf(address: string): Attributes {
  if (!URL.canParse(address)) return {};
  const { origin, pathname, hostname, port, protocol } = new URL(address);
  const usual = protocol === "https:" ? 443 : 80;
  return {
    "url.full": `${origin}${pathname}`,
    "server.address": hostname,
    "server.port": port === "" ? usual : Number(port),
  };
}

/** A server's own faults are errors of its span, a refusal is one of the client's. */
function endWithStatus(span: Span, status: number, errorFrom: number): void {
  span.setAttribute("http.response.status_code", status);
  if (status >= errorFrom) endWithError(span, String(status));
  else span.end();
}

function endWithError(span: Span, type: string): void {
  span.setAttribute("error.type", type);
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

const KNOWN_METHODS = new Set(["GET", "HEAD", "POST", "PATCH", "DELETE"]);
