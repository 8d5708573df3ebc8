import { EVENT_TYPES } from "../../../src/core/events.ts";
import type { HistoryEvent } from "../api/documents.ts";
import { Problem } from "../api/request.ts";
import {
  changeWorld,
  forgetWorld,
  reloadGrant,
  reloadGrants,
  reloadIntegrations,
  reloadOverview,
  tellEvent,
} from "./world.ts";

/** Changes that come together are loaded together, in ms. */
const GATHER = 150;
/** More grants than that at once, and the list is loaded anew. */
const MANY = 40;
/** Until the next try, in ms, after the service could not be reached. */
const RETRY = 3000;

/**
 * Loads the world and follows the service's events, until the returned function is called. A connection that
 * was lost is found again by itself, and what was missed is loaded.
 */
export function followService(): () => void {
  let source: EventSource | null = null;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let hasEnded = false;
  const gathering = gather();

  const begin = async (): Promise<void> => {
    try {
      const { last_event: last } = await reloadOverview();
      const all = Promise.all([reloadIntegrations(), reloadGrants()]);
      if (!hasEnded) source = listen(last);
      await all;
      changeWorld({ problem: null });
    } catch (error) {
      if (hasEnded) return;
      if (error instanceof Problem && error.status === 401) return;
      changeWorld({ connection: "lost", problem: error instanceof Problem ? error : null });
      again();
    }
  };

  const again = (): void => {
    source?.close();
    source = null;
    clearTimeout(retry);
    retry = setTimeout(() => void begin(), RETRY);
  };

  const listen = (after: number): EventSource => {
    const opened = new EventSource(`/v1/events?after=${after}`);
    const hear = ({ data }: MessageEvent<string>): void => {
      const event = JSON.parse(data) as HistoryEvent;
      tellEvent(event);
      gathering.add(event);
    };
    for (const type of Object.keys(EVENT_TYPES)) opened.addEventListener(type, hear);
    opened.addEventListener("open", () => changeWorld({ connection: "live" }));
    opened.addEventListener("error", () => {
      if (hasEnded) return;
      changeWorld({ connection: "lost" });
      // A browser that is refused does not ask again by itself; the service may have restarted, or the session ended.
      if (opened.readyState === EventSource.CLOSED) again();
    });
    return opened;
  };

  void begin();
  return () => {
    hasEnded = true;
    source?.close();
    clearTimeout(retry);
    gathering.end();
    forgetWorld();
  };
}

/** Loads what events say has changed, a moment later and once for many. */
function gather() {
  const grants = new Set<string>();
  let hasIntegrations = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = async (): Promise<void> => {
    timer = undefined;
    const names = [...grants];
    const loads: Promise<unknown>[] = [reloadOverview()];
    if (hasIntegrations) loads.push(reloadIntegrations());
    if (names.length > MANY) loads.push(reloadGrants());
    else loads.push(...names.map(reloadGrant));
    grants.clear();
    hasIntegrations = false;
    // What could not be loaded is loaded when the connection is found again.
    await Promise.allSettled(loads);
  };
  return {
    add: ({ grant, integration, type }: HistoryEvent): void => {
      if (grant !== null) grants.add(grant);
      hasIntegrations ||= integration !== null || type === "store_copied";
      timer ??= setTimeout(() => void flush(), GATHER);
    },
    end: (): void => clearTimeout(timer),
  };
}
