import { GrantkeeperError } from "../core/errors.ts";
import type { Grant } from "../core/grant.ts";
import type { Integration } from "../core/integration.ts";
import { mayProbe } from "../core/refresh-rules.ts";
import { keepPulse, type PulseMemory, newPulseMemory } from "./pulse.ts";
import type { Ports, StoreIdentity } from "./ports.ts";
import { retryRevocation } from "./queued-revocation.ts";
import { refreshGrant } from "./refresh.ts";
import { emptySpool } from "./spooling.ts";

/** Between two looks at what is due, in ms of the wall clock; sooner where something is due sooner. */
const TICK = 15_000;
const SHORTEST_PAUSE = 250;
/** Rows taken at a look. */
const BATCH = 512;
/** Revocations begun at a look. */
const REVOCATIONS = 16;

/** What a tick found and began. */
export interface TickReport {
  readonly spooled: number;
  readonly relieved: number;
  readonly started: number;
  /** Whether there was more than one look could take. */
  readonly hasMore: boolean;
}

/** Keeps every grant of a store alive, from now on. */
export interface Scheduler {
  /**
   * One look at everything; begins what is due and does not wait for it.
   * @throws {GrantkeeperError} `storage_unavailable` where another store lies in the place of the one it has open.
   */
  readonly tick: () => Promise<TickReport>;
  /** Resolves when nothing that was begun is under way any more. */
  readonly settled: () => Promise<void>;
  /** Resolves when there is room for a good part of another look's rows; at once where there is. */
  readonly room: () => Promise<void>;
  /** Milliseconds until the next tick is worth while. */
  readonly pause: () => Promise<number>;
  readonly inFlight: () => number;
}

/** What a scheduler tells whoever runs it. Never holds a secret. */
export interface SchedulerOptions {
  readonly onError: (error: unknown, grant: Grant | null) => void;
  /** Grants that wait or are at a provider at once, at most. */
  readonly most?: number;
  /** Looked at in each tick, before anything else, where given. */
  readonly identity?: StoreIdentity;
}

interface Work {
  readonly ports: Ports;
  readonly options: SchedulerOptions;
  /** Grants begun and not ended, by id. */
  readonly underWay: Map<string, Promise<void>>;
  readonly pulse: PulseMemory;
  /** Leases of ended holders that were taken up at once, by grant, with their fence: once is enough. */
  readonly relieved: Map<string, number>;
  /** Who waits for room: the latest one alone, who has given up waiting otherwise. */
  onRoom: (() => void) | null;
}

function hasRoom(work: Work): boolean {
  return work.underWay.size <= mostOf(work) / 2;
}

function mostOf({ options }: Work): number {
  return options.most ?? BATCH * 2;
}

/**
 * There is no timer for a grant: a tick asks the store for what is due, the grant that ends first, first. So
 * a machine that slept, or whose clock jumped, is right again one tick later, and the work is proportional
 * to what is due. One grant that fails, or does not open, keeps no other from its turn.
 */
export function createScheduler(ports: Ports, options: SchedulerOptions): Scheduler {
  const work: Work = {
    ports,
    options,
    underWay: new Map(),
    relieved: new Map(),
    pulse: newPulseMemory(ports),
    onRoom: null,
  };
  return {
    tick: () => tick(work),
    settled: async () => {
      while (work.underWay.size > 0) await Promise.all(work.underWay.values());
    },
    room: () =>
      new Promise((resolve) => {
        if (hasRoom(work)) resolve();
        else work.onRoom = resolve;
      }),
    pause: () => pause(work),
    inFlight: () => work.underWay.size,
  };
}

async function tick(work: Work): Promise<TickReport> {
  const { ports } = work;
  if (!(await isConfirmed(work))) return { spooled: 0, relieved: 0, started: 0, hasMore: false };
  await guarded(work, () => keepPulse(ports, work.pulse));
  const spooled = (await guarded(work, () => emptySpool(ports))) ?? 0;
  const relieved = (await guarded(work, () => relieveEnded(work))) ?? 0;
  await guarded(work, () => beginRevocations(work));
  const begun = (await guarded(work, () => beginDue(work))) ?? { started: 0, hasMore: false };
  return { spooled, relieved, ...begun };
}

/** A store that does not say whether it still is the same is not worked on: it may have been restored. */
async function isConfirmed(work: Work): Promise<boolean> {
  const { identity } = work.options;
  if (identity === undefined) return true;
  const standing = await guarded(work, () => identity.confirm());
  if (standing === "replaced") throw replaced();
  if (standing !== null) await guarded(work, () => identity.advance());
  return standing !== null;
}

function replaced(): GrantkeeperError {
  return new GrantkeeperError(
    "storage_unavailable",
    "Another store was put in the place of the one that this keeper has open, or it was moved away. Nothing more is sent.",
    { remedy: "Start it again: it looks at what lies there now, and holds what it must." },
  );
}

/** One part of a tick that fails does not keep the others from being done. */
async function guarded<T>({ options }: Work, part: () => Promise<T>): Promise<T | null> {
  try {
    return await part();
  } catch (error) {
    options.onError(error, null);
    return null;
  }
}

