import type { Fault } from "../faults.ts";
import { json, type Reply } from "./call.ts";

/** What reaches the client: a whole answer, the beginning of one, or the end of the connection. */
export type Delivery =
  | { readonly kind: "answered"; readonly reply: Reply }
  | { readonly kind: "cut"; readonly reply: Reply; readonly afterBytes: number; readonly reset: boolean }
  | { readonly kind: "lost" | "dropped"; readonly reset: boolean };

/** Meets a request with a fault. `carryOut` does what was asked, and is called at most once. */
export async function deliverFaulty(
  { spec, released }: Fault,
  carryOut: () => Reply,
  trackingId: string,
): Promise<Delivery> {
  switch (spec.kind) {
    case "delay":
    case "hold": {
      const lapse = (): Promise<void> => (spec.kind === "hold" ? released : sleep(spec.ms));
      if (spec.holds === "request") {
        await lapse();
        return answered(carryOut());
      }
      const reply = carryOut();
      await lapse();
      return answered(reply);
    }
    case "status":
    case "html":
    case "wrong_json":
    case "answer":
      if (spec.takesEffect === true) carryOut();
      return answered(replacement(spec, trackingId));
    case "patch":
      return answered(patched(carryOut(), spec.fields));
    case "cut_body":
      return {
        kind: "cut",
        reply: carryOut(),
        afterBytes: spec.afterBytes,
        reset: spec.reset ?? false,
      };
    case "lost_answer":
      carryOut();
      return { kind: "lost", reset: spec.reset ?? false };
    case "drop_before":
      return { kind: "dropped", reset: spec.reset ?? false };
    case "error_redirect":
      // Only the authorization endpoint knows where to redirect; the dispatcher has seen to it.
      break;
  }
  return answered(carryOut());
}

type Replacing = Extract<Fault["spec"], { kind: "status" | "html" | "wrong_json" | "answer" }>;

function replacement(spec: Replacing, trackingId: string): Reply {
  if (spec.kind === "html") return htmlPage(200, "Welcome to the network. Please accept the terms of use.");
  if (spec.kind === "status") return failing(spec, trackingId);
  const isJson = spec.kind === "wrong_json";
  return {
    status: spec.status ?? 200,
    headers: isJson
      ? { "content-type": "application/json;charset=UTF-8", ...spec.headers }
      : (spec.headers ?? {}),
    body: spec.body ?? (isJson ? "[]" : ""),
  };
}

function failing(spec: Extract<Replacing, { kind: "status" }>, trackingId: string): Reply {
  const headers: Record<string, string> =
    spec.retryAfter === undefined ? {} : { "retry-after": String(spec.retryAfter) };
  const format = spec.format ?? (spec.status === 429 ? "html" : "json");
  const text = `The server answered ${spec.status}.`;
  if (format === "html") return htmlPage(spec.status, text, headers);
  return json(spec.status, { message: text, errors: [{ description: text }], trackingId }, headers);
}

function htmlPage(status: number, text: string, headers: Record<string, string> = {}): Reply {
  return {
    status,
    headers: { "content-type": "text/html;charset=UTF-8", ...headers },
    body: `<!doctype html><html lang="en"><head><title>${status}</title></head><body><h1>${text}</h1></body></html>`,
  };
}

/** JSON merge patch (RFC 7396), of the top level. */
function patched(reply: Reply, changes: Readonly<Record<string, unknown>>): Reply {
  const merged = Object.entries({ ...reply.fields, ...changes }).filter(([, value]) => value !== null);
  return { ...json(reply.status, Object.fromEntries(merged)), headers: reply.headers };
}

function answered(reply: Reply): Delivery {
  return { kind: "answered", reply };
}

/** In real time, not on the emulator's clock. */
function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    // Nobody waits for an answer once the server is closed.
    setTimeout(resolve, ms).unref();
  });
}
