import type { Context, Hono } from "hono";
import { z } from "@hono/zod-openapi";
import { GrantkeeperError } from "../core/errors.ts";
import { instant } from "../core/grant.ts";
import { ROLES, type Session, sessionEnd } from "../core/session.ts";
import { signInByLink, signOut } from "../keeper/sessions.ts";
import type { Env } from "./app.ts";
import { requestFacts } from "./observe.ts";
import { HttpRefusal } from "./problem.ts";
import { readBody } from "./read-request.ts";
import type { Service } from "./service.ts";
import { CONSOLE_FIELD, cookieName, isFromOurPages, sessionCookie } from "./session-cookie.ts";

/** Where a person signs in, out, and learns who they are. */
const SESSION_PATH = "/v1/session";

const signInBody = z.strictObject({ code: z.string().min(1).max(200) });

/** Adds what makes, tells and ends the session of a person at the console. */
export function addSignIn(app: Hono<Env>, service: Service): void {
  app.post(SESSION_PATH, (c) => signIn(service, c));
  app.get(SESSION_PATH, (c) => tell(service, c));
  app.delete(SESSION_PATH, (c) => end(service, c));
}

/** What the console knows of who uses it. */
function sessionDocument(service: Service, session: Session) {
  const { person, role, expiresAt } = session;
  return {
    person,
    role,
    scopes: ROLES[role],
    idle_until: instant(sessionEnd(session)),
    expires_at: instant(expiresAt),
    version: service.version,
    can_rehearse: service.rehearse !== null,
  };
}

/** A link's code for a session; a session that the browser had before ends. */
async function signIn(service: Service, c: Context<Env>): Promise<Response> {
  note(c);
  refuseOtherPages(c);
  const { incoming } = c.env;
  const { code } = (await readBody(c, signInBody)) as z.infer<typeof signInBody>;
  const before = await service.session(incoming);
  try {
    const { session, secret } = await signInByLink(service.actingAs({ actor: "console" }), code);
    if (before !== null) await signOut(actingAs(service, before), before);
    c.header("set-cookie", cookieOf(service, c, secret));
    return c.json(sessionDocument(service, session), 201);
  } catch (error) {
    if (error instanceof GrantkeeperError && error.code === "unauthorized") service.limitWrong(incoming);
    throw error;
  }
}

async function tell(service: Service, c: Context<Env>): Promise<Response> {
  note(c);
  const session = await service.session(c.env.incoming);
  if (session === null) throw notSignedIn();
  return c.json(sessionDocument(service, session));
}

async function end(service: Service, c: Context<Env>): Promise<Response> {
  note(c);
  refuseOtherPages(c);
  const session = await service.session(c.env.incoming);
  if (session !== null) await signOut(actingAs(service, session), session);
  c.header("set-cookie", cookieOf(service, c, ""));
  return c.body(null, 204);
}

function note(c: Context<Env>): void {
  requestFacts(c.env.outgoing).route = SESSION_PATH;
}

function actingAs(service: Service, { person }: Session) {
  return service.actingAs({ actor: `console:${person}` });
}

function cookieOf({ isSecure }: Service, c: Context<Env>, secret: string): string {
  return sessionCookie(cookieName(c.env.incoming.headers.host ?? "", isSecure), secret, isSecure);
}

/** @throws {HttpRefusal} `forbidden` for whatever does not come from the console's own pages. */
export function refuseOtherPages(c: Context<Env>): void {
  if (isFromOurPages(c.env.incoming)) return;
  throw new HttpRefusal(
    403,
    "forbidden",
    "People sign in and out on the console's own pages.",
    `Programs use an API key, and no session. (Origin and ${CONSOLE_FIELD} are missing.)`,
  );
}

function notSignedIn(): GrantkeeperError {
  return new GrantkeeperError("unauthorized", "You are not signed in.", {
    remedy: "Make a link on the machine of the service with: grantkeeper console.",
  });
}
