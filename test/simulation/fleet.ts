import { GrantkeeperError } from "../../src/core/errors.ts";
import { getToken } from "../../src/keeper/get-token.ts";
import { importTokens } from "../../src/keeper/import.ts";
import { refreshNow, suspend } from "../../src/keeper/manage.ts";
import type { Ports, Spool } from "../../src/keeper/ports.ts";
import { resume } from "../../src/keeper/resume.ts";
import { createScheduler } from "../../src/keeper/scheduler.ts";
import { newKeeperState } from "../../src/keeper/state.ts";
import type { ProviderProfile } from "../../src/providers/profile.ts";
import { webex } from "../../src/providers/webex.ts";
import { createSqlStore } from "../../src/store/sql-store.ts";
import { type Bug, withBug } from "./bugs.ts";
import type { Chance } from "./chance.ts";
import type { SharedDatabase, StoreWeather } from "./database.ts";
import { type ProviderWeather, sendOver, type Watcher } from "./network.ts";
import type { Oracle } from "./oracle.ts";
import type { Plan, PlannedProvider } from "./plan.ts";
import { type Machine, Process, START } from "./process.ts";
import { type Minted, ROTATION_OF, type Witness } from "./witness.ts";
import { HOUR, MINUTE, SECOND, type World } from "./world.ts";

/** What every part of a run shares. */
export interface Stage {
  readonly world: World;
  readonly chance: Chance;
  readonly plan: Plan;
  readonly oracle: Oracle;
  readonly database: SharedDatabase;
  readonly sealer: Ports["sealer"];
  readonly storeWeather: StoreWeather;
  readonly providers: ReadonlyMap<string, { readonly witness: Witness; readonly weather: ProviderWeather }>;
  readonly machines: readonly Machine[];
  readonly bug: Bug | null;
  readonly trace: (line: string) => void;
  /** Called, once each, when something is sent or answered next. */
  readonly moments: Moment[];
}

/** Waits for a moment in the life of some process. Returns true when it was the one. */
export type Moment = (what: "written" | "delivered", process: Process) => boolean;

/** A keeper that runs now, in its place in the fleet. */
interface Keeper {
  readonly process: Process;
  readonly ports: Ports;
  /** When its last tick began. */
  tickedAt: number;
  /** Until then none of its ticks is passed over. */
  looksUntil: number;
  /** Set while it has nothing to do: when it looks again, and how it is told to look sooner. */
  idle: { since: number; until: number; readonly wake: () => void; cancel: () => void } | null;
}

/** Keepers, programs that want tokens, and persons. */
export interface Fleet {
  readonly begin: () => Promise<void>;
  readonly kill: (replica: number, downFor: number) => void;
  readonly keeper: (replica: number) => Process | null;
  /** After each step: whoever idles and has something to do now, looks. */
  readonly look: () => void;
  /** Clocks have moved: whoever idles looks anew. */
  readonly clocksMoved: (machine: Machine) => void;
  readonly releaseAll: () => void;
  readonly crashes: () => number;
}

/** The longest that anything asked of a keeper that runs may take. */
const LONGEST_WAIT = 3 * HOUR;
const TICK = 15 * SECOND;

