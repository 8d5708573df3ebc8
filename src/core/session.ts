import type { ApiKeyScope } from "./api-key.ts";

/** What a person at the console may do, as scopes of the API. `docs/console.md` is held against this list. */
export const ROLES = {
  viewer: ["grants:read", "events:read"],
  operator: ["grants:read", "grants:write", "events:read", "metrics:read"],
  admin: ["admin"],
} as const satisfies Record<string, readonly ApiKeyScope[]>;

export type Role = keyof typeof ROLES;

/** Milliseconds without a request by the person, after which a session ends. */
const SESSION_IDLE = 60 * 60 * 1000;
/** Milliseconds after which a session ends in any case. */
export const SESSION_LIFE = 12 * 60 * 60 * 1000;
/** Milliseconds for which a sign-in link is good. */
export const SIGN_IN_LINK_LIFE = 10 * 60 * 1000;
/** Milliseconds between two writings of when a session was used: more would be a write for each request. */
export const SESSION_TOUCH = 60_000;

/** A person signed in at the console. Only a digest of what the browser holds is kept. Times are epoch milliseconds. */
export interface Session {
  readonly id: string;
  /** SHA-256 of the cookie's value, in hex. */
  readonly digest: string;
  /** Who, as the audit names them. */
  readonly person: string;
  readonly role: Role;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** To the minute or so. */
  readonly lastUsedAt: number;
  readonly endedAt: number | null;
}

/** A link by which a person signs in, once. */
export interface SignInLink {
  /** SHA-256 of the link's code, in hex. */
  readonly digest: string;
  readonly person: string;
  readonly role: Role;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly usedAt: number | null;
}

/** When a session ends if its person does nothing more. */
export function sessionEnd({ expiresAt, lastUsedAt }: Pick<Session, "expiresAt" | "lastUsedAt">): number {
  return Math.min(expiresAt, lastUsedAt + SESSION_IDLE);
}

/** Whether a session still counts. */
export function isSessionOpen(session: Session, now: number): boolean {
  return session.endedAt === null && now < sessionEnd(session);
}

/** The highest role that a claim's values give; null: none. A claim is a text or a list of texts. */
export function roleOf(claim: unknown, roles: Readonly<Record<Role, readonly string[]>>): Role | null {
  const values = new Set<unknown>(Array.isArray(claim) ? claim : [claim]);
  const highestFirst: readonly Role[] = ["admin", "operator", "viewer"];
  return highestFirst.find((role) => roles[role].some((value) => values.has(value))) ?? null;
}
