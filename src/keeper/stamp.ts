import type { Clock } from "./ports.ts";

/** A moment on both clocks. */
export interface Stamp {
  readonly wall: number;
  readonly monotonic: number;
}

export function stampOf(clock: Pick<Clock, "now" | "monotonic">): Stamp {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}

/**
 * Milliseconds since a moment, the longer of what the two clocks say: the monotonic one may have stood
 * still while the machine slept, the wall clock may have been set back.
 */
export function elapsedSince(clock: Pick<Clock, "now" | "monotonic">, { wall, monotonic }: Stamp): number {
  return Math.max(clock.now() - wall, clock.monotonic() - monotonic, 0);
}
