import type { AddressInfo } from "node:net";
import type { Environment } from "./config.ts";
import { CONSOLE_PLACE } from "./console-place.ts";
import type { Grant } from "./core/grant.ts";
import { createDeliver } from "./delivery/deliver.ts";
import { answerCallback, CALLBACK_PATH } from "./http/callback.ts";
import { createAccessLog } from "./http/access-log.ts";
import { type LogFile, openLogFile } from "./http/log-file.ts";
import { createApp } from "./http/app.ts";
import type { GuardOptions } from "./http/guard.ts";
import { type Reason, storeReason } from "./http/health.ts";
import { addConsole } from "./http/console-files.ts";
import { answerMetrics, METRICS_PATH } from "./http/metrics-route.ts";
import { watchRequest } from "./http/watch-request.ts";
import { routesOf } from "./http/routes/index.ts";
import { type RunningServer, startServer } from "./http/server.ts";
import { addOpenId } from "./http/openid-routes.ts";
import { createService, type Rehearse, type Service } from "./http/service.ts";
import { addSignIn } from "./http/sign-in.ts";
import { answerFromMemory } from "./http/token-route.ts";
import { openTracing, type Tracing } from "./http/tracing.ts";
import { followChanges } from "./keeper/change-feed.ts";
import type { Clock, Failpoint, HeldStore } from "./keeper/ports.ts";
import { keepSupplied } from "./keeper/keep-supplied.ts";
import { keepAlive } from "./keeper/run.ts";
import { type OpenKeeper, openKeeper } from "./open.ts";
import { refuseReachable, type ServeConfig } from "./serve-config.ts";

export interface ServeOptions {
  readonly env: Environment;
  readonly config: ServeConfig;
  readonly version: string;
  readonly failpoint?: Failpoint | undefined;
  /** Starts a stand-in for the provider beside it, where that can be done. */
  readonly rehearse?: Rehearse | undefined;
  /** What went wrong behind the scenes; never holds a secret. */
  readonly onError: (error: unknown, grant: Grant | null) => void;
  readonly onHeld: (found: HeldStore) => void;
}

/** A service at work. */
export interface RunningService {
  /** Where it is reached: `public_url`, else where it listens, as in http://127.0.0.1:8700. */
  readonly url: string;
  /** The port that it listens at. */
  readonly port: number;
  /** For whoever moved the access log away. */
  readonly reopenLog: () => void;
  /** Resolves when refreshing has ended, with what ended it: null where it was `stop`. Never rejects. */
  readonly ended: Promise<unknown>;
  /** Ends in order: requests under way are answered, refreshes under way saved, counts written down. */
  readonly stop: () => Promise<void>;
}

/** How long, in ms, requests under way are waited for: a refresh may take its 30 s and be saved. */
const STOP_PATIENCE = 35_000;
/** Between two writings of counts, in ms. */
const FLUSH_EVERY = 1000;

/**
 * The service: HTTP API and refreshing on one store, in one process.
 * @throws {GrantkeeperError} what opening the store throws; `conflict` for a taken port.
 */
export async function serve(options: ServeOptions): Promise<RunningService> {
  const { env, onHeld, failpoint } = options;
  const keeper = await openKeeper(env, { actor: "scheduler", listens: true, onHeld, failpoint });
  try {
    return await start(keeper, options);
  } catch (error) {
    await keeper.close();
    throw error;
  }
}

async function start(keeper: OpenKeeper, options: ServeOptions): Promise<RunningService> {
  const { config, env, onError, version } = options;
  const report = (error: unknown): void => onError(error, null);
  const log = openLog(config, keeper.ports.clock, report);
  const feed = await followChanges(keeper.ports, report);
  const onRequest = log === null ? () => undefined : createAccessLog(log.write);
  const stopping = new AbortController();
  const { signal } = stopping;
  const { rehearse = null } = options;
  const hooks = { onFault: report, onRequest, stopping: signal, rehearse };
  const isSecure = config.tls !== null || config.publicUrl?.protocol === "https:";
  const tracing = openTracing(version);
  const { send } = keeper.ports;
  const ports = tracing === null ? keeper.ports : { ...keeper.ports, send: tracing.watchSend(send) };
  const service = createService(ports, feed, { ...config, isSecure, version, ...hooks });
  const state: State = { reason: { code: "starting", message: "It has not yet looked at what is due." } };
  const server = await listen(service, config, state, tracing).catch(async (error: unknown) => {
    await feed.stop();
    throw error;
  });
  const onTick = (): void => {
    if (state.reason?.code === "starting") state.reason = null;
  };
  const { identity } = keeper;
  const ended = keepAlive(service.ports, { signal, onError, onTick, identity }).then(
    () => null,
    (error: unknown) => {
      state.reason = STOPPED;
      return error;
    },
  );
  const deliver = createDeliver({ ...ports, env });
  const supplied = keepSupplied(service.ports, deliver, { signal, onError });
  const stopFlushing = flushRegularly(service, report);
  return {
    url: urlOf(server.address, config),
    port: server.address.port,
    ended,
    reopenLog: () => log?.reopen(),
    stop: async () => {
      state.reason = { code: "stopping", message: "The service is stopping." };
      stopping.abort();
      await Promise.all([server.stop(STOP_PATIENCE), ended, supplied]);
      await feed.stop();
      await stopFlushing();
      await log?.close();
      await keeper.close();
    },
  };
}

