import type { DiskCache } from "./disk-cache.ts";
import { GrantkeeperClientError } from "./errors.ts";
import type { HeldToken } from "./token.ts";

/** Tokens that were fetched, in memory and on disk, and those that a resource server would not have. */
export interface HeldTokens {
  /** What is in memory. */
  readonly get: (grant: string) => HeldToken | null;
  /** What is in memory or on disk and has life left; never one that was rejected. */
  readonly living: (grant: string) => Promise<HeldToken | null>;
  /** Keeps a token, and gives the newer of it and the one that is held. @throws {GrantkeeperClientError} `bad_answer` for another grant's. */
  readonly keep: (grant: string, held: HeldToken) => Promise<HeldToken>;
  readonly forget: (grant: string) => Promise<void>;
  /** A resource server would not have it: it is not served any more, whoever brings it, until the service says that it is the current one. */
  readonly reject: (grant: string, fingerprint: string) => Promise<void>;
  readonly isRejected: (grant: string, held: HeldToken) => boolean;
  /** The service was told of it and stands by this token. */
  readonly accept: (grant: string, held: HeldToken) => void;
}

/** Fingerprints of one grant that are remembered: a token that old has long ended. */
const MOST_REJECTED = 8;

export function createHeldTokens(disk: DiskCache | null): HeldTokens {
  const memory = new Map<string, HeldToken>();
  const rejected = new Map<string, readonly string[]>();

  const isRejected = (grant: string, { token: { fingerprint } }: HeldToken): boolean =>
    fingerprint !== null && (rejected.get(grant)?.includes(fingerprint) ?? false);
  const forget = async (grant: string): Promise<void> => {
    memory.delete(grant);
    await disk?.remove(grant);
  };

  return {
    get: (grant) => memory.get(grant) ?? null,
    living: async (grant) => {
      const held = memory.get(grant) ?? (await disk?.read(grant)) ?? null;
      if (held === null || secondsLeft(held) <= 0 || isRejected(grant, held)) return null;
      if (!memory.has(grant)) memory.set(grant, held);
      return held;
    },
    keep: async (grant, held) => {
      if (held.token.grant !== grant)
        throw new GrantkeeperClientError("bad_answer", "The service answered with another grant's token.");
      // One that was under way when it was rejected.
      if (isRejected(grant, held)) return held;
      const before = memory.get(grant);
      // Of two answers under way the one that comes last may be the older.
      if (before !== undefined && before.token.generation > held.token.generation) return before;
      memory.set(grant, held);
      await disk?.write(grant, held);
      return held;
    },
    forget,
    reject: async (grant, fingerprint) => {
      rejected.set(grant, [...(rejected.get(grant) ?? []), fingerprint].slice(-MOST_REJECTED));
      const held = memory.get(grant) ?? (await disk?.read(grant)) ?? null;
      if (held !== null && isRejected(grant, held)) await forget(grant);
    },
    isRejected,
    accept: (grant, { token: { fingerprint } }) => {
      const others = (rejected.get(grant) ?? []).filter((one) => one !== fingerprint);
      if (others.length === 0) rejected.delete(grant);
      else rejected.set(grant, others);
    },
  };
}

/** Seconds. */
export function secondsLeft({ endsAt }: HeldToken): number {
  return (endsAt - performance.now()) / 1000;
}
