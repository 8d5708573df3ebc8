import { GrantkeeperError } from "../core/errors.ts";
import type { EventDraft, EventType } from "../core/events.ts";
import {
  isSessionOpen,
  type Role,
  type Session,
  SESSION_LIFE,
  SESSION_TOUCH,
  SIGN_IN_LINK_LIFE,
} from "../core/session.ts";
import { newId } from "./ids.ts";
import type { Ports } from "./ports.ts";

/** What is new in a browser: the session, and the value of its cookie, which is kept nowhere else. */
export interface OpenedSession {
  readonly session: Session;
  readonly secret: string;
}

/** Makes the code of a link by which a person signs in to the console, once and within ten minutes. */
export async function makeSignInLink(
  ports: Ports,
  { person, role }: Pick<Session, "person" | "role">,
): Promise<{ readonly code: string; readonly expiresAt: number }> {
  const code = newSecret(ports);
  const now = ports.clock.now();
  const expiresAt = now + SIGN_IN_LINK_LIFE;
  const link = { digest: ports.sealer.digest(code), person, role, createdAt: now, expiresAt, usedAt: null };
  await ports.store.addSignInLink(link, sessionEvent(ports, "sign_in_link_made", { person, role }));
  return { code, expiresAt };
}

/** @throws {GrantkeeperError} `unauthorized` for a code that is unknown, used or late: the same words for all. */
export async function signInByLink(ports: Ports, code: string): Promise<OpenedSession> {
  const link = await ports.store.useSignInLink(ports.sealer.digest(code), ports.clock.now());
  if (link === null)
    throw new GrantkeeperError("unauthorized", "This link has been used, or its ten minutes are over.", {
      remedy: "Make another on the machine of the service with: grantkeeper console.",
    });
  return openSession(ports, link);
}

/** Signs a person in, whoever has found out that it is them. */
export async function openSession(
  ports: Ports,
  { person, role }: { readonly person: string; readonly role: Role },
): Promise<OpenedSession> {
  const secret = newSecret(ports);
  const now = ports.clock.now();
  const session: Session = {
    id: newId(ports),
    digest: ports.sealer.digest(secret),
    person,
    role,
    createdAt: now,
    expiresAt: now + SESSION_LIFE,
    lastUsedAt: now,
    endedAt: null,
  };
  await ports.store.addSession(session, sessionEvent(ports, "signed_in", { person, role }));
  return { session, secret };
}

/**
 * The session of a cookie's value; null where it is none that counts.
 * @param isByPerson whether the person did something: what a page loads by itself keeps no session open.
 */
export async function findSession(
  ports: Pick<Ports, "store" | "sealer" | "clock">,
  secret: string,
  isByPerson: boolean,
): Promise<Session | null> {
  const session = await ports.store.session(ports.sealer.digest(secret));
  const now = ports.clock.now();
  if (session === null || !isSessionOpen(session, now)) return null;
  if (!isByPerson || now - session.lastUsedAt < SESSION_TOUCH) return session;
  await ports.store.touchSession(session.id, now);
  return { ...session, lastUsedAt: now };
}

/** Ends a session here, whatever the browser keeps. */
export async function signOut(ports: Ports, session: Session): Promise<void> {
  const { person, role } = session;
  const event = sessionEvent(ports, "signed_out", { person, role });
  await ports.store.endSession(session.id, ports.clock.now(), event);
}

/** 256 bits, as base64url. */
function newSecret({ random }: Pick<Ports, "random">): string {
  return Buffer.from(random.bytes(32)).toString("base64url");
}

function sessionEvent(
  ports: Pick<Ports, "actor" | "clock">,
  type: EventType,
  { person, role }: { readonly person: string; readonly role: Role },
): EventDraft {
  const at = ports.clock.now();
  const about = { grantId: null, grant: null, integration: null, generation: null };
  return { type, at, actor: ports.actor, ...about, data: { person, role } };
}
