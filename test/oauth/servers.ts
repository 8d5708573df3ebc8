import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createServer as createNetServer, type AddressInfo, type Server, type Socket } from "node:net";

/** A listening server of a test, and everything it saw. */
export interface TestServer {
  readonly port: number;
  /** `http://127.0.0.1:<port>`. */
  readonly origin: string;
  /** Requests seen, whole. */
  readonly requests: SeenRequest[];
  /** Bytes received, over all connections. */
  readonly received: () => number;
  readonly connections: () => number;
  readonly close: () => Promise<void>;
}

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

type Answer = (request: SeenRequest, response: ServerResponse, raw: IncomingMessage) => void;

const open = new Set<TestServer>();

/** Closes what the tests of a file have opened; for `afterEach`. */
export async function closeServers(): Promise<void> {
  await Promise.all([...open].map((server) => server.close()));
}

/** An HTTP server that reads whole requests before it answers. */
export function httpServer(answer: Answer): Promise<TestServer> {
  const requests: SeenRequest[] = [];
  return listen(createHttpServer(reading(requests, answer)), "http", requests);
}

const certificate = (name: string) =>
  readFileSync(new URL(`./certificate/${name}.pem`, import.meta.url), "utf8");

/** Self-signed, for localhost, 127.0.0.1 and provider.test. */
export const CERTIFICATE = certificate("cert");

/** The same over TLS. */
export function httpsServer(answer: Answer): Promise<TestServer> {
  const requests: SeenRequest[] = [];
  const server = createTlsServer({ cert: CERTIFICATE, key: certificate("key") }, reading(requests, answer));
  server.on("tlsClientError", () => {});
  return listen(server, "https", requests);
}

/** A bare TCP server. */
export function netServer(onSocket: (socket: Socket) => void): Promise<TestServer> {
  return listen(createNetServer(onSocket), "http", []);
}

function reading(requests: SeenRequest[], answer: Answer) {
  return (raw: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    raw.on("data", (chunk: Buffer) => chunks.push(chunk));
    raw.on("error", () => {});
    raw.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const seen = { method: raw.method ?? "", url: raw.url ?? "", headers: raw.headers, body };
      requests.push(seen);
      answer(seen, response, raw);
    });
  };
}

async function listen(server: Server, scheme: string, requests: SeenRequest[]): Promise<TestServer> {
  const sockets = new Set<Socket>();
  let count = 0;
  let received = 0;
  server.on("connection", (socket: Socket) => {
    count++;
    sockets.add(socket);
    socket.on("data", (chunk) => (received += chunk.length));
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const made: TestServer = {
    port,
    origin: `${scheme}://127.0.0.1:${port}`,
    requests,
    received: () => received,
    connections: () => count,
    close: () => {
      open.delete(made);
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  open.add(made);
  return made;
}

/** A port on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = await netServer(() => {});
  await server.close();
  return server.port;
}
