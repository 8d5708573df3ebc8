import type { Context } from "hono";
import { authorize } from "../keeper/api-keys.ts";
import type { Env } from "./app.ts";
import { requestFacts } from "./observe.ts";
import type { Service } from "./service.ts";

/** Where Prometheus scrapes. */
export const METRICS_PATH = "/metrics";

/** Needs a key with `metrics:read`, but where the operator has opened it. */
export async function answerMetrics(service: Service, c: Context<Env>): Promise<Response> {
  requestFacts(c.env.outgoing).route = METRICS_PATH;
  if (!service.openMetrics) {
    const key = await service.authenticate(c.env.incoming);
    requestFacts(c.env.outgoing).key = key.id;
    authorize(key, "metrics:read", service.ports.clock.now());
  }
  return c.body(await service.metrics.text(), 200, { "content-type": service.metrics.contentType });
}
