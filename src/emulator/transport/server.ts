import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isControlPath } from "../control.ts";
import { Refusal } from "../refusals.ts";
import { hasContentType, parseFields, type Call, type Reply } from "./call.ts";
import type { Delivery } from "./delivery.ts";
import { attempt, dispatch, type Provider } from "./dispatcher.ts";

const bodyLimit = 64 * 1024;

/** Puts a provider and its control endpoint behind sockets; listening is the caller's. */
export function emulatorServer(provider: Provider, control: (call: Call) => Promise<Reply>): Server {
  const trackingIds = trackingIdSource();
  const dates = dateSource(provider.world.now);
  const server = createServer((request, response) => {
    response.sendDate = false;
    void answer(request, response);
  });
  // Longer than the idle time of any client's pool, so that no connection is ended while it is being taken.
  server.keepAliveTimeout = 120_000;
  server.on("clientError", (_, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    else socket.destroy();
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    if (body === undefined) return;
    const call = readCall(request, body.text, trackingIds());
    const delivery = await handle(call, body.isTooLarge);
    write(response, delivery, { date: dates(), trackingid: call.trackingId });
  }

  async function handle(call: Call, isTooLarge: boolean): Promise<Delivery> {
    if (isTooLarge) {
      const reply = attempt(provider.world, call, true, () => {
        throw new Refusal("body_too_large");
      });
      return { kind: "answered", reply: { ...reply, headers: { ...reply.headers, connection: "close" } } };
    }
    if (!isControlPath(call.path)) return dispatch(provider, call);
    return { kind: "answered", reply: await control(call) };
  }

  return server;
}

/** A request as a call. Works on text only: no address, however malformed, can make it throw. */
function readCall(
  request: Pick<IncomingMessage, "method" | "url" | "headers">,
  body: string,
  trackingId: string,
): Call {
  const { method = "GET", url = "/", headers } = request;
  const mark = url.indexOf("?");
  const isForm = hasContentType({ headers }, "application/x-www-form-urlencoded");
  return {
    method,
    path: mark < 0 ? url : url.slice(0, mark),
    query: parseFields(mark < 0 ? "" : url.slice(mark + 1)),
    headers,
    body,
    form: parseFields(isForm ? body : ""),
    trackingId,
  };
}

interface Body {
  readonly text: string;
  readonly isTooLarge: boolean;
}

/** Undefined where the client went away before it had sent all. */
function readBody(request: IncomingMessage): Promise<Body | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= bodyLimit) chunks.push(chunk);
      else resolve({ text: "", isTooLarge: true });
    });
    request.on("end", () => resolve({ text: Buffer.concat(chunks).toString("utf8"), isTooLarge: false }));
    request.on("error", () => resolve(undefined));
    request.on("close", () => resolve(undefined));
  });
}

function write(response: ServerResponse, delivery: Delivery, common: Record<string, string>): void {
  const socket = response.socket;
  if (!("reply" in delivery)) {
    if (delivery.reset) socket?.resetAndDestroy();
    else socket?.destroy();
    return;
  }
  const { status, headers, body } = delivery.reply;
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    ...common,
    ...headers,
    ...(status === 204 ? {} : { "content-length": bytes.length }),
  });
  if (delivery.kind === "answered") {
    response.end(bytes);
    return;
  }
  const { reset, afterBytes } = delivery;
  response.write(bytes.subarray(0, afterBytes), () => {
    if (reset) socket?.resetAndDestroy();
    else socket?.destroy();
  });
}

/** Ids in the shape of the gateway's, unique for a server. */
function trackingIdSource(): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `ROUTER_62E068B0-FA5E-01BB-1501-${count.toString(16).toUpperCase().padStart(12, "0")}`;
  };
}

/** HTTP dates on the emulator's clock, written once a second. */
function dateSource(now: () => number): () => string {
  let second = NaN;
  let text = "";
  return () => {
    const current = Math.floor(now() / 1000);
    if (current !== second) {
      second = current;
      text = new Date(current * 1000).toUTCString();
    }
    return text;
  };
}
