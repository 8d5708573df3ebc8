import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, connect, type Socket } from "node:net";

/** How far an exchange gets before it stands still: nothing forwarded, nothing answered, or a part of the answer. */
export type WirePart = "request" | "answer" | "headers" | "half_body" | "last_byte";

export const WIRE_PARTS: readonly WirePart[] = ["request", "answer", "headers", "half_body", "last_byte"];

/** A wire between client and provider that can stop in the middle of one exchange. */
export interface Wire {
  /** Of loopback; takes the place of the provider's own. */
  readonly port: number;
  /** Resolves when the exchange whose request has this text stands still, and its client has read what came. */
  readonly standsStill: (text: string, part: WirePart) => Promise<void>;
  readonly close: () => Promise<void>;
}

interface Stop {
  readonly text: string;
  readonly part: WirePart;
  readonly reached: () => void;
}

/** Bytes go through as they are; only the ends of messages are looked for. */
export async function startWire(provider: URL): Promise<Wire> {
  const stops: Stop[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(provider.port), provider.hostname);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one
        .on("error", () => undefined)
        .on("close", () => {
          sockets.delete(one);
          other.destroy();
        });
    }
    let stop: Stop | undefined;
    whole(client, (request) => {
      const at = stops.findIndex(({ text }) => request.includes(text));
      stop = at === -1 ? undefined : stops.splice(at, 1)[0];
      if (stop?.part !== "request") upstream.write(request);
      else stop.reached();
    });
    whole(upstream, (answer) => {
      if (stop === undefined) {
        client.write(answer);
        return;
      }
      const { part, reached } = stop;
      const port = client.remotePort ?? 0;
      client.write(answer.subarray(0, lengthOf(part, answer)), () => void untilRead(port).then(reached));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    standsStill: (text, part) =>
      new Promise((resolve) => {
        stops.push({ text, part, reached: resolve });
      }),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function lengthOf(part: WirePart, answer: Buffer): number {
  const head = answer.indexOf("\r\n\r\n") + 4;
  if (part === "headers") return head;
  if (part === "half_body") return head + Math.floor((answer.length - head) / 2);
  return part === "last_byte" ? answer.length - 1 : 0;
}

/** Calls `done` with each whole message. */
function whole(socket: Socket, done: (message: Buffer) => void): void {
  let seen = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk]);
    if (!isWhole(seen)) return;
    const message = seen;
    seen = Buffer.alloc(0);
    done(message);
  });
}

function isWhole(message: Buffer): boolean {
  const end = message.indexOf("\r\n\r\n");
  if (end === -1) return false;
  const head = message.subarray(0, end).toString("latin1");
  if (/^transfer-encoding: *chunked/im.test(head)) return message.subarray(-5).toString() === "0\r\n\r\n";
  const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  return message.length >= end + 4 + length;
}

/** Resolves when the kernel holds nothing any more that came for this port of loopback and was not read. */
async function untilRead(port: number): Promise<void> {
  const address = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (;;) {
    const lines = readFileSync("/proc/net/tcp", "utf8").split("\n");
    const fields = lines.map((line) => line.trim().split(/\s+/)).find(([, local]) => local === address);
    if (fields === undefined || fields[4]?.endsWith(":00000000")) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
