import type { Clock } from "../keeper/ports.ts";
import { HttpRefusal } from "./problem.ts";

/** Buckets of tokens, one for each of those who ask. */
export interface RateLimit {
  /** @throws {HttpRefusal} 429, with the seconds to wait, where the bucket is empty. */
  readonly take: (who: string) => void;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** Those whom we remember at once; whoever has a full bucket again is forgotten first. */
const MOST = 10_000;

/** `perSecond` on average, `burst` at once; 0 a second: no limit. */
export function createRateLimit(
  clock: Pick<Clock, "monotonic">,
  perSecond: number,
  burst: number,
  what: string,
): RateLimit {
  const buckets = new Map<string, Bucket>();
  const prune = (now: number): void => {
    for (const [who, { tokens, at }] of buckets)
      if (tokens + ((now - at) / 1000) * perSecond >= burst) buckets.delete(who);
    if (buckets.size >= MOST) buckets.clear();
  };
  return {
    take: (who) => {
      if (perSecond === 0) return;
      const now = clock.monotonic();
      let bucket = buckets.get(who);
      if (bucket === undefined) {
        if (buckets.size >= MOST) prune(now);
        bucket = { tokens: burst, at: now };
        buckets.set(who, bucket);
      }
      bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
      bucket.at = now;
      if (bucket.tokens < 1) {
        const wait = Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond));
        throw new HttpRefusal(
          429,
          "rate_limited",
          what,
          `Wait ${wait} s; ${perSecond} a second are allowed.`,
          {
            "retry-after": String(wait),
          },
        );
      }
      bucket.tokens--;
    },
  };
}
