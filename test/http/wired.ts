/** The HTTP side over a keeper that is wired by hand: its clock is moved, and its store fails, as a test wants it. */
import { onTestFinished } from "vitest";
import { createApp } from "../../src/http/app.ts";
import { routesOf } from "../../src/http/routes/index.ts";
import { startServer } from "../../src/http/server.ts";
import { createService, type Service } from "../../src/http/service.ts";
import { answerFromMemory } from "../../src/http/token-route.ts";
import { createApiKey } from "../../src/keeper/api-keys.ts";
import type { Change, ChangeFeed } from "../../src/keeper/change-feed.ts";
import type { Store } from "../../src/keeper/ports.ts";
import { openRig, type Rig } from "../keeper/rig.ts";
import { type Answer, ask } from "./wire.ts";

/** A service whose memory hears of what goes through it, and of what a test tells it. */
export interface Wired {
  readonly rig: Rig;
  readonly service: Service;
  readonly port: number;
  readonly faults: unknown[];
  readonly key: (scopes: readonly string[], expiresIn?: number | null) => Promise<string>;
  /** What another process did, as the feed of changes tells it. */
  readonly tell: (change: Change) => void;
  /** `METHOD /path`. */
  readonly ask: (what: string, key: string) => Promise<Answer>;
}

export async function openWired(replace: (store: Store) => Partial<Store> = () => ({})): Promise<Wired> {
  const rig = await openRig({ replace: ({ store }) => ({ store: { ...store, ...replace(store) } }) });
  const listeners = new Set<(change: Change) => void>();
  const feed: ChangeFeed = {
    isFresh: () => true,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: async () => undefined,
  };
  const faults: unknown[] = [];
  const service = createService(rig.ports, feed, {
    version: "0",
    rateLimit: 0,
    trustedProxies: [],
    openMetrics: false,
    isSecure: false,
    rehearse: null,
    openId: null,
    onFault: (error) => faults.push(error),
    onRequest: () => undefined,
    stopping: new AbortController().signal,
  });
  const server = await startServer({
    app: createApp(service, routesOf(service), () => undefined),
    shortcut: (request, response) => answerFromMemory(service, request, response),
    watch: () => undefined,
    guardOptions: ({ port }) => ({ hosts: new Set([`127.0.0.1:${port}`]), origins: new Set() }),
    listen: { host: "127.0.0.1", port: 0 },
    tls: null,
    isSecure: false,
  });
  onTestFinished(() => server.stop(0));
  const { port } = server.address;
  let keys = 0;
  return {
    rig,
    service,
    port,
    faults,
    tell: (change) => {
      for (const listener of listeners) listener(change);
    },
    key: async (scopes, expiresIn = null) =>
      (await createApiKey(rig.ports, { name: `k${keys++}`, scopes, grants: null, expiresIn })).key,
    ask: (what, key) => {
      const [method = "", path = ""] = what.split(" ");
      return ask(port, method, path, { authorization: `Bearer ${key}` });
    },
  };
}
