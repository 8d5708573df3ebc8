import type { IncomingMessage, ServerResponse } from "node:http";
import { clientAddress } from "./client-address.ts";
import { requestFacts } from "./observe.ts";
import type { Service } from "./service.ts";

/** Tells metrics and log of a request when its answer has ended, or its client has gone. */
export function watchRequest(service: Service, request: IncomingMessage, response: ServerResponse): void {
  const startedAt = performance.now();
  const { method = "?" } = request;
  const address = clientAddress(request, service.trustedProxies);
  response.once("close", () => {
    // Nothing was sent before the client went: nginx's word for it.
    const status = response.headersSent ? response.statusCode : 499;
    const { route, key, subject } = requestFacts(response);
    service.observe({
      route,
      key,
      // A name that led nowhere may be anything, a key that was pasted there too.
      subject: LED_NOWHERE.has(status) ? null : subject,
      status,
      // A method that we do not serve is whatever the client wrote.
      method: KNOWN.has(method) ? method : "other",
      seconds: (performance.now() - startedAt) / 1000,
      address,
    });
  });
}

const LED_NOWHERE = new Set([400, 401, 403, 404, 405, 429, 499]);
const KNOWN = new Set(["GET", "HEAD", "POST", "PATCH", "DELETE"]);
