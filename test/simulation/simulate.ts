import { createSealer } from "../../src/seal/sealer.ts";
import { prepareSchema } from "../../src/store/schema.ts";
import { addIntegration } from "../../src/keeper/integrations.ts";
import { importTokens } from "../../src/keeper/import.ts";
import { newKeeperState } from "../../src/keeper/state.ts";
import type { Ports } from "../../src/keeper/ports.ts";
import { createSqlStore } from "../../src/store/sql-store.ts";
import type { Bug } from "./bugs.ts";
import { chanceOf, hashOf } from "./chance.ts";
import { createSharedDatabase, type StoreWeather } from "./database.ts";
import { carryOut } from "./episodes.ts";
import { createFleet, documentOf, profileOf, type Stage } from "./fleet.ts";
import { judgeEnd, judgeFreshness } from "./judgement.ts";
import { fairWeather } from "./network.ts";
import { type Counts, createOracle, stampOf } from "./oracle.ts";
import { type Plan, planOf, type Scale } from "./plan.ts";
import { Machine, Process } from "./process.ts";
import { createWitness } from "./witness.ts";
import { createWorld, HOUR } from "./world.ts";

/** What came of one seed. */
export interface Result {
  readonly seed: number;
  /** Invariants that do not hold, in words. */
  readonly broken: readonly string[];
  /** Of everything that happened, in its order. */
  readonly hash: string;
  readonly counts: Counts & {
    readonly crashes: number;
    readonly episodes: number;
    readonly days: number;
    readonly steps: number;
  };
}

interface Options {
  readonly seed: number;
  readonly scale: Scale;
  readonly bug?: Bug | null;
  /** Gets each line of what happens. */
  readonly onLine?: (line: string) => void;
}

const KEY = new Uint8Array(32).fill(7);

/** Runs one seed, from its first consent to its last look. */
export async function simulate({ seed, scale, bug = null, onLine }: Options): Promise<Result> {
  const chance = chanceOf(`seed ${seed}`);
  const plan = planOf(chance.fork("plan"), scale);
  const world = createWorld(chance.fork("order"));
  let hash = 0;
  const trace = (line: string): void => {
    hash = hashOf(`${world.now()} ${line}`, hash);
    onLine?.(`${stampOf(world.now())} ${line}`);
  };
  const stage = setTheStage(plan, { world, chance, trace, bug });
  const { oracle, database } = stage;
  const fleet = createFleet(stage);
  await consentToAll(stage);
  await fleet.begin();
  carryOut(stage, fleet);
  world.at(plan.calmFrom, fleet.releaseAll);
  for (let at = HOUR; at <= plan.end; at += HOUR) world.at(at, () => judgeFreshness(stage));
  await world.run(plan.end, fleet.look);
  judgeEnd(stage);
  database.close();
  return {
    seed,
    broken: oracle.broken,
    hash: (hash >>> 0).toString(16).padStart(8, "0"),
    counts: {
      ...oracle.counts,
      crashes: fleet.crashes(),
      episodes: plan.episodes.length,
      days: plan.end / (24 * HOUR),
      steps: world.steps(),
    },
  };
}

function setTheStage(
  plan: Plan,
  { world, chance, trace, bug }: Pick<Stage, "world" | "chance" | "trace" | "bug">,
): Stage {
  const sealer = createSealer(KEY);
  const machines = plan.offsets.map((offset, id) => new Machine(world, id, offset));
  const storeWeather: StoreWeather = { isDown: false, failing: 0, slow: 0 };
  const limits = new Map(plan.providers.map(({ id, perSecond }) => [id, perSecond]));
  const providers = new Map(
    plan.providers.map(({ id, habits }) => [
      id,
      { witness: createWitness(id, habits, chance.fork(id)), weather: fairWeather() },
    ]),
  );
  const oracle = createOracle({
    world,
    sealer,
    machines,
    trace,
    limitOf: (id) => limits.get(id) ?? null,
    keepers: () => plan.replicas,
  });
  for (const [grant, id] of plan.grants) {
    const witness = providers.get(id)?.witness;
    if (witness !== undefined) oracle.watch(grant, witness);
  }
  const database = createSharedDatabase({
    world,
    chance: chance.fork("store"),
    weather: storeWeather,
    onCommit: oracle.committed,
    onValues: oracle.values,
  });
  return {
    world,
    chance,
    plan,
    oracle,
    database,
    sealer,
    storeWeather,
    providers,
    machines,
    bug,
    trace,
    moments: [],
  };
}

/** Before anything goes wrong: the schema, a registration for each provider, a consent for each grant. */
async function consentToAll(stage: Stage): Promise<void> {
  const { world, plan, database, sealer, providers, oracle, machines } = stage;
  const [machine] = machines;
  if (machine === undefined) throw new Error("no machine");
  const process = new Process(world, machine, 0);
  const clock = process.clock();
  const chance = stage.chance.fork("setup");
  const profiles = new Map(plan.providers.map((one) => [one.id, profileOf(one)]));
  const profile: Ports["profile"] = (id) => {
    const found = profiles.get(id);
    if (found === undefined) throw new Error(`no provider ${id}`);
    return found;
  };
  const ports: Ports = {
    store: createSqlStore(database.connect(process), () => undefined, world.nextTurn),
    spool: { prepare: () => undefined, put: nothing, waiting: () => Promise.resolve([]), remove: nothing },
    sealer,
    send: () => Promise.reject(new Error("nothing is sent")),
    clock,
    random: chance,
    failpoint: () => undefined,
    profile,
    actor: "person",
    owner: process.owner,
    hasEnded: () => true,
    state: newKeeperState(clock, chance),
  };
  const setUp = async (): Promise<void> => {
    await prepareSchema(database.connect(process), () => "instance");
    for (const { id } of plan.providers)
      await addIntegration(ports, id, id, {
        clientId: `client-${id}`,
        clientSecret: "simulated secret",
        scope: "a b",
      });
    for (const [grant, id] of plan.grants) {
      const witness = providers.get(id)?.witness;
      if (witness === undefined) continue;
      const minted = witness.consent(grant, world.now());
      oracle.consented(grant, minted);
      await importTokens(ports, grant, id, documentOf(minted), machine.wall());
    }
  };
  const done = setUp();
  // Long enough for a few slow statements.
  await world.run(world.now() + 60_000);
  await done;
  process.kill();
}

function nothing(): Promise<void> {
  return Promise.resolve();
}
