import { grantEvent } from "./audit.ts";
import type { Ports } from "./ports.ts";
import { elapsedSince, type Stamp, stampOf } from "./stamp.ts";

/** What a long-lived keeper knows of itself and of the others on its store. */
export interface PulseMemory {
  readonly startedAt: number;
  last: Stamp | null;
  /** When a clock ahead of ours was last seen while others were alive. */
  aheadSeen: Stamp | null;
  /** A clock was set back, by so many seconds as far as is known, and what was counted on it is not made good yet. */
  setBack: { readonly seconds: number } | null;
  /** Keepers on this store whose heart beats, this one included. */
  keepers: number;
  /** Which of them this one is, from 0. */
  place: number;
}

export function newPulseMemory({ clock }: Ports): PulseMemory {
  return { startedAt: clock.now(), last: null, aheadSeen: null, setBack: null, keepers: 1, place: 0 };
}

/** A difference of the two clocks that is no drift any more. Milliseconds. */
const JUMP = 60_000;

/**
 * The heartbeat: says that this keeper lives, learns who else does, shares the providers' budgets with
 * them, and sees whether the clock was set back: then every time that was counted on it is too late.
 */
export async function keepPulse(ports: Ports, memory: PulseMemory): Promise<void> {
  const { clock, store, owner } = ports;
  const now = clock.now();
  const { keepers, latest } = await store.beat({ id: owner, startedAt: memory.startedAt, now });
  // One that was killed has not left: where that can be seen, its part is not kept for it.
  const alive = keepers.filter((id) => id === owner || !ports.hasEnded(id));
  memory.keepers = Math.max(1, alive.length);
  memory.place = Math.max(0, alive.indexOf(owner));
  ports.state.gates.setReplicas(memory.keepers);
  const isBehind = latest - now > JUMP;
  const isAlone = memory.keepers === 1;
  if (isBehind && !isAlone) memory.aheadSeen = stampOf(clock);
  if (wasSetBack(clock, memory, isBehind && isAlone)) {
    memory.aheadSeen = null;
    memory.setBack = { seconds: Math.round(Math.max(latest - now, 0) / 1000) };
  }
  memory.last = stampOf(clock);
  await makeGood(ports, memory);
}

/** Kept in mind until it is done: the heartbeat that told of it has taken its place in the store. */
async function makeGood(ports: Ports, memory: PulseMemory): Promise<void> {
  if (memory.setBack === null) return;
  const about = { id: null, name: null, generation: null };
  const event = grantEvent(ports, "clock_set_back", about, memory.setBack);
  await ports.store.hurryFromTheFuture(ports.clock.now(), event);
  memory.setBack = null;
}

/** Several beats of every living keeper: a clock that was ahead, and is not seen for so long, is so no more. */
const AHEAD_SEEN_FOR = 120_000;

/**
 * Whether times may be in the store that were counted on a clock which since was set back, or whose keeper is
 * gone. Beside a living keeper whose clock is ahead nothing is refreshed for that: it would refresh the same
 * grants with times as far ahead, and so on at every tick.
 */
function wasSetBack(clock: Ports["clock"], memory: PulseMemory, wasAhead: boolean): boolean {
  const { last, aheadSeen } = memory;
  const isOver = aheadSeen !== null && elapsedSince(clock, aheadSeen) > AHEAD_SEEN_FOR;
  return wasAhead || isOver || jumpedBack(last, stampOf(clock));
}

function jumpedBack(before: Stamp | null, now: Stamp): boolean {
  if (before === null) return false;
  return now.monotonic - before.monotonic - (now.wall - before.wall) > JUMP;
}