function openLog(
  { accessLog }: ServeConfig,
  clock: Clock,
  onError: (error: unknown) => void,
): LogFile | null {
  if (accessLog !== "stderr") return accessLog === null ? null : openLogFile(accessLog, clock, onError);
  const nothing = (): void => undefined;
  return { write: (line) => process.stderr.write(line), reopen: nothing, close: () => Promise.resolve() };
}

const STOPPED: Reason = {
  code: "refreshing_stopped",
  message: "Refreshing has stopped; start the service again.",
};

interface State {
  reason: Reason | null;
}

function listen(
  service: Service,
  config: ServeConfig,
  state: State,
  tracing: Tracing | null,
): Promise<RunningServer> {
  const app = createApp(service, routesOf(service), (open) => {
    addSignIn(open, service);
    addOpenId(open, service);
    addConsole(open, CONSOLE_PLACE);
    open.get(CALLBACK_PATH, (c) => answerCallback(service, c));
    open.get(METRICS_PATH, (c) => answerMetrics(service, c));
    open.get("/livez", (c) => c.json({ status: "alive" }));
    open.get("/readyz", async (c) => {
      const reason = state.reason ?? (await storeReason(service.ports));
      return reason === null
        ? c.json({ status: "ready", reasons: [] })
        : c.json({ status: "not_ready", reasons: [reason] }, 503, { "retry-after": "5" });
    });
  });
  return startServer({
    app,
    watch: (request, response) => watchRequest(service, request, response),
    shortcut: (request, response) => answerFromMemory(service, request, response, tracing !== null),
    ...(tracing !== null && { around: tracing.watchRequests }),
    guardOptions: (address) => {
      // Of a socket that was handed over it is not known before. Nothing has been taken from it yet.
      if (config.socket !== null) refuseReachable(address.address, config);
      return guardOptionsFor(address, config);
    },
    listen: config.socket === null ? { host: config.host, port: config.port } : { fd: config.socket },
    tls: config.tls,
    isSecure: service.isSecure,
  });
}

/** The names that the service goes by: its own address, the loopback names of its port, and what is configured. */
function guardOptionsFor({ port, address, family }: AddressInfo, config: ServeConfig): GuardOptions {
  const own = family === "IPv6" ? `[${address}]` : address;
  const isDefaultPort = port === (config.tls === null ? 80 : 443);
  const names = [own, "127.0.0.1", "[::1]", "localhost", config.host].flatMap((name) =>
    isDefaultPort ? [name, `${name}:${port}`] : [`${name}:${port}`],
  );
  const hosts = new Set([...names, ...config.allowedHosts].map((name) => name.toLowerCase()));
  if (config.publicUrl !== null) hosts.add(config.publicUrl.host);
  const schemes = config.tls === null ? ["http", "https"] : ["https"];
  const origins = new Set([...hosts].flatMap((host) => schemes.map((scheme) => `${scheme}://${host}`)));
  return { hosts, origins };
}

function urlOf({ port, address, family }: AddressInfo, { tls, publicUrl }: ServeConfig): string {
  if (publicUrl !== null) return publicUrl.origin;
  const host = family === "IPv6" ? `[${address}]` : address;
  return `${tls === null ? "http" : "https"}://${host}:${port}`;
}

/** Counts and last uses go to the store every second; what fails is counted on and tried again. */
function flushRegularly(service: Service, report: (error: unknown) => void): () => Promise<void> {
  const { clock } = service.ports;
  let last: Promise<void> = Promise.resolve();
  let cancel = (): void => undefined;
  const next = (): void => {
    cancel = clock.alarm(FLUSH_EVERY, () => {
      last = turn();
    });
  };
  const turn = async (): Promise<void> => {
    await flush(service).catch(report);
    next();
  };
  next();
  return async () => {
    cancel();
    await last;
    cancel();
    await flushAll(service).catch(report);
  };
}

async function flush({ counts, keys }: Service): Promise<boolean> {
  const hasMore = await counts.flush();
  await keys.flush();
  return hasMore;
}

async function flushAll(service: Service): Promise<void> {
  while (await flush(service)) {
    // Until nothing is left.
  }
}
