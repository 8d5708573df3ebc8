import type { ApiKey } from "../core/api-key.ts";
import { isUsable } from "../core/api-key.ts";
import { isSessionOpen, ROLES, type Session, sessionEnd } from "../core/session.ts";
import type { Ports } from "../keeper/ports.ts";

/** Who asks, and what they may: a program with an API key, or a person at the console. */
export interface Caller extends Pick<ApiKey, "id" | "scopes" | "grants" | "expiresAt" | "revokedAt"> {
  /** As the audit names them. */
  readonly actor: string;
  /** The event after which they may count no more. */
  readonly endsWith: "api_key_revoked" | "signed_out";
  /** Whether the store still says that they count. */
  readonly stillCounts: () => Promise<boolean>;
}

type Stored = Pick<Ports, "store" | "clock">;

/** A program. */
export function programOf({ store, clock }: Stored, key: ApiKey): Caller {
  return {
    ...key,
    actor: actorOf(key),
    endsWith: "api_key_revoked",
    stillCounts: async () => {
      const now = await store.apiKey(key.id);
      return now !== null && isUsable(now, clock.now());
    },
  };
}

/** A person. */
export function personOf({ store, clock }: Stored, session: Session): Caller {
  return {
    id: session.id,
    actor: `console:${session.person}`,
    scopes: ROLES[session.role],
    grants: null,
    expiresAt: sessionEnd(session),
    revokedAt: session.endedAt,
    endsWith: "signed_out",
    stillCounts: async () => {
      const now = await store.session(session.digest);
      return now !== null && isSessionOpen(now, clock.now());
    },
  };
}

/** How the audit names a key. */
function actorOf({ id }: Pick<ApiKey, "id">): string {
  return `api_key:${id}`;
}
