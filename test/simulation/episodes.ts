import type { Fleet, Stage } from "./fleet.ts";
import type { ProviderWeather } from "./network.ts";
import type { Episode } from "./plan.ts";
import { MINUTE, SECOND } from "./world.ts";

/** Puts everything that goes wrong in its place in time. */
export function carryOut(stage: Stage, fleet: Fleet): void {
  const { world, plan, trace } = stage;
  for (const episode of plan.episodes) {
    world.at(episode.from, () => {
      trace(`episode ${JSON.stringify({ ...episode, from: undefined })}`);
      const end = begin(stage, fleet, episode);
      if (end !== null) world.at(episode.to, end);
    });
  }
}

/** Begins an episode; returns what ends it, if anything has to. */
function begin(stage: Stage, fleet: Fleet, episode: Episode): (() => void) | null {
  const { storeWeather, machines, world, oracle } = stage;
  switch (episode.kind) {
    case "store_down":
      return put(storeWeather, { isDown: true }, { isDown: false });
    case "store_down_at_answer":
      stage.moments.push((what) => {
        if (world.now() < episode.to && what !== "delivered") return false;
        if (world.now() < episode.to)
          world.at(world.now() + episode.ms, put(storeWeather, { isDown: true }, { isDown: false }));
        return true;
      });
      return null;
    case "store_failing":
      return put(storeWeather, { failing: episode.share }, { failing: 0 });
    case "store_slow":
      return put(storeWeather, { slow: episode.ms }, { slow: 0 });
    case "outage":
      return weatherOf(stage, episode.provider, { outage: episode.how }, { outage: null });
    case "lossy":
      return weatherOf(stage, episode.provider, { [episode.what]: episode.share }, { [episode.what]: 0 });
    case "slow_provider":
      return weatherOf(stage, episode.provider, { slowest: episode.ms }, { slowest: 400 });
    case "refuses_client":
      return weatherOf(stage, episode.provider, { refusesClient: true }, { refusesClient: false });
    case "falsely_rejects": {
      const falselyRejects = episode.grants === null ? true : new Set(episode.grants);
      return weatherOf(stage, episode.provider, { falselyRejects }, { falselyRejects: null });
    }
    case "revoked": {
      const family = oracle.watched.get(episode.grant)?.witness.familiesOf(episode.grant).at(-1);
      if (family !== undefined)
        oracle.watched.get(episode.grant)?.witness.end(family, "administrator", world.now());
      return null;
    }
    case "crash":
      whenItIsTime(stage, fleet, episode, () => fleet.kill(episode.replica, episode.to - episode.from));
      return null;
    case "stop":
      whenItIsTime(stage, fleet, episode, () =>
        fleet.keeper(episode.replica)?.stopUntil(world.now() + stopTime(episode)),
      );
      return null;
    case "all_end":
      for (let replica = 0; replica < stage.plan.replicas; replica++)
        fleet.kill(replica, (episode.to - episode.from) * stage.chance.fraction() + SECOND);
      return null;
    case "sleep":
      machines[episode.machine]?.sleepUntil(episode.to);
      return () => {
        const machine = machines[episode.machine];
        if (machine !== undefined) fleet.clocksMoved(machine);
      };
    case "clock": {
      const machine = machines[episode.machine];
      // A machine that sleeps cannot have its clock set.
      if (machine === undefined || machine.isAsleep) return null;
      machine.offset += episode.by;
      fleet.clocksMoved(machine);
      return () => {
        machine.offset -= episode.by;
        fleet.clocksMoved(machine);
      };
    }
  }
}

/** Lets something happen to a process at a certain await. */
function whenItIsTime(
  { moments }: Stage,
  fleet: Fleet,
  { replica, after, awaits }: Extract<Episode, { kind: "crash" | "stop" }>,
  act: () => void,
): void {
  const process = fleet.keeper(replica);
  if (process === null) return;
  if (after === "beginning") return process.fated(awaits, act);
  moments.push((what, one) => {
    if (process.isDead) return true;
    if (what !== after || one !== process) return false;
    process.fated(awaits, act);
    return true;
  });
}

/** Around the lease, where it matters, more often than far from it. */
function stopTime({ from, to }: Episode): number {
  return Math.max(SECOND, Math.min(to - from, 4 * MINUTE));
}

function put<T>(target: T, change: Partial<T>, back: Partial<T>): () => void {
  Object.assign(target as object, change);
  return () => void Object.assign(target as object, back);
}

function weatherOf(
  { providers }: Stage,
  id: string,
  change: Partial<ProviderWeather>,
  back: Partial<ProviderWeather>,
): (() => void) | null {
  const weather = providers.get(id)?.weather;
  return weather === undefined ? null : put(weather, change, back);
}