export function createFleet(stage: Stage): Fleet {
  const { world, plan, machines, database, oracle, trace } = stage;
  const chance = stage.chance.fork("fleet");
  const keepers: (Keeper | null)[] = Array.from({ length: plan.replicas }, () => null);
  const ended = new Set<string>();
  const profiles = new Map(plan.providers.map((one) => [one.id, profileOf(one)]));
  let started = 0;
  let crashes = 0;
  let seenVersion = -1;
  let needs: Needs = { due: null, owners: [] };

  const pass = (what: "written" | "delivered", process: Process): void => {
    for (const moment of stage.moments.splice(0)) if (!moment(what, process)) stage.moments.push(moment);
  };
  const watcher: Watcher = {
    written: (process, witness, token) => {
      const flight = oracle.written(process, witness, token);
      pass("written", process);
      return flight;
    },
    delivered: (flight, minted) => {
      oracle.delivered(flight, minted);
      pass("delivered", flight.process);
    },
    rejected: oracle.rejected,
  };

  const portsOf = (process: Process, bug: Bug | null): Ports => {
    const clock = process.clock();
    const own = chance.fork(process.owner);
    const random = { fraction: own.fraction, bytes: own.bytes };
    const ports: Ports = {
      store: createSqlStore(database.connect(process), () => process.point(), world.nextTurn),
      spool: spoolOf(process),
      sealer: stage.sealer,
      send: sendOver({ world, chance: own.fork("way"), watcher, witnesses: stage.providers }, process),
      clock,
      random,
      failpoint: () => process.point(),
      profile: (id) => profiles.get(id) ?? webex,
      actor: process.owner,
      owner: process.owner,
      hasEnded: (owner) => owner.startsWith(`m${process.machine.id}/`) && ended.has(owner),
      state: newKeeperState(clock, random),
    };
    return withBug(ports, bug);
  };

  const start = (replica: number): void => {
    const machine = machines[replica % machines.length];
    if (machine === undefined) throw new Error("a replica without a machine");
    const process = new Process(world, machine, ++started);
    const keeper: Keeper = {
      process,
      ports: portsOf(process, stage.bug),
      tickedAt: 0,
      looksUntil: 0,
      idle: null,
    };
    keepers[replica] = keeper;
    trace(`start ${process.owner}`);
    void keepAlive(keeper).catch((error: unknown) =>
      oracle.report(`the loop of a keeper failed: ${String(error)}`),
    );
  };

  /** As `keepAlive` does it, but that ticks which would find nothing to do are passed over. */
  const keepAlive = async (keeper: Keeper): Promise<void> => {
    const { ports, process } = keeper;
    const scheduler = createScheduler(ports, {
      onError: (error) => {
        if (!(error instanceof GrantkeeperError)) oracle.report(`unexpected: ${String(error)}`);
      },
    });
    for (;;) {
      keeper.tickedAt = world.now();
      const { hasMore, started: begun } = await scheduler.tick();
      if (hasMore) await Promise.race([scheduler.room(), process.sleep(SECOND)]);
      else await rest(keeper, await scheduler.pause(), begun > 0);
    }
  };

  const rest = (keeper: Keeper, pause: number, isBusy: boolean): Promise<void> =>
    new Promise((resolve) => {
      const now = world.now();
      const needed = neededAt(keeper);
      // What is due and was not begun is held by something that lasts.
      const shortest = isBusy ? pause : Math.max(pause, chance.between(2 * SECOND, 2 * TICK));
      const planned = needed <= now ? now + shortest : Math.max(now + pause, soonAfter(needed));
      const until = hasToLook(keeper) ? now + TICK * chance.fraction() : planned;
      const wake = (): void => {
        keeper.idle?.cancel();
        keeper.idle = null;
        beatForAll();
        resolve();
      };
      keeper.idle = { since: now, until, wake, cancel: keeper.process.timer(until - now, wake) };
    });

  const soonAfter = (time: number): number =>
    time + (chance.happens(0.3) ? 1 : chance.spread(0.2 * SECOND, 5 * SECOND));

  /** When there is something for it to do, as far as its own clock goes. */
  const neededAt = ({ process, ports }: Keeper): number => {
    const now = world.now();
    if (seenVersion !== database.version()) {
      seenVersion = database.version();
      needs = needsOf(database);
    }
    const soon = now + TICK * chance.fraction();
    if (process.machine.spool.size > 0 || stage.storeWeather.isDown) return soon;
    if (needs.owners.some((owner) => owner !== process.owner && ports.hasEnded(owner))) return soon;
    return needs.due === null ? now + HOUR : needs.due - START - process.machine.offset;
  };

  /** Whether its clocks have moved since its last tick, or somebody's clock was ahead: any tick would see it. */
  const hasToLook = ({ process, tickedAt, looksUntil }: Keeper): boolean =>
    process.machine.movedAt >= tickedAt || world.now() < looksUntil;

  /** Heartbeats of the ticks that were passed over. */
  const beatForAll = (): void => {
    for (const keeper of keepers) {
      if (keeper?.idle == null || !keeper.process.runs) continue;
      const { owner, machine } = keeper.process;
      database.look("update keepers set seen_at = $1 where id = $2", [Math.floor(world.now()), owner]);
      database.look("update meta set value = $1 where key = 'latest_beat'", [String(machine.wall())]);
    }
  };

  /**
   * Whoever beats after one whose clock is ahead sees that; where those heartbeats are passed over, nobody would.
   * So the last heartbeat of one that ends is put down again, and the others look, until they know that it is over.
   */
  const showLastBeat = (ahead: Machine): void => {
    const behind = keepers.filter(
      (keeper): keeper is Keeper =>
        keeper?.process.runs === true && ahead.wall() - keeper.process.machine.wall() > MINUTE,
    );
    if (behind.length === 0) return;
    database.look("update meta set value = $1 where key = 'latest_beat'", [String(ahead.wall())]);
    for (const keeper of behind) {
      keeper.looksUntil = world.now() + 5 * MINUTE;
      if (keeper.idle !== null) planAnew(keeper, keeper.idle, world.now() + chance.fraction() * TICK);
    }
  };

  let lookedAt = -1;
  const look = (): void => {
    const version = database.version();
    if (version === lookedAt) return;
    lookedAt = version;
    for (const keeper of keepers) {
      if (keeper?.idle == null || !keeper.process.runs || hasToLook(keeper)) continue;
      const needed = neededAt(keeper);
      const now = world.now();
      const until = Math.max(needed, now);
      const isAsPlanned = Math.abs(until - keeper.idle.until) < 6 * SECOND;
      if (isAsPlanned && keeper.process.steadySince < keeper.idle.since) continue;
      planAnew(keeper, keeper.idle, needed <= now ? now + chance.between(0.25, 1) * TICK : soonAfter(needed));
    }
  };

  const planAnew = (keeper: Keeper, idle: NonNullable<Keeper["idle"]>, until: number): void => {
    idle.cancel();
    idle.since = world.now();
    idle.until = until;
    idle.cancel = keeper.process.timer(until - world.now(), idle.wake);
  };

  const kill = (replica: number, downFor: number): void => {
    const keeper = keepers[replica];
    if (keeper == null) return;
    crashes++;
    trace(`kill ${keeper.process.owner}`);
    ended.add(keeper.process.owner);
    keeper.process.kill();
    keepers[replica] = null;
    showLastBeat(keeper.process.machine);
    world.at(world.now() + downFor, () => start(replica));
  };

  const someone = (): Keeper | null => {
    const running = keepers.filter((keeper): keeper is Keeper => keeper?.process.runs === true);
    return running[chance.whole(0, Math.max(0, running.length - 1))] ?? null;
  };

  const names = [...plan.grants.keys()];
  const someGrant = (): string => names[chance.whole(0, names.length - 1)] ?? "g0";

  /** Runs something that is asked of a keeper; it has to end while the keeper runs. */
  const ask = async (keeper: Keeper, what: string, work: () => Promise<unknown>): Promise<boolean> => {
    let isOver = false;
    world.at(world.now() + LONGEST_WAIT, () => {
      if (!isOver && keeper.process.runs) oracle.report(`${what} has not come back for hours`);
    });
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof GrantkeeperError)) oracle.report(`unexpected from ${what}: ${String(error)}`);
      return false;
    } finally {
      isOver = true;
    }
  };

  const consume = (): void => {
    const keeper = someone();
    if (keeper !== null) {
      const name = someGrant();
      const minTtl = chance.happens(0.8) ? 300 : chance.whole(0, 3600);
      void ask(keeper, `getToken of ${name}`, async () => {
        const document = await getToken(keeper.ports, name, minTtl);
        const { offset } = keeper.process.machine;
        oracle.handedOut(name, document.access_token, { offset, warning: document.warning, minTtl });
      });
    }
    world.at(world.now() + chance.between(0.2, 1.8) * plan.consumerEvery, consume);
  };

  const act = (): void => {
    if (world.now() > plan.calmFrom) return;
    const keeper = someone();
    if (keeper !== null) doSomething(keeper, someGrant());
    world.at(world.now() + chance.between(0.2, 1.8) * plan.personEvery, act);
  };

  const doSomething = (keeper: Keeper, name: string): void => {
    const isDead = oracle.watched.get(name)?.row?.["state"] === "reauthorization_required";
    const drawn = chance.fraction();
    if (isDead || drawn < 0.2) consentAnew(name);
    else if (drawn < 0.7) void ask(keeper, `refresh of ${name}`, () => refreshNow(keeper.ports, name));
    else {
      void ask(keeper, `suspend of ${name}`, () => suspend(keeper.ports, name));
      world.at(world.now() + chance.spread(MINUTE, 24 * HOUR), () => release(name));
    }
  };

  const release = (name: string): void => {
    const keeper = someone();
    const again = (): void => void world.at(world.now() + MINUTE, () => release(name));
    if (keeper === null) return again();
    void ask(keeper, `resume of ${name}`, () => resume(keeper.ports, name)).then(
      (isDone) => isDone || again(),
    );
    // A person whose command died with its process says it again.
    world.at(world.now() + HOUR, () => {
      if (keeper.process.isDead) again();
    });
  };

  const consentAnew = (name: string): void => {
    const provider = plan.grants.get(name) ?? "";
    const witness = stage.providers.get(provider)?.witness;
    if (witness === undefined) return;
    const minted = witness.consent(name, world.now());
    oracle.consented(name, minted);
    const mintedAt = world.now();
    const attempt = (): void => {
      const keeper = someone();
      const again = (): void => void world.at(world.now() + MINUTE, attempt);
      if (keeper === null) return again();
      void ask(keeper, `import of ${name}`, () =>
        importTokens(
          keeper.ports,
          name,
          provider,
          documentOf(minted),
          keeper.process.machine.wall() - (world.now() - mintedAt),
        ),
      ).then((isDone) => isDone || world.now() - mintedAt > HOUR || again());
    };
    attempt();
  };

  return {
    kill,
    look,
    keeper: (replica) => keepers[replica]?.process ?? null,
    clocksMoved: (machine) => {
      machine.movedAt = world.now();
      // A tick is never further away than a quarter of a minute: then it is seen.
      for (const keeper of keepers) {
        if (keeper?.idle == null || keeper.process.machine !== machine) continue;
        planAnew(keeper, keeper.idle, world.now() + TICK * chance.fraction());
      }
    },
    crashes: () => crashes,
    releaseAll: () => {
      for (const name of names) if (oracle.watched.get(name)?.row?.["state"] === "suspended") release(name);
    },
    begin: async () => {
      keepers.forEach((_, replica) => start(replica));
      world.at(chance.between(0, plan.consumerEvery), consume);
      world.at(chance.between(0, plan.personEvery), act);
    },
  };
}

