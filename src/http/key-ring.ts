import { hash, timingSafeEqual } from "node:crypto";
import { type ApiKey, idOfApiKey, isUsable } from "../core/api-key.ts";
import { unauthorized } from "../keeper/api-keys.ts";
import type { ChangeFeed } from "../keeper/change-feed.ts";
import type { Ports } from "../keeper/ports.ts";

/** Keys seen lately, and when each was last used. */
export interface KeyRing {
  /** The key of an `Authorization` field, from memory; null where it has to be looked up. Refuses nothing. */
  readonly known: (authorization: string | undefined) => ApiKey | null;
  /** @throws {GrantkeeperError} `unauthorized`, the same whatever is wrong; `storage_unavailable`. */
  readonly find: (authorization: string | undefined) => Promise<ApiKey>;
  /** Forgets one key, or all. */
  readonly forget: (id?: string) => void;
  /** Writes down when keys were last used. */
  readonly flush: () => Promise<void>;
}

interface Held {
  readonly key: ApiKey;
  readonly digest: Buffer;
  usedAt: number;
}

const SCHEME = /^Bearer +(\S+) *$/i;
/** As many keys as anybody has, and a bound on what strangers can make us keep. */
const MOST = 10_000;

/** Authenticates consumers. A key counts from memory only while the store's changes are known to the second. */
export function createKeyRing(ports: Pick<Ports, "store" | "clock">, feed: ChangeFeed): KeyRing {
  const held = new Map<string, Held>();
  const used = new Map<string, number>();
  /** Counts what was forgotten: a key that was read before may have changed since. */
  let forgotten = 0;

  const check = ({ key, digest }: Held, text: string): boolean => {
    const isSame = timingSafeEqual(hash("sha256", text, "buffer"), digest);
    return isSame && isUsable(key, ports.clock.now());
  };

  const note = (entry: Held): ApiKey => {
    const now = ports.clock.now();
    // To the second: more would be a write for each request.
    if (now - entry.usedAt >= 1000) {
      entry.usedAt = now;
      used.set(entry.key.id, now);
    }
    return entry.key;
  };

  return {
    known: (authorization) => {
      const text = presented(authorization);
      const entry = text === null ? undefined : held.get(text.slice(3, 13));
      if (text === null || entry === undefined || !feed.isFresh()) return null;
      return check(entry, text) ? note(entry) : null;
    },
    find: async (authorization) => {
      const text = presented(authorization);
      const id = text === null ? null : idOfApiKey(text);
      if (text === null || id === null) throw unauthorized();
      let entry = feed.isFresh() ? held.get(id) : undefined;
      if (entry === undefined) {
        const since = forgotten;
        const key = await ports.store.apiKey(id);
        // An unknown id costs the same comparison as a wrong secret.
        entry = { key: key ?? NOBODY, digest: Buffer.from((key ?? NOBODY).digest, "hex"), usedAt: 0 };
        if (key !== null && held.size < MOST && since === forgotten) held.set(id, entry);
      }
      if (!check(entry, text)) throw unauthorized();
      return note(entry);
    },
    forget: (id) => {
      forgotten++;
      if (id === undefined) held.clear();
      else held.delete(id);
    },
    flush: async () => {
      const uses = [...used].map(([id, at]) => ({ id, at }));
      used.clear();
      if (uses.length === 0) return;
      try {
        await ports.store.touchApiKeys(uses);
      } catch (error) {
        // Written the next time, where nothing newer came meanwhile.
        for (const { id, at } of uses) used.set(id, Math.max(at, used.get(id) ?? 0));
        throw error;
      }
    },
  };
}

function presented(authorization: string | undefined): string | null {
  if (authorization === undefined || authorization.length > 128) return null;
  if (authorization.startsWith("Bearer gk_")) return authorization.slice(7);
  return SCHEME.exec(authorization)?.[1] ?? null;
}

const NOBODY: ApiKey = {
  id: "",
  name: "",
  digest: "0".repeat(64),
  scopes: [],
  grants: [],
  createdAt: 0,
  expiresAt: 0,
  lastUsedAt: null,
  revokedAt: 0,
};
