/** A proxy before a PostgreSQL that counts what a client says and can do something at the nth word of it. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Before a word reaches the server, or when its answer is there and before the client has it. */
export type Moment = "before" | "answered";

/** What a fault gets to do it with. */
export interface Connection {
  /** Ends the connection at both ends, the client's with a reset. */
  readonly reset: () => void;
}

export interface DatabaseProxy {
  readonly port: number;
  /** From now on words are counted, from 1, over all connections; at the nth of them `fault` is done, once. */
  readonly arm: (n: number, moment: Moment, fault: (connection: Connection) => Promise<void>) => void;
  /** Counts no more. How many words there were, and whether the fault was done. */
  readonly disarm: () => { readonly words: number; readonly isDone: boolean };
  readonly close: () => Promise<void>;
}

interface Arming {
  readonly n: number;
  readonly moment: Moment;
  readonly fault: (connection: Connection) => Promise<void>;
  words: number;
  isDone: boolean;
}

/** A client of ours waits for answers, so that what arrives in one piece is what it sends in one go. */
export async function startDatabaseProxy(serverPort: number): Promise<DatabaseProxy> {
  let armed: Arming | null = null;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(serverPort, "127.0.0.1");
    const reset = (): void => {
      client.resetAndDestroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    }
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
    /** What goes one way waits for what was before it. */
    let saying = Promise.resolve();
    let answering = Promise.resolve();
    let awaited: Arming | null = null;
    client.on("data", (piece: Buffer) => {
      const at = armed;
      if (at !== null) at.words++;
      const isIt = at !== null && at.words === at.n;
      if (isIt) at.isDone = true;
      if (isIt && at.moment === "answered") awaited = at;
      saying = after(saying, async () => {
        if (isIt && at.moment === "before") await at.fault({ reset });
        if (!upstream.destroyed) upstream.write(piece);
      });
    });
    upstream.on("data", (piece: Buffer) => {
      const at = awaited;
      awaited = null;
      answering = after(answering, async () => {
        if (at !== null) await at.fault({ reset });
        if (!client.destroyed) client.write(piece);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    arm: (n, moment, fault) => {
      armed = { n, moment, fault, words: 0, isDone: false };
    },
    disarm: () => {
      const { words = 0, isDone = false } = armed ?? {};
      armed = null;
      return { words, isDone };
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function after(before: Promise<void>, work: () => Promise<void>): Promise<void> {
  await before;
  await work();
}