interface Needs {
  /** On the wall clock, the earliest. */
  readonly due: number | null;
  /** Of leases. */
  readonly owners: readonly string[];
}

function needsOf(database: SharedDatabase): Needs {
  const [first] = database.look(
    "select min(next_attempt_at) as at from grants where next_attempt_at is not null and state in ('active', 'reauthorization_required')",
  );
  const leased = database.look("select lease_owner from grants where lease_owner is not null");
  return {
    due: (first?.["at"] as number | null | undefined) ?? null,
    owners: leased.map((row) => String(row["lease_owner"])),
  };
}

/** A token answer as a document to import. */
export function documentOf({ body }: Minted) {
  const fields = JSON.parse(body) as Record<string, string | number | undefined>;
  const seconds = (name: string): number | null => (fields[name] === undefined ? null : Number(fields[name]));
  return {
    answer: {
      accessToken: String(fields["access_token"]),
      refreshToken: String(fields["refresh_token"]),
      tokenType: "Bearer",
      scopes: null,
      expiresIn: seconds("expires_in"),
      refreshTokenExpiresIn: seconds("refresh_token_expires_in"),
    },
    notices: [],
  };
}

/** Our own profile of a simulated provider: what we believe of it is true. */
export function profileOf({ id, habits, perSecond, inFlight }: PlannedProvider): ProviderProfile {
  const baseUrl = `https://${id}.example`;
  return {
    ...webex,
    id,
    title: id,
    baseUrl,
    endpoints: () => ({
      authorization: `${baseUrl}/authorize`,
      token: `${baseUrl}/token`,
      deviceAuthorization: null,
      deviceToken: null,
      revocation: null,
    }),
    rotation: ROTATION_OF[habits.model],
    idleLimit: habits.statesRefreshLife ? null : habits.refreshLife,
    limits: { perSecond, inFlight },
    isKnownScope: () => true,
    checkClientId: () => null,
    checkClientSecret: () => null,
    refusals: [],
  };
}

/** Files on the machine's disk: whole or not there, and there for the next process. */
function spoolOf(process: Process): Spool {
  const { spool } = process.machine;
  return {
    prepare: () => undefined,
    put: (item) =>
      process.effect(async () => {
        if (!process.isDead) spool.set(item.id, structuredClone(item));
      }),
    waiting: () => process.effect(async () => [...spool.values()]),
    remove: (id) =>
      process.effect(async () => {
        if (!process.isDead) spool.delete(id);
      }),
  };
}
