import type { Chance } from "./chance.ts";
import type { Outage } from "./network.ts";
import type { Habits, Model } from "./witness.ts";
import { DAY, HOUR, MINUTE, SECOND } from "./world.ts";

/** How long a run is, and of how many grants. */
export interface Scale {
  readonly days: number;
  readonly grants: number;
}

export interface PlannedProvider {
  readonly id: string;
  readonly habits: Habits;
  readonly perSecond: number | null;
  readonly inFlight: number;
}

/** What goes wrong, from when to when (true time), and how. */
export type Episode = { readonly from: number; readonly to: number } & (
  | { readonly kind: "store_down" }
  /** From the moment in which the next answer with tokens comes in. */
  | { readonly kind: "store_down_at_answer"; readonly ms: number }
  | { readonly kind: "store_failing"; readonly share: number }
  | { readonly kind: "store_slow"; readonly ms: number }
  | { readonly kind: "outage"; readonly provider: string; readonly how: Outage }
  | {
      readonly kind: "lossy";
      readonly provider: string;
      readonly what: "losing" | "swallowing" | "garbling" | "limiting";
      readonly share: number;
    }
  | { readonly kind: "slow_provider"; readonly provider: string; readonly ms: number }
  | { readonly kind: "refuses_client"; readonly provider: string }
  | { readonly kind: "falsely_rejects"; readonly provider: string; readonly grants: readonly string[] | null }
  | { readonly kind: "revoked"; readonly grant: string }
  | {
      readonly kind: "crash" | "stop";
      readonly replica: number;
      /** Where it happens: so many awaits after the beginning, or after this process next sends, or is answered. */
      readonly after: "beginning" | "written" | "delivered";
      readonly awaits: number;
    }
  | { readonly kind: "all_end" }
  | { readonly kind: "sleep"; readonly machine: number }
  | { readonly kind: "clock"; readonly machine: number; readonly by: number }
);

/** Everything that a seed decides beforehand. */
export interface Plan {
  readonly scale: Scale;
  /** After this nothing goes wrong any more, but for what already has. */
  readonly calmFrom: number;
  readonly end: number;
  readonly replicas: number;
  /** Where each replica runs: all on one machine, or each on its own. */
  readonly machines: number;
  readonly offsets: readonly number[];
  readonly providers: readonly PlannedProvider[];
  /** By grant: its provider. */
  readonly grants: ReadonlyMap<string, string>;
  readonly episodes: readonly Episode[];
  /** Between two consumers' calls, and between two persons' doings, on average. */
  readonly consumerEvery: number;
  readonly personEvery: number;
}

/** How long after the last fault everything that lives is fresh again: the longest hold is a day. */
const TIME_TO_HEAL = 28 * HOUR;
/** And how long it is then watched. */
const WATCHED = 8 * HOUR;

export function planOf(chance: Chance, scale: Scale): Plan {
  const end = scale.days * DAY;
  const calmFrom = end - TIME_TO_HEAL - WATCHED;
  const replicas = chance.whole(1, 5);
  const machines = chance.happens(0.5) ? 1 : replicas;
  const count = chance.whole(1, 3);
  const providers = Array.from({ length: count }, (_, i) => provider(chance, `p${i}`, scale));
  const grants = new Map(
    Array.from({ length: scale.grants }, (_, i) => [`g${i}`, `p${chance.whole(0, count - 1)}`] as const),
  );
  const reach = chance.one([MINUTE, 5 * MINUTE, 5 * MINUTE, HOUR]);
  const draft = { replicas, machines, providers, grants, calmFrom };
  return {
    ...draft,
    scale,
    end,
    offsets: Array.from({ length: machines }, () => Math.floor(chance.between(-reach, reach) / 2)),
    episodes: episodes(chance, draft),
    consumerEvery: chance.spread(20 * MINUTE, 12 * HOUR),
    personEvery: chance.spread(12 * HOUR, 10 * DAY),
  };
}

