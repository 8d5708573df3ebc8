/** HTTP as bytes: what a well-behaved client would never send, and answers taken apart by hand. */
import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";

/** An answer, taken apart. Field names are in lower case. */
export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** What came back on a connection, until it ended or nobody waited any longer. */
export interface Exchange {
  readonly text: string;
  readonly answers: readonly Answer[];
  /** Whether the service ended the connection. */
  readonly ended: boolean;
}

export interface RawOptions {
  /** Closes our half after sending. */
  readonly half?: boolean;
  /** Enough was seen. Without it, the end of the connection is waited for. */
  readonly enough?: (answers: readonly Answer[]) => boolean;
  /** Ms until it is given up. */
  readonly patience?: number;
  /** Told when the connection is there, to send more by hand. */
  readonly onOpen?: (socket: Socket) => void;
}

/** Sends bytes on a connection of their own. */
export function exchange(
  port: number,
  bytes: string | Uint8Array,
  options: RawOptions = {},
): Promise<Exchange> {
  const { half = false, enough, patience = 10_000, onOpen } = options;
  return new Promise((resolve) => {
    let text = "";
    let isOver = false;
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const finish = (ended: boolean): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, ended, answers: answersIn(text) });
    };
    const timer = setTimeout(() => finish(false), patience);
    socket.setEncoding("latin1");
    socket.on("data", (part: string) => {
      text += part;
      if (enough?.(answersIn(text)) === true) finish(false);
    });
    socket.on("end", () => finish(true));
    socket.on("close", () => finish(true));
    socket.on("error", () => undefined);
    socket.on("connect", () => {
      socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
      onOpen?.(socket);
      if (half) socket.end();
    });
  });
}

/** The answers in what a connection gave; the last one may be cut. Interim ones are answers too. */
function answersIn(text: string): Answer[] {
  const answers: Answer[] = [];
  let rest = text;
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n");
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(rest)?.[1];
    if (end === -1 || status === undefined) break;
    const headers = new Map(
      rest
        .slice(0, end)
        .split("\r\n")
        .slice(1)
        .map((line): [string, string] => {
          const colon = line.indexOf(":");
          return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
        }),
    );
    rest = rest.slice(end + 4);
    const length = Number(headers.get("content-length") ?? 0);
    answers.push({ status: Number(status), headers, body: rest.slice(0, length) });
    rest = rest.slice(length);
  }
  return answers;
}

/** Many requests share few connections, as a program's do. */
const agent = new Agent({ keepAlive: true, maxSockets: 16 });

/** One request as its fields are given, whatever they are. */
export function ask(
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string | string[]>> = {},
  body?: string | Uint8Array,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, host: "127.0.0.1", method, path, headers, agent }, (incoming) => {
      const parts: Buffer[] = [];
      incoming.on("data", (part: Buffer) => parts.push(part));
      incoming.on("error", reject);
      incoming.on("end", () => {
        const fields = Object.entries(incoming.headers).map(([name, value]): [string, string] => [
          name,
          String(value),
        ]);
        resolve({
          status: incoming.statusCode ?? 0,
          headers: new Map(fields),
          body: Buffer.concat(parts).toString("utf8"),
        });
      });
    });
    outgoing.on("error", reject);
    // Node declares no length with DELETE and TRACE, and sends the body all the same.
    if (body !== undefined) outgoing.setHeader("content-length", Buffer.byteLength(body));
    outgoing.end(body);
  });
}

/** Runs some work for each item, eight at a time. */
export async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
    }),
  );
}