/** Grants whose holder has certainly ended need not wait for the end of its lease. */
async function relieveEnded(work: Work): Promise<number> {
  const { ports } = work;
  const leased = await ports.store.leased();
  const left = leased.filter(
    ({ id, leaseOwner }) =>
      leaseOwner !== null &&
      leaseOwner !== ports.owner &&
      ports.hasEnded(leaseOwner) &&
      !work.underWay.has(id),
  );
  const fresh = left.filter(({ id, leaseFence }) => work.relieved.get(id) !== leaseFence);
  work.relieved.clear();
  for (const { id, leaseFence } of left) work.relieved.set(id, leaseFence);
  // The row says when it is due again if its holder is never heard of; now its end is known. Whether a
  // second sending could do harm is for the refresh itself to decide.
  const now = ports.clock.now();
  for (const grant of fresh) beginRefresh(work, { ...grant, nextAttemptAt: now });
  return fresh.length;
}

/** Providers that were away when a grant was revoked are told now. */
async function beginRevocations(work: Work): Promise<void> {
  const { ports } = work;
  const waiting = await ports.store.revoking(ports.clock.now(), REVOCATIONS);
  for (const grant of waiting)
    if (!work.underWay.has(grant.id)) begin(work, grant, () => retryRevocation(ports, grant));
}

async function beginDue(work: Work): Promise<{ started: number; hasMore: boolean }> {
  const { ports } = work;
  const room = mostOf(work) - work.underWay.size;
  if (room <= 0) return { started: 0, hasMore: true };
  const now = ports.clock.now();
  const integrations = await ports.store.integrations();
  const except = integrations.filter((one) => isBlocked(ports, one)).map(({ id }) => id);
  const limit = Math.min(room, BATCH);
  // Those that stand in line already are found again: they are not claimed before their turn.
  const due = await ports.store.due({ now, limit: limit + work.underWay.size, except });
  const fresh = inOrder(work, due).filter(({ id }) => !work.underWay.has(id));
  const chosen = choose(ports, fresh, integrations).slice(0, limit);
  for (const grant of chosen) beginRefresh(work, grant);
  return { started: chosen.length, hasMore: chosen.length >= limit };
}

/** Whether its grants would only be turned away: an open breaker, an incident that is not to be probed yet. */
function isBlocked(ports: Ports, { provider, incident }: Integration): boolean {
  if (incident !== null && !mayProbe(incident, ports.clock.now())) return true;
  const profile = ports.profile(provider);
  return !ports.state.gates.of(profile.id, profile.limits).admits("schedule").pass;
}

/** Those that may be sent now; where an integration or a provider is in trouble, one to see whether that is over. */
function choose(ports: Ports, grants: readonly Grant[], integrations: readonly Integration[]): Grant[] {
  const known = new Map(integrations.map((one) => [one.id, one]));
  const probed = new Set<string>();
  return grants.filter((grant) => {
    const integration = known.get(grant.integrationId);
    if (integration === undefined) return false;
    const { id, limits } = ports.profile(integration.provider);
    const troubles = [
      ...(integration.incident === null ? [] : [`integration ${integration.id}`]),
      ...(ports.state.gates.of(id, limits).isProbed() ? [`provider ${id}`] : []),
    ];
    if (troubles.some((trouble) => probed.has(trouble))) return false;
    for (const trouble of troubles) probed.add(trouble);
    return true;
  });
}

/** Replicas begin with different grants, so that they seldom want the same; the order of deadlines holds within. */
function inOrder({ pulse }: Work, grants: readonly Grant[]): readonly Grant[] {
  const { place, keepers } = pulse;
  if (keepers < 2) return grants;
  const isMine = ({ id }: Grant): boolean => Number.parseInt(id.slice(0, 6), 16) % keepers === place;
  return [...grants.filter(isMine), ...grants.filter((grant) => !isMine(grant))];
}

function beginRefresh(work: Work, grant: Grant): void {
  begin(work, grant, () => refreshGrant(work.ports, grant, "schedule"));
}

function begin(work: Work, grant: Grant, job: () => Promise<unknown>): void {
  const { options, underWay } = work;
  const ended = (): void => {
    underWay.delete(grant.id);
    if (work.onRoom === null || !hasRoom(work)) return;
    work.onRoom();
    work.onRoom = null;
  };
  const run = async (): Promise<void> => {
    try {
      await job();
    } catch (error) {
      options.onError(error, grant);
    } finally {
      ended();
    }
  };
  underWay.set(grant.id, run());
}

/** What is due already has been begun, or is held by something that takes longer: only what comes next counts. */
async function pause(work: Work): Promise<number> {
  const { ports } = work;
  const now = ports.clock.now();
  const next = await guarded(work, () => ports.store.nextDueAt(now));
  const jitter = 0.9 + ports.random.fraction() / 10;
  const wait = next === null ? TICK : Math.min(TICK, next - now);
  return Math.max(SHORTEST_PAUSE, wait * jitter);
}
