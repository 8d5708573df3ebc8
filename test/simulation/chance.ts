/** Chance out of a seed: the same seed says the same, on every machine. */
export interface Chance {
  /** In [0, 1). */
  readonly fraction: () => number;
  /** A whole number in [from, to]. */
  readonly whole: (from: number, to: number) => number;
  readonly between: (from: number, to: number) => number;
  /** Evenly spread over orders of magnitude: for times. */
  readonly spread: (from: number, to: number) => number;
  readonly happens: (probability: number) => boolean;
  readonly one: <T>(of: readonly [T, ...T[]]) => T;
  readonly bytes: (length: number) => Uint8Array;
  /** An independent source: what is drawn from one does not move the other. */
  readonly fork: (name: string) => Chance;
}

/** Sebastiano Vigna's splitmix idea on 32 bits: small, quick, and good enough to spread faults. */
export function chanceOf(seed: string): Chance {
  let state = hashOf(seed);
  const word = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  const fraction = (): number => word() / 2 ** 32;
  const between = (from: number, to: number): number => from + (to - from) * fraction();
  return {
    fraction,
    between,
    whole: (from, to) => Math.floor(between(from, to + 1)),
    spread: (from, to) => from * (to / from) ** fraction(),
    happens: (probability) => fraction() < probability,
    one: (of) => of[Math.floor(fraction() * of.length)] ?? of[0],
    bytes: (length) => Uint8Array.from({ length }, () => word() & 0xff),
    fork: (name) => chanceOf(`${seed}/${name}`),
  };
}

/** FNV-1a over the text's code units. */
export function hashOf(text: string, from = 0x811c9dc5): number {
  let hash = from;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash | 0;
}
