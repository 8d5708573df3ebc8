import type { Grant, HistoryEvent, Integration, Overview, PageOf } from "../api/documents.ts";
import { load, Problem } from "../api/request.ts";

/** How the page hears of changes. */
export type Connection = "connecting" | "live" | "lost";

/** What all pages look at: it is loaded once, and follows the service's events from then on. */
export interface World {
  readonly connection: Connection;
  /** By name; null until the first page of them has come. */
  readonly grants: ReadonlyMap<string, Grant> | null;
  /** Whether that is all of them. */
  readonly hasAllGrants: boolean;
  readonly integrations: readonly Integration[] | null;
  readonly overview: Overview | null;
  /** Why nothing could be loaded. */
  readonly problem: Problem | null;
}

const EMPTY: World = {
  connection: "connecting",
  grants: null,
  hasAllGrants: false,
  integrations: null,
  overview: null,
  problem: null,
};

let world: World = EMPTY;
const listeners = new Set<() => void>();
const eventListeners = new Set<(event: HistoryEvent) => void>();

export const getWorld = (): World => world;

export function subscribeWorld(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Hears each event as it happens. */
export function onEvent(listener: (event: HistoryEvent) => void): () => void {
  eventListeners.add(listener);
  return () => eventListeners.delete(listener);
}

export function tellEvent(event: HistoryEvent): void {
  for (const listener of eventListeners) listener(event);
}

export function changeWorld(change: Partial<World>): void {
  world = { ...world, ...change };
  for (const listener of listeners) listener();
}

export function forgetWorld(): void {
  changeWorld(EMPTY);
}

/** Puts grants in, and takes out those of the names given. */
export function keepGrants(grants: readonly Grant[], gone: readonly string[] = []): void {
  const next = new Map(world.grants);
  for (const grant of grants) next.set(grant.name, grant);
  for (const name of gone) next.delete(name);
  changeWorld({ grants: next });
}

/** Loads one grant anew. */
export async function reloadGrant(name: string): Promise<void> {
  try {
    keepGrants([await load<Grant>(`/v1/grants/${encodeURIComponent(name)}`)]);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) keepGrants([], [name]);
    else throw error;
  }
}

/** Loads all grants, page by page: the first shows at once. */
export async function reloadGrants(): Promise<void> {
  const names = new Set<string>();
  let cursor: string | null = null;
  let isFirst = true;
  do {
    const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    // oxlint-disable-next-line no-await-in-loop -- each page names the next
    const page: PageOf<Grant> = await load(`/v1/grants?limit=${isFirst ? 100 : 500}${query}`);
    keepGrants(page.items);
    for (const { name } of page.items) names.add(name);
    cursor = page.next_cursor;
    isFirst = false;
  } while (cursor !== null);
  const gone = [...(world.grants ?? new Map<string, Grant>()).keys()].filter((name) => !names.has(name));
  if (gone.length > 0) keepGrants([], gone);
  changeWorld({ hasAllGrants: true });
}

export async function reloadIntegrations(): Promise<void> {
  const { items } = await load<PageOf<Integration>>("/v1/integrations");
  changeWorld({ integrations: items });
}

export async function reloadOverview(): Promise<Overview> {
  const overview = await load<Overview>("/v1/overview");
  changeWorld({ overview });
  return overview;
}
