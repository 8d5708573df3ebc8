import type { Grant, TokenDocument } from "../core/grant.ts";
import type { ChangeFeed } from "../keeper/change-feed.ts";
import type { Counter } from "./hand-out-counts.ts";

/** An opened token set, ready to be sent. */
export interface HeldToken {
  readonly grantId: string;
  readonly generation: number;
  /** Epoch ms; null: not known. */
  readonly expiresAt: number | null;
  readonly issuedAt: number | null;
  /** The document around its `expires_in`. */
  readonly head: string;
  readonly tail: string;
  /** Bytes of both. */
  readonly length: number;
  /** Those whose first hand-out of this generation is in the audit, with the count of later ones. */
  readonly consumers: Map<string, Counter>;
}

/** Opened token sets of the grants that are asked for, as many as fit. */
export interface TokenCache {
  /** Null where there is none, or what is known here may be more than a second old. */
  readonly get: (name: string) => HeldToken | null;
  /** To be called before a grant is read for `put`. */
  readonly reading: () => number;
  /** Keeps a grant's token, unless the grant changed since `reading` was called. */
  readonly put: (grant: Grant, document: TokenDocument, since: number) => HeldToken;
  readonly forget: (grantId: string | null) => void;
  readonly size: () => number;
}

/** Token sets held at once: about 1 kB each. */
const MOST = 20_000;

export function createTokenCache(feed: Pick<ChangeFeed, "isFresh">, most = MOST): TokenCache {
  const byName = new Map<string, HeldToken>();
  const names = new Map<string, string>();
  /** When grants changed, by a clock that counts changes; everything before `floor` counts as changed. */
  const changed = new Map<string, number>();
  let clock = 0;
  let floor = 0;

  const drop = (name: string): void => {
    const held = byName.get(name);
    if (held === undefined) return;
    byName.delete(name);
    names.delete(held.grantId);
  };

  return {
    get: (name) => (feed.isFresh() ? (byName.get(name) ?? null) : null),
    reading: () => clock,
    put: (grant, document, since) => {
      const held = heldToken(grant, document);
      if (since < floor || (changed.get(grant.id) ?? -1) > since) return held;
      const before = byName.get(grant.name);
      if (before !== undefined && before.grantId === grant.id && before.generation === grant.generation)
        for (const [consumer, counter] of before.consumers) held.consumers.set(consumer, counter);
      drop(grant.name);
      if (byName.size >= most)
        for (const oldest of byName.keys()) {
          drop(oldest);
          break;
        }
      byName.set(grant.name, held);
      names.set(grant.id, grant.name);
      return held;
    },
    forget: (grantId) => {
      clock++;
      if (grantId === null || changed.size > 10_000) {
        changed.clear();
        floor = clock;
      }
      if (grantId === null) {
        byName.clear();
        names.clear();
        return;
      }
      changed.set(grantId, clock);
      const name = names.get(grantId);
      if (name !== undefined) drop(name);
    },
    size: () => byName.size,
  };
}

const MARK = 9_007_199_254_740_991;

function heldToken(grant: Grant, document: TokenDocument): HeldToken {
  // A life that is not known is written as null, and stays so.
  const marked = grant.accessExpiresAt === null ? document : { ...document, expires_in: MARK };
  const [head = "", tail = ""] = JSON.stringify(marked).split(`"expires_in":${MARK}`);
  const isKnown = grant.accessExpiresAt !== null;
  return {
    grantId: grant.id,
    generation: grant.generation,
    expiresAt: grant.accessExpiresAt,
    issuedAt: grant.accessIssuedAt,
    head: isKnown ? `${head}"expires_in":` : head,
    tail,
    length: Buffer.byteLength(head) + Buffer.byteLength(tail) + (isKnown ? 13 : 0),
    consumers: new Map(),
  };
}
