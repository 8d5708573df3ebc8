import { beginAt, type Budget, type Limits, newBudget, shareOf, spendOne } from "../core/budget.ts";
import type { RefreshReason } from "../core/refresh-rules.ts";
import type { Clock } from "./ports.ts";

/** Why someone wants to pass: the reason of the refresh, or the labelled retry of one that has passed. */
export type Errand = RefreshReason | "retry";

/** Passed, or turned away until then (epoch ms); `until` is null where this keeper is stopping. */
export type Admission = { readonly pass: true } | { readonly pass: false; readonly until: number | null };

interface QueueParts {
  readonly limits: Limits;
  /** Keepers that share the limit. */
  readonly keepers: () => number;
  readonly clock: Clock;
  /** Whether it would pass now. Asked directly before its turn, so that a line does not run into an outage. */
  readonly admits: (errand: Errand) => Admission;
  /** It passes now. */
  readonly onPass: (errand: Errand) => void;
}

interface Waiter {
  readonly key: string;
  readonly errand: Errand;
  readonly settle: (admission: Admission) => void;
}

/** The two lines before a provider: those that somebody waits for, and those that only the schedule wants. */
export interface ProviderQueue {
  readonly enter: (key: string, errand: Errand) => Promise<Admission>;
  /** Directly before the request: waits where those that passed one by one have been pushed together since. */
  readonly pace: () => Promise<void>;
  /** One that had passed has come back; what it did not send, another may. */
  readonly left: (wasSent: boolean) => void;
  /** Somebody now waits for what the schedule had begun. */
  readonly urge: (key: string) => void;
  /** Turns away everybody who waits, but for retries: those have been sent once and are owed an answer. */
  readonly turnAway: () => void;
}

/** Who waits for a request of the budget or for a place at the provider. */
export function createProviderQueue(parts: QueueParts): ProviderQueue {
  const { limits, clock, admits, onPass } = parts;
  const lines = createLines();
  const purse = createPurse(parts);
  let inside = 0;
  let isPumping = false;
  let wake = (): void => undefined;

  const letIn = (errand: Errand): Admission => {
    inside++;
    onPass(errand);
    return { pass: true };
  };

  const pump = async (): Promise<void> => {
    if (isPumping) return;
    isPumping = true;
    for (let first = lines.first(); first !== undefined; first = lines.first()) {
      const admission = admits(first.errand);
      if (admission.pass) {
        if (inside >= limits.inFlight) break;
        const wait = purse.spend();
        if (wait > 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
            void clock.sleep(wait).then(resolve);
          });
          continue;
        }
      }
      lines.leave();
      first.settle(admission.pass ? letIn(first.errand) : admission);
    }
    isPumping = false;
  };

  return {
    enter: (key, errand) => {
      // Nobody waits and nothing is limited: no promise that need not be.
      if (limits.perSecond === null && inside < limits.inFlight && !isPumping) {
        const admission = admits(errand);
        return Promise.resolve(admission.pass ? letIn(errand) : admission);
      }
      return new Promise((settle) => {
        lines.join({ key, errand, settle });
        void pump();
      });
    },
    pace: createPace(parts),
    left: (wasSent) => {
      inside--;
      if (!wasSent) {
        purse.giveBack();
        wake();
      }
      if (lines.first() !== undefined) void pump();
    },
    urge: lines.urge,
    turnAway: lines.turnAway,
  };
}

/** Those that somebody waits for, and those that only the schedule wants, who come after them. */
function createLines() {
  let urgent: Waiter[] = [];
  let scheduled: Waiter[] = [];
  return {
    first: () => urgent[0] ?? scheduled[0],
    leave: () => (urgent.length > 0 ? urgent : scheduled).shift(),
    join: (waiter: Waiter) => (waiter.errand === "schedule" ? scheduled : urgent).push(waiter),
    urge: (key: string): void => {
      const hurried = scheduled.filter((waiter) => waiter.key === key);
      if (hurried.length === 0) return;
      scheduled = scheduled.filter((waiter) => waiter.key !== key);
      urgent.push(...hurried);
    },
    turnAway: (): void => {
      const all = [...urgent, ...scheduled];
      urgent = urgent.filter(({ errand }) => errand === "retry");
      scheduled = [];
      for (const { errand, settle } of all) if (errand !== "retry") settle({ pass: false, until: null });
    },
  };
}

function createPurse({ limits, keepers, clock }: QueueParts) {
  let budget: Budget | null = null;
  return {
    /** Takes a request out of the budget: 0, or the milliseconds until there is one. */
    spend: (): number => {
      if (limits.perSecond === null) return 0;
      const perSecond = shareOf(limits.perSecond, keepers());
      const now = clock.monotonic();
      const spent = spendOne(budget ?? newBudget(perSecond, now), perSecond, now);
      budget = spent.budget;
      return spent.wait;
    },
    giveBack: (): void => {
      if (budget !== null) budget = { ...budget, left: budget.left + 1 };
    },
  };
}

/** Lets requests begin one after the other, each noted when it truly does: timers are late. */
function createPace({ limits, keepers, clock }: QueueParts): () => Promise<void> {
  let begun: readonly number[] = [];
  let last: Promise<void> = Promise.resolve();

  const takePlace = async (limit: number): Promise<void> => {
    const perSecond = shareOf(limit, keepers());
    for (;;) {
      const now = clock.monotonic();
      const wait = beginAt(begun, perSecond, now) - now;
      if (wait <= 0) {
        begun = [...begun.slice(-Math.ceil(perSecond)), now];
        return;
      }
      await clock.sleep(wait);
    }
  };

  return () => {
    const { perSecond } = limits;
    if (perSecond === null) return Promise.resolve();
    last = last.then(() => takePlace(perSecond));
    return last;
  };
}
