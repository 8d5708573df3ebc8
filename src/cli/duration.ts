import { InvalidArgumentError } from "commander";

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, y: 365 * 86_400_000 } as const;

type Unit = keyof typeof UNITS;

interface DurationFacts {
  readonly units: readonly Unit[];
  /** Milliseconds. */
  readonly most: number;
  /** What it has to be, said to whoever gives another. */
  readonly rule: string;
}

/** Makes the reader of an option's duration, in ms: a whole number and a unit. */
export function durationOption({ units, most, rule }: DurationFacts): (text: string) => number {
  return (text) => {
    const [, amount = "", unit = "s"] = /^(\d{1,6})([a-z]{0,2})$/.exec(text) ?? [];
    const known = units.find((one) => one === (unit === "" ? "s" : unit));
    const ms = known === undefined || amount === "" ? 0 : Number(amount) * UNITS[known];
    if (ms > 0 && ms <= most) return ms;
    throw new InvalidArgumentError(rule);
  };
}
