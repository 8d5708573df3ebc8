/** Spans, as an OpenTelemetry SDK gets them: who asked what, and what went to the provider for it. No secret. */
import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-node";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openTracing } from "../../src/http/tracing.ts";
import { openScene, type Scene } from "./scene.ts";

const exporter = new InMemorySpanExporter();
let scene: Scene;

beforeAll(async () => {
  expect(openTracing("0"), "without an SDK there is none").toBeNull();
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  scene = await openScene({ lasts: true });
  // Its first look at what is due is over: what a test makes due is asked for by nobody but the test.
  await vi.waitFor(async () => expect((await scene.ask("GET /readyz", { key: null })).status).toBe(200));
});

afterAll(() => {
  trace.disable();
  context.disable();
});

/** The spans of what `work` asks: they end when the connection has the answer, a moment after the client has. */
async function spansOf(work: () => Promise<unknown>, many: number): Promise<ReadableSpan[]> {
  exporter.reset();
  await work();
  await expect.poll(() => exporter.getFinishedSpans().length, { interval: 5 }).toBeGreaterThanOrEqual(many);
  return exporter.getFinishedSpans();
}

test("a request is the child of its caller's span; what goes to the provider for it is its own child", async () => {
  const { access_token, refresh_token } = await scene.grant("traced", 1_209_600);
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
  const spans = await spansOf(() => scene.ask("GET /v1/grants/traced/token?min_ttl=60", { headers }), 2);
  const [sent, asked] = spans;
  expect(asked).toMatchObject({
    name: "GET /v1/grants/{name}/token",
    kind: SpanKind.SERVER,
    attributes: {
      "http.request.method": "GET",
      "http.route": "/v1/grants/{name}/token",
      "http.response.status_code": 200,
      "grantkeeper.api_key.id": scene.admin.slice(3, 13),
    },
    parentSpanContext: { traceId, spanId: "b7ad6b7169203331" },
  });
  expect(sent).toMatchObject({
    name: "POST",
    kind: SpanKind.CLIENT,
    attributes: {
      "url.full": `${scene.emulator.baseUrl}/access_token`,
      "server.address": "127.0.0.1",
      "http.response.status_code": 200,
    },
    parentSpanContext: { traceId, spanId: asked?.spanContext().spanId },
  });
  const [request] = scene.emulator.requests().filter(({ endpoint }) => endpoint === "refresh");
  expect(JSON.stringify(request), "the provider is told nothing of it").not.toContain(traceId);
  const written = JSON.stringify(
    spans.map(({ name, attributes, events, status }) => [name, attributes, events, status]),
  );
  for (const secret of [access_token, refresh_token, scene.admin, "min_ttl"])
    expect(written).not.toContain(secret);
});

test("a token out of memory has its span too", async () => {
  await scene.grant("kept");
  await scene.ask("GET /v1/grants/kept/token");
  await scene.ask("GET /v1/grants/kept/token");
  const [span] = await spansOf(() => scene.ask("GET /v1/grants/kept/token"), 1);
  expect(span).toMatchObject({
    name: "GET /v1/grants/{name}/token",
    attributes: { "grantkeeper.api_key.id": scene.admin.slice(3, 13) },
  });
});

test("a refusal is no error of ours, an outage of the provider is one of its own span", async () => {
  const [refused] = await spansOf(() => scene.ask("GET /v1/grants/nobody"), 1);
  expect(refused).toMatchObject({
    name: "GET /v1/grants/{name}",
    status: { code: SpanStatusCode.UNSET },
    attributes: { "http.response.status_code": 404 },
  });
  const secret = "canary-in-a-path";
  const [odd] = await spansOf(() => scene.ask(`GET /${secret}?${secret}`), 1);
  expect(odd?.name).toBe("GET");
  expect(JSON.stringify(odd?.attributes)).not.toContain(secret);
  await scene.grant("away", 1_209_600);
  const outage = scene.emulator.fault({ on: "refresh", kind: "drop_before", times: "always" });
  const spans = await spansOf(() => scene.ask("GET /v1/grants/away/token"), 2);
  outage.remove();
  const byKind = (kind: SpanKind) => spans.filter((span) => span.kind === kind);
  for (const span of byKind(SpanKind.CLIENT))
    expect(span).toMatchObject({
      attributes: { "error.type": "connection_lost" },
      status: { code: SpanStatusCode.ERROR },
    });
  expect(byKind(SpanKind.SERVER)).toMatchObject([
    {
      attributes: { "http.response.status_code": 503, "error.type": "503" },
      status: { code: SpanStatusCode.ERROR },
    },
  ]);
});
