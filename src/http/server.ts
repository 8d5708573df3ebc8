import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, ListenOptions, Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { GrantkeeperError } from "../core/errors.ts";
import type { Env } from "./app.ts";
import { guard, type GuardOptions, MOST_FIELDS, securityHeaders } from "./guard.ts";
import { HttpRefusal, PROBLEM_JSON, problemOf } from "./problem.ts";

/** Every time-out and limit of a connection, in ms and bytes. */
const LIMITS = {
  /** For the header fields, and for the whole request: a client that is slower is let go. */
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  keepAliveTimeout: 65_000,
  /** TLS alone. */
  handshakeTimeout: 10_000,
  maxHeaderSize: 16_384,
  /** Between two looks at what has been too slow. */
  connectionsCheckingInterval: 2000,
  /** The guard refuses a request without Host, in the words of every refusal. */
  requireHostHeader: false,
  insecureHTTPParser: false,
} as const;
const MOST_CONNECTIONS = 10_000;

/** A listening server, and the ways to end it. */
export interface RunningServer {
  readonly address: AddressInfo;
  /** Takes no new requests, lets those under way end, and closes idle connections. */
  readonly stop: (patience: number) => Promise<void>;
}

/** Answers a request, or says that it did not. */
export type Shortcut = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Where to listen: a host and a port, or the descriptor of a socket that was opened for us. */
type Place = Pick<ListenOptions, "host" | "port"> & { readonly fd?: number };

export interface ServerOptions {
  readonly app: Hono<Env>;
  readonly shortcut: Shortcut;
  /** Sees each request that the shortcut did not answer. */
  readonly watch: (request: IncomingMessage, response: ServerResponse) => void;
  /** Put around whatever answers requests. */
  readonly around?: (listener: RequestListener) => RequestListener;
  /** Made when it is known where the server listens: its own address is one of the hosts. May refuse the address. */
  readonly guardOptions: (address: AddressInfo) => GuardOptions;
  readonly listen: Place;
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** Whether it is reached by https, its own or that of a proxy before it. */
  readonly isSecure: boolean;
  /** Other time-outs than the usual ones, for tests. */
  readonly timeouts?: Timeouts;
}

/** How slow a client may be, in ms. */
export type Timeouts = Partial<
  Record<"headersTimeout" | "requestTimeout" | "connectionsCheckingInterval" | "handshakeTimeout", number>
>;

