import type { Event, EventType } from "../../src/core/events.ts";
import type { Grant } from "../../src/core/grant.ts";
import type { Emulator, TokenAnswer } from "../../src/emulator/index.ts";
import { importTokens } from "../../src/keeper/import.ts";
import type { Ports } from "../../src/keeper/ports.ts";
import { createScheduler, type Scheduler, type SchedulerOptions } from "../../src/keeper/scheduler.ts";
import { newKeeperState } from "../../src/keeper/state.ts";
import type { ProviderProfile } from "../../src/providers/profile.ts";
import { asDocument, openRig, type Rig, type RigOptions, START } from "./rig.ts";

/** A rig with a scheduler and more grants than one. Whoever sleeps moves the provider's clock as well. */
export interface Fleet {
  readonly rig: Rig;
  readonly ports: Ports;
  readonly scheduler: Scheduler;
  readonly errors: { readonly error: unknown; readonly grant: string | null }[];
  /** When each request to the provider began, on the clock of budgets. */
  readonly sendings: number[];
  /** One tick, and the end of what it began. */
  readonly tick: () => Promise<void>;
  /** Ticks as a keeper does, until so much time has passed. Gives the number of ticks. */
  readonly live: (ms: number) => Promise<number>;
  readonly grantNamed: (name: string) => Promise<Grant>;
  /** Presentations of this grant's first refresh token (rolling: all there are), as the provider's ledger has them. */
  readonly presented: (name: string) => number[];
  readonly countEvents: (type: EventType) => Promise<number>;
  readonly allEvents: () => Promise<Event[]>;
}

export interface FleetOptions extends RigOptions {
  /** Besides `g`. Their names: `g1`, `g2`, … */
  readonly grants?: number;
  /** Seconds that the access token of the n-th of them has left; the same as `secondsLeft` where absent. */
  readonly left?: (n: number) => number;
  readonly profile?: Partial<ProviderProfile>;
  readonly scheduler?: Partial<SchedulerOptions>;
  readonly ports?: (ports: Ports) => Partial<Ports>;
}

export async function openFleet(options: FleetOptions = {}): Promise<Fleet> {
  const { grants = 0, left, profile = {}, scheduler: scheduling, ports: change, ...rigOptions } = options;
  const sendings: number[] = [];
  let emulator: Emulator | null = null;
  const replace = (given: Ports): Partial<Ports> => {
    const clock = {
      ...given.clock,
      sleep: (ms: number) => {
        emulator?.advance(ms);
        return given.clock.sleep(ms);
      },
    };
    const ports: Ports = {
      ...given,
      clock,
      state: newKeeperState(clock, given.random),
      profile: (id) => ({ ...given.profile(id), ...profile }),
      send: (request) => {
        sendings.push(clock.monotonic());
        return given.send(request);
      },
    };
    return { ...ports, ...change?.(ports) };
  };
  const rig = await openRig({ maxAccessTokens: 0, ...rigOptions, replace });
  emulator = rig.emulator;
  const first = new Map<string, TokenAnswer>([["g", rig.tokens]]);
  for (let n = 1; n <= grants; n++) {
    const tokens = emulator.issueTokens({ clientId: rig.client.clientId });
    const seconds = left?.(n) ?? options.secondsLeft ?? tokens.expires_in;
    await importTokens(
      rig.ports,
      `g${n}`,
      "recorder",
      asDocument(tokens),
      START - (tokens.expires_in - seconds) * 1000,
    );
    first.set(`g${n}`, tokens);
  }
  const { ports } = rig;
  const errors: { error: unknown; grant: string | null }[] = [];
  const onError = (error: unknown, grant: Grant | null): void => {
    errors.push({ error, grant: grant?.name ?? null });
  };
  const scheduler = createScheduler(ports, { onError, ...scheduling });
  const tick = async (): Promise<void> => {
    await scheduler.tick();
    await scheduler.settled();
  };
  const allEvents = () => ports.store.events({ limit: 1_000_000 });
  return {
    rig,
    ports,
    scheduler,
    errors,
    sendings,
    tick,
    live: async (ms) => {
      const until = ports.clock.now() + ms;
      for (let ticks = 1; ; ticks++) {
        await tick();
        const rest = until - ports.clock.now();
        if (rest <= 0) return ticks;
        rig.pass(Math.min(rest, await scheduler.pause()));
      }
    },
    grantNamed: async (name) => {
      const grant = await ports.store.grant(name);
      if (grant === null) throw new Error(`no grant ${name}`);
      return grant;
    },
    presented: (name) => {
      const token = first.get(name)?.refresh_token;
      return rig.emulator
        .ledger()
        .filter(({ kind, value }) => kind === "presented" && value === token)
        .map(({ at }) => at);
    },
    countEvents: async (type) => (await allEvents()).filter((event) => event.type === type).length,
    allEvents,
  };
}

/** The most of these times that lie within one second, wherever it begins. */
export function mostInASecond(times: readonly number[]): number {
  let from = 0;
  let most = 0;
  times.forEach((time, to) => {
    while (time - (times[from] ?? 0) >= 1000) from++;
    most = Math.max(most, to - from + 1);
  });
  return most;
}
