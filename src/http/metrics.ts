import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { DELIVERY_STATES, deliveryState } from "../core/delivery.ts";
import type { EventDraft } from "../core/events.ts";
import type { Ports, Store } from "../keeper/ports.ts";
import type { Send } from "../oauth/send.ts";
import type { Observe } from "./observe.ts";

/** Everything that is measured. Labels come from fixed sets alone; `docs/metrics.md` is held against these names. */
export interface Metrics {
  /** Prometheus text (exposition format 0.0.4), with what the store says now. */
  readonly text: () => Promise<string>;
  readonly contentType: string;
  readonly observe: Observe;
  /** A token answered out of memory: told on its own, since it happens thousands of times a second. */
  readonly observeFromMemory: (seconds: number) => void;
  /** The store and the network, watched. */
  readonly watchStore: (store: Store) => Store;
  readonly watchSend: (send: Send) => Send;
}

/** How old, in ms, what the store said may be: it is asked once, however many scrape. */
const SUMMARY_KEPT = 5000;
const FAST = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];
const SLOW = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30];

/** Events that say how a refresh ended. */
const OUTCOMES: ReadonlySet<string> = new Set([
  "refreshed",
  "refresh_failing",
  "recovered",
  "outcome_unknown",
  "suspect",
  "verdict_held",
  "reauthorization_required",
  "token_set_spooled",
  "token_set_parked",
]);

/** The metrics of one service. */
export function createMetrics(ports: Pick<Ports, "store" | "spool" | "clock">): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Histogram({
    name: "grantkeeper_http_request_duration_seconds",
    help: "Time from a request's header fields to the end of its answer.",
    labelNames: ["method", "route", "status"],
    buckets: FAST,
    registers,
  });
  const memory = requests.labels("GET", "/v1/grants/{name}/token", "200");
  const handOuts = new Counter({
    name: "grantkeeper_hand_outs_total",
    help: "Access tokens handed out by this process, first and later ones.",
    registers,
  });
  const outcomes = new Counter({
    name: "grantkeeper_refresh_outcomes_total",
    help: "What came of refreshes in this process, by the event that says so.",
    labelNames: ["outcome"],
    registers,
  });
  const provider = new Histogram({
    name: "grantkeeper_provider_request_duration_seconds",
    help: "Requests to providers: answered, not sent, or lost after they were sent.",
    labelNames: ["result"],
    buckets: SLOW,
    registers,
  });
  for (const outcome of OUTCOMES) outcomes.inc({ outcome }, 0);
  const refreshGauges = storeGauges(ports, registry);
  const count = (events: readonly EventDraft[]): void => {
    for (const { type } of events) if (OUTCOMES.has(type)) outcomes.inc({ outcome: type });
  };
  return {
    contentType: registry.contentType,
    text: async () => {
      await refreshGauges();
      return registry.metrics();
    },
    observe: ({ method, route, status, seconds }) => {
      requests.observe({ method, route, status: String(status) }, seconds);
    },
    observeFromMemory: (seconds) => {
      memory.observe(seconds);
      handOuts.inc();
    },
    watchStore: (store) => ({
      ...store,
      changeGrant: async (write, seen) => {
        const changed = await store.changeGrant(write, seen);
        if (changed !== null) count(write.events);
        return changed;
      },
      recordHandOut: async (handOut) => {
        const isFirst = await store.recordHandOut(handOut);
        handOuts.inc();
        return isFirst;
      },
    }),
    watchSend: (send) => async (request) => {
      const end = provider.startTimer();
      const result = await send(request);
      end({ result: result.kind });
      return result;
    },
  };
}

/** What only the store and the spool know, read when somebody scrapes. */
function storeGauges({ store, spool, clock }: Pick<Ports, "store" | "spool" | "clock">, registry: Registry) {
  const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
    new Gauge({ name: `grantkeeper_${name}`, help, labelNames, registers: [registry] });
  const up = gauge("store_up", "Whether the store could be read at this scrape.");
  const grants = gauge("grants", "Grants by state.", ["state"]);
  const life = gauge(
    "access_token_shortest_life_seconds",
    "Life left of the active grant's access token that ends first; below 0: ended.",
  );
  const consent = gauge(
    "reconsent_nearest_days",
    "Days until the first active grant needs a person's consent again.",
  );
  const lag = gauge("refresh_lag_seconds", "How long the refresh that is due longest has been due.");
  const failing = gauge("grants_failing", "Active grants whose last refresh brought no token.");
  const incidents = gauge("integration_incidents", "Integrations that their provider refuses.");
  const deliveries = gauge("deliveries", "Places of tokens by how they stand.", ["state"]);
  const depth = gauge("spool_depth", "What waits in this machine's spool for the store.");
  let readAt = Number.NEGATIVE_INFINITY;
  return async (): Promise<void> => {
    const startedAt = clock.monotonic();
    if (startedAt - readAt < SUMMARY_KEPT) return;
    depth.set((await spool.waiting()).length);
    const now = clock.now();
    try {
      const summary = await store.summary();
      readAt = startedAt;
      up.set(1);
      for (const [state, many] of Object.entries(summary.states)) grants.set({ state }, many);
      const seconds = (end: number | null): number => (end === null ? Number.NaN : (end - now) / 1000);
      life.set(seconds(summary.firstAccessEnd));
      consent.set(seconds(summary.firstRefreshEnd) / 86_400);
      lag.set(summary.firstDueAt === null ? 0 : Math.max(0, (now - summary.firstDueAt) / 1000));
      failing.set(summary.failing);
      incidents.set(summary.incidents);
      const standing = (await store.deliveries()).map(deliveryState);
      for (const state of DELIVERY_STATES)
        deliveries.set({ state }, standing.filter((one) => one === state).length);
    } catch {
      up.set(0);
    }
  };
}