/**
 * Listens. Each request is looked at by the guard first, answered out of memory where it can be, and else by
 * the router.
 * @throws {GrantkeeperError} `conflict` for a port that is taken, `invalid_request` for one that cannot be had.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { app, shortcut, watch, tls } = options;
  const limits = { ...LIMITS, ...options.timeouts };
  const fields = securityHeaders(options.isSecure);
  let guardOptions: GuardOptions = { hosts: new Set(), origins: new Set() };
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const answer: RequestListener = (request, response) => {
    // A client that goes on asking on its connection would keep the server from ending.
    if (!server.listening) response.shouldKeepAlive = false;
    try {
      guard(request, guardOptions);
      if (shortcut(request, response)) return;
    } catch (error) {
      watch(request, response);
      refuseDirectly(request, response, error, fields);
      return;
    }
    watch(request, response);
    // Node would keep a connection that becomes idle while the server stops.
    response.once("close", () => {
      if (!server.listening) request.socket.destroySoon();
    });
    for (const [name, value] of Object.entries(fields)) response.setHeader(name, value);
    void listener(request, response);
  };
  const { around = (inner: RequestListener) => inner } = options;
  const server: Server =
    tls === null
      ? createServer(limits, around(answer))
      : createTlsServer({ ...limits, ...tls }, around(answer));
  server.maxHeadersCount = 2 * MOST_FIELDS;
  server.maxConnections = MOST_CONNECTIONS;
  // Without this, "Expect" other than 100-continue is answered by Node, without our fields.
  server.on("checkExpectation", (request, response) =>
    refuseDirectly(request, response, oddExpectation(), fields),
  );
  server.on("clientError", (error, socket) => onClientError(error, socket as Socket, fields));
  const address = await listen(server, options.listen);
  try {
    guardOptions = options.guardOptions(address);
  } catch (error) {
    server.close();
    throw error;
  }
  return { address, stop: (patience) => stop(server, patience) };
}

function listen(server: Server, options: Place): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(cannotListen(options, cause)));
    server.listen(options, () => {
      const address = server.address();
      if (typeof address === "object" && address !== null) return resolve(address);
      server.close();
      reject(noInternetSocket());
    });
  });
}

function noInternetSocket(cause?: unknown): GrantkeeperError {
  return new GrantkeeperError("invalid_request", "The socket that was handed over is not one of TCP.", {
    remedy: "Give its socket unit ListenStream=127.0.0.1:8700.",
    cause,
  });
}

function cannotListen({ host = "", port = 0, fd }: Place, cause: NodeJS.ErrnoException): GrantkeeperError {
  if (fd !== undefined) return noInternetSocket(cause);
  const isTaken = cause.code === "EADDRINUSE";
  return new GrantkeeperError(
    isTaken ? "conflict" : "invalid_request",
    isTaken
      ? `Port ${port} of ${host} is taken by another program.`
      : `Port ${port} of ${host} cannot be listened at (${cause.code ?? "?"}).`,
    { remedy: "End that program, or choose another with --port, or 0 for any that is free.", cause },
  );
}

async function stop(server: Server, patience: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), patience);
  await closed;
  clearTimeout(timer);
}

/** Ahead of the router. The rest of the request is not read: its connection ends with the answer. */
function refuseDirectly(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  fields: Readonly<Record<string, string>>,
): void {
  const { status, document, headers } = problemOf(error);
  const body = JSON.stringify(document);
  const hasBody =
    request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined;
  response.writeHead(status, {
    ...fields,
    ...headers,
    "content-type": PROBLEM_JSON,
    "content-length": Buffer.byteLength(body),
    ...(hasBody && { connection: "close" }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

function oddExpectation(): GrantkeeperError {
  return new GrantkeeperError("invalid_request", "This expectation cannot be met.", {
    remedy: "Leave the Expect field out.",
  });
}

const STATUS_OF: Readonly<Record<string, readonly [status: number, reason: string]>> = {
  HPE_HEADER_OVERFLOW: [431, "Request Header Fields Too Large"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "Request Timeout"],
};

/** What is no HTTP gets a short answer, and the connection ends: nothing after it could be told apart. */
function onClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  fields: Readonly<Record<string, string>>,
): void {
  // Node has no public name for the answer under way; its own handler of these errors looks here too.
  const { _httpMessage: current } = socket as { _httpMessage?: ServerResponse | null };
  if (current?.req.complete === true) {
    // The request before the nonsense would take a refusal for its own answer, and may have been carried out.
    current.shouldKeepAlive = false;
    current.once("close", () => socket.destroySoon());
    return;
  }
  if (error.code !== "ECONNRESET" && socket.writable && current?.headersSent !== true)
    socket.write(unreadable(STATUS_OF[error.code ?? ""] ?? [400, "Bad Request"], fields));
  // Not only our half: whoever sends nonsense and never ends would keep the connection for ever.
  socket.destroySoon();
}

function unreadable(
  [status, reason]: readonly [status: number, reason: string],
  common: Readonly<Record<string, string>>,
): string {
  const detail = "This is not a request that can be read.";
  const { document } = problemOf(
    new HttpRefusal(status, "invalid_request", detail, "Send one that is as RFC 9112 has it."),
  );
  const body = JSON.stringify(document);
  const fields = {
    ...common,
    connection: "close",
    "content-type": PROBLEM_JSON,
    "content-length": Buffer.byteLength(body),
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${reason}\r\n${lines.join("")}\r\n${body}`;
}
