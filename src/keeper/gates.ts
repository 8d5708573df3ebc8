import { answered, type Breaker, CLOSED, failedOnce, mayPass, passed, withdrawn } from "../core/breaker.ts";
import type { Limits } from "../core/budget.ts";
import type { RefreshOutcome } from "../core/outcome.ts";
import type { Clock, Random } from "./ports.ts";
import { type Admission, createProviderQueue, type Errand, type ProviderQueue } from "./provider-queue.ts";

/** What stands between this keeper and one provider: its budget and its breaker. */
export interface Gate {
  /** Whether the breaker would let a refresh pass now; a person's, and a labelled retry, always. */
  readonly admits: (errand: Errand) => Admission;
  /** Whether the provider fails for everybody, so that one refresh at a time is let through to see. */
  readonly isProbed: () => boolean;
  /**
   * Waits for the budget's next request, those that somebody waits for first, then for a place among those
   * at the provider. Whoever has passed calls `left` when the request has come back, or was not sent.
   */
  readonly enter: (grantId: string, errand: Errand) => Promise<Admission>;
  /** Directly before the request is sent: no second has more of them than the provider takes. */
  readonly pace: () => Promise<void>;
  readonly left: (wasSent: boolean) => void;
  /** What came of a request. `closed` where the provider had failed for everybody and answers again. */
  readonly report: (outcome: RefreshOutcome) => "opened" | "closed" | null;
}

/** The gates of a keeper, one for each provider. Kept in memory: a new process learns a provider's state in five requests. */
export interface Gates {
  readonly of: (provider: string, limits: Limits) => Gate;
  /** Replicas share a provider's budget evenly. */
  readonly setReplicas: (count: number) => void;
  /** Somebody waits for a grant's refresh that the schedule had begun. */
  readonly urge: (grantId: string) => void;
  /** The keeper stops: who waits is turned away, and nobody passes any more but for labelled retries. */
  readonly stop: () => void;
}

export function createGates(clock: Clock, random: Pick<Random, "fraction">): Gates {
  const gates = new Map<string, Gate & ProviderQueue>();
  const shared = { replicas: 1, isStopping: false };
  return {
    of: (provider, limits) => {
      const known = gates.get(provider);
      if (known !== undefined) return known;
      const made = createGate(limits, shared, clock, random);
      gates.set(provider, made);
      return made;
    },
    setReplicas: (count) => {
      shared.replicas = Math.max(1, count);
    },
    urge: (grantId) => {
      for (const gate of gates.values()) gate.urge(grantId);
    },
    stop: () => {
      shared.isStopping = true;
      for (const gate of gates.values()) gate.turnAway();
    },
  };
}

function createGate(
  limits: Limits,
  shared: { readonly replicas: number; readonly isStopping: boolean },
  clock: Clock,
  random: Pick<Random, "fraction">,
): Gate & ProviderQueue {
  let breaker: Breaker = CLOSED;
  let inside = 0;
  const admits = (errand: Errand): Admission => {
    if (errand === "retry") return { pass: true };
    if (shared.isStopping) return { pass: false, until: null };
    if (errand === "person") return { pass: true };
    // On the monotonic clock: a wall clock that is set back must not keep a breaker open.
    const now = clock.monotonic();
    const admission = mayPass(breaker, now);
    return admission.pass ? admission : { pass: false, until: clock.now() + admission.until - now };
  };
  const queue = createProviderQueue({
    limits,
    clock,
    admits,
    keepers: () => shared.replicas,
    onPass: () => {
      inside++;
      breaker = passed(breaker, clock.monotonic());
    },
  });
  return {
    ...queue,
    admits,
    isProbed: () => breaker.opensAgainAt !== null,
    left: (wasSent) => {
      inside--;
      // A probe that sent nothing, because somebody else held its grant or it did not open, has shown nothing.
      if (inside === 0) breaker = withdrawn(breaker);
      queue.left(wasSent);
    },
    report: (outcome) => {
      const wasOpen = breaker.opensAgainAt !== null;
      breaker = isFailure(outcome) ? failedOnce(breaker, clock.monotonic(), random.fraction()) : answered();
      const isOpen = breaker.opensAgainAt !== null;
      if (wasOpen === isOpen) return null;
      return isOpen ? "opened" : "closed";
    },
  };
}

/** Whether the provider, and not one grant or integration, is in trouble. */
function isFailure(outcome: RefreshOutcome): boolean {
  if (outcome.kind === "in_doubt") return true;
  return outcome.kind === "unavailable" && outcome.reason !== "unrecognised_refusal";
}