function provider(chance: Chance, id: string, scale: Scale): PlannedProvider {
  const model = chance.one<Model>(["same", "absent", "rolling", "grace", "strict"]);
  // Short lives cost most of the time of a run, so they are rarer than long ones.
  const shortest = scale.days <= 7 && chance.happens(0.03) ? MINUTE : 20 * MINUTE;
  const accessLife = Math.floor(chance.spread(shortest, 14 * DAY) / SECOND) * SECOND;
  const refreshLife = Math.max(2 * accessLife, chance.spread(HOUR, 90 * DAY));
  return {
    id,
    habits: {
      model,
      grace: chance.spread(45 * SECOND, 5 * MINUTE),
      accessLife,
      refreshLife: Math.min(refreshLife, 90 * DAY),
      statesRefreshLife: chance.happens(0.6),
      skew: Math.floor(chance.between(-1, 1) * chance.one([SECOND, MINUTE, HOUR])),
      sendsDate: chance.happens(0.8),
    },
    perSecond: chance.one([null, 20, 2, 0.2]),
    inFlight: chance.one([64, 4, 1]),
  };
}

type Draft = Pick<Plan, "replicas" | "machines" | "providers" | "grants" | "calmFrom">;

function episodes(chance: Chance, draft: Draft): Episode[] {
  const perDay = chance.spread(1, 12);
  const count = Math.floor((draft.calmFrom / DAY) * perDay);
  const list = Array.from({ length: count }, () => {
    const from = chance.between(0, draft.calmFrom);
    const long = chance.happens(0.1) ? chance.spread(HOUR, 24 * HOUR) : chance.spread(5 * SECOND, HOUR);
    return episode(chance, draft, from, Math.min(draft.calmFrom, from + long));
  });
  return list.toSorted((a, b) => a.from - b.from);
}

const OUTAGES = [
  "refused_connection",
  "unavailable_503",
  "failing_500",
  "failing_after_processing",
  "web_page",
  "black_hole",
  "black_hole_after_processing",
] as const satisfies readonly Outage[];

function episode(chance: Chance, draft: Draft, from: number, to: number): Episode {
  const time = { from, to };
  const at = chance.one(draft.providers as [PlannedProvider, ...PlannedProvider[]]).id;
  const replica = chance.whole(0, draft.replicas - 1);
  const machine = chance.whole(0, draft.machines - 1);
  const drawn = chance.fraction() * 100;
  if (drawn < 3) return { ...time, kind: "store_down" };
  if (drawn < 7) return { ...time, kind: "store_down_at_answer", ms: chance.spread(300, 10 * MINUTE) };
  if (drawn < 14) return { ...time, kind: "store_failing", share: chance.between(0.02, 0.5) };
  if (drawn < 19) return { ...time, kind: "store_slow", ms: chance.spread(50, 20 * SECOND) };
  if (drawn < 29) return { ...time, kind: "outage", provider: at, how: chance.one(OUTAGES) };
  if (drawn < 41) {
    const what = chance.one(["losing", "swallowing", "garbling", "limiting"] as const);
    return { ...time, kind: "lossy", provider: at, what, share: chance.between(0.1, 1) };
  }
  if (drawn < 45)
    return { ...time, kind: "slow_provider", provider: at, ms: chance.spread(SECOND, 45 * SECOND) };
  if (drawn < 49) return { ...time, kind: "refuses_client", provider: at };
  if (drawn < 54) return falseRejection(chance, draft, from, at);
  if (drawn < 55) {
    const names = [...draft.grants.keys()];
    return { ...time, kind: "revoked", grant: names[chance.whole(0, names.length - 1)] ?? "g0" };
  }
  if (drawn < 90) {
    const kind = drawn < 76 ? "crash" : "stop";
    const after = chance.one(["beginning", "written", "delivered"] as const);
    return { ...time, kind, replica, after, awaits: chance.whole(1, after === "beginning" ? 60 : 8) };
  }
  if (drawn < 92) return { ...time, kind: "all_end" };
  if (drawn < 95) return { ...time, kind: "sleep", machine };
  const by = chance.one([MINUTE, 4 * MINUTE, 4 * MINUTE, HOUR, 40 * DAY]);
  return { ...time, kind: "clock", machine, by: Math.floor(chance.between(-by, by)) };
}

/** Short of one's own quarter of an hour, or of all the provider's grants at once for less than a day. */
function falseRejection(chance: Chance, { grants, calmFrom }: Draft, from: number, id: string): Episode {
  const names = [...grants.entries()].filter(([, of]) => of === id).map(([name]) => name);
  const isShort = chance.happens(0.7);
  const lasts = isShort ? chance.between(MINUTE, 14 * MINUTE) : chance.between(14 * MINUTE, 20 * HOUR);
  const to = Math.min(calmFrom, from + lasts);
  return { from, to, kind: "falsely_rejects", provider: id, grants: isShort ? names.slice(0, 2) : null };
}
