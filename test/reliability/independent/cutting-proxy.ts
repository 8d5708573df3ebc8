import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/**
 * Where a connection is cut: before the request gets to the server, or when the server has acted and its
 * answer is on the way, before its first byte or in the middle.
 */
export type Cut = "request" | "answer" | "half_answer";

/** A TCP relay before a server that can lose what goes through it. */
export interface CuttingProxy {
  readonly origin: string;
  /** Cuts the next requests of this path prefix, one each. */
  readonly cutNext: (path: string, cut: Cut, times?: number) => void;
  /** How many were cut so far. */
  readonly cuts: () => number;
  readonly close: () => Promise<void>;
}

interface Plan {
  readonly path: string;
  readonly cut: Cut;
  left: number;
}

/** Relays loopback connections to a port of this machine. Both ends see bytes as they come. */
export async function startCuttingProxy(targetPort: number): Promise<CuttingProxy> {
  const open = new Set<Socket>();
  let plan: Plan | null = null;
  let cuts = 0;

  const planFor = (head: string): Cut | null => {
    if (plan === null || plan.left === 0 || !head.startsWith(`POST ${plan.path} `)) return null;
    plan.left--;
    cuts++;
    return plan.cut;
  };

  const server = createServer((client) => {
    const upstream = connect(targetPort, "127.0.0.1");
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    let cut: Cut | null = null;
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.setNoDelay(true);
      socket.on("error", end).on("close", () => {
        open.delete(socket);
        end();
      });
    }
    client.on("data", (bytes) => {
      cut ??= planFor(bytes.toString("latin1"));
      if (cut === "request") client.resetAndDestroy();
      else upstream.write(bytes);
    });
    upstream.on("data", (bytes) => {
      if (cut === "answer") client.resetAndDestroy();
      else if (cut === "half_answer") client.end(bytes.subarray(0, bytes.length >> 1), end);
      else client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutNext: (path, cut, times = 1) => {
      plan = { path, cut, left: times };
    },
    cuts: () => cuts,
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
