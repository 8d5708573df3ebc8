import type { Context, Hono } from "hono";
import { GrantkeeperError, toGrantkeeperError } from "../core/errors.ts";
import { type Role, roleOf } from "../core/session.ts";
import { openSession } from "../keeper/sessions.ts";
import {
  beginOpenId,
  type Claims,
  finishOpenId,
  type OpenIdClient,
  type OpenIdTransaction,
} from "../oauth/openid.ts";
import type { Env } from "./app.ts";
import { SECURITY_HEADERS } from "./guard.ts";
import { requestFacts } from "./observe.ts";
import { plainPage } from "./plain-page.ts";
import { problemOf } from "./problem.ts";
import type { Service } from "./service.ts";
import { cookieName, readCookie, sessionCookie } from "./session-cookie.ts";
import { refuseOtherPages } from "./sign-in.ts";

/** How people sign in by OpenID Connect, and which role their claims give them. */
export interface OpenIdSignIn extends OpenIdClient {
  /** The claim whose values give a role. */
  readonly roleClaim: string;
  readonly roles: Readonly<Record<Role, readonly string[]>>;
}

/** The ways to sign in, and the beginning of this one. */
const WAYS_PATH = "/v1/sign-in";
/** Where the provider sends the browser back to: its redirect URI there. */
const OPENID_CALLBACK_PATH = "/sign-in/callback";
/** How long, in ms, a person may take at the provider. */
const PATIENCE = 10 * 60_000;

/** Adds sign-in by OpenID Connect; where none is configured the ways say so. */
export function addOpenId(app: Hono<Env>, service: Service): void {
  const { openId } = service;
  app.get(WAYS_PATH, (c) => {
    requestFacts(c.env.outgoing).route = WAYS_PATH;
    return c.json({ link: true, openid: openId === null ? null : openId.issuer.host });
  });
  if (openId === null) return;
  app.post(WAYS_PATH, (c) => begin(service, openId, c));
  app.get(OPENID_CALLBACK_PATH, (c) => finish(service, openId, c));
}

/** What the browser keeps while its person is away, sealed: nothing of it is in the store. */
type Kept = OpenIdTransaction & { readonly until: number };

const PLACE = { table: "sign_in", column: "transaction", id: "cookie", generation: 1 };

async function begin(service: Service, openId: OpenIdSignIn, c: Context<Env>): Promise<Response> {
  requestFacts(c.env.outgoing).route = WAYS_PATH;
  refuseOtherPages(c);
  const { send, random, sealer, clock } = service.ports;
  const redirectUri = `${new URL(c.req.url).origin}${OPENID_CALLBACK_PATH}`;
  const network = { send, bytes: random.bytes };
  const { authorizationUrl, transaction } = await beginOpenId(
    openId,
    network,
    publicUri(service, redirectUri),
  );
  const kept: Kept = { ...transaction, until: clock.now() + PATIENCE };
  c.header("set-cookie", transactionCookie(service, c, sealer.seal(JSON.stringify(kept), PLACE)));
  return c.json({ authorization_url: authorizationUrl }, 201);
}

async function finish(service: Service, openId: OpenIdSignIn, c: Context<Env>): Promise<Response> {
  requestFacts(c.env.outgoing).route = OPENID_CALLBACK_PATH;
  c.header("set-cookie", transactionCookie(service, c, ""));
  try {
    const transaction = openTransaction(service, c);
    const redirected = new URL(transaction.redirectUri);
    redirected.search = new URL(c.req.url).search;
    const claims = await finishOpenId(openId, service.ports, transaction, redirected);
    const person = personOf(claims);
    const role = roleOf(claims[openId.roleClaim], openId.roles);
    if (role === null) throw noRole(person);
    const { secret } = await openSession(service.actingAs({ actor: "console" }), { person, role });
    const name = cookieName(c.env.incoming.headers.host ?? "", service.isSecure);
    c.header("set-cookie", sessionCookie(name, secret, service.isSecure), { append: true });
    return c.redirect("/", 303);
  } catch (error) {
    const { status, document } = problemOf(error);
    if (document.code === "internal") service.onFault(error);
    const { message, remedy } = toGrantkeeperError(error);
    const { body, contentSecurityPolicy } = plainPage({
      title: "You could not be signed in",
      tone: "bad",
      lines: [message, ...(remedy === undefined ? [] : [remedy])],
      back: { href: "/sign-in", text: "Back to the console" },
    });
    return c.body(body, status as 400, {
      ...SECURITY_HEADERS,
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": contentSecurityPolicy,
    });
  }
}

/** As the provider knows it: a proxy with TLS is not seen in the request. */
function publicUri({ isSecure }: Service, uri: string): string {
  return isSecure ? uri.replace(/^http:/, "https:") : uri;
}

function openTransaction({ ports: { sealer, clock }, isSecure }: Service, c: Context<Env>): Kept {
  const sealed = readCookie(c.env.incoming, transactionName(c, isSecure), /^[\w.-]{50,2000}$/);
  try {
    if (sealed !== null) {
      const kept = JSON.parse(sealer.open(sealed as never, PLACE)) as Kept;
      if (clock.now() < kept.until) return kept;
    }
  } catch {
    // Not ours, or from before another master key.
  }
  throw new GrantkeeperError(
    "invalid_request",
    "This sign-in was not begun in this browser, or its ten minutes are over.",
    {
      remedy: "Begin again from the console.",
    },
  );
}

function transactionName(c: Context<Env>, isSecure: boolean): string {
  return `${cookieName(c.env.incoming.headers.host ?? "", isSecure)}-sign-in`;
}

/** `Lax`, since the browser comes back from another site. */
function transactionCookie({ isSecure }: Service, c: Context<Env>, value: string): string {
  return sessionCookie(transactionName(c, isSecure), value, isSecure, "Lax");
}

/** Who, as the audit will name them: what the provider calls them, on one line. */
function personOf(claims: Claims): string {
  const named = [claims["preferred_username"], claims["email"], claims["sub"]].find(
    (value) => typeof value === "string" && value !== "",
  );
  return String(named)
    .replace(/[\p{C}\u2028\u2029]/gu, "?")
    .slice(0, 100);
}

function noRole(person: string): GrantkeeperError {
  return new GrantkeeperError("forbidden", `${person} has no role here.`, {
    remedy: "Ask whoever runs this service to give you one: openid_viewers, openid_operators, openid_admins.",
  });
}
