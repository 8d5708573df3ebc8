import type { Context } from "hono";
import { toGrantkeeperError } from "../core/errors.ts";
import { type Grant, instant } from "../core/grant.ts";
import { missingScopes } from "../core/scopes.ts";
import { completeRedirect, returnToOf } from "../keeper/authorize.ts";
import type { Ports } from "../keeper/ports.ts";
import { parseRedirected, type Redirected } from "../oauth/callback.ts";
import type { Env } from "./app.ts";
import { SECURITY_HEADERS } from "./guard.ts";
import { type PageText, plainPage } from "./plain-page.ts";
import { HttpRefusal, problemOf } from "./problem.ts";
import type { Service } from "./service.ts";

/** Where providers send the browser back to. */
export const CALLBACK_PATH = "/oauth/callback";

/**
 * Ends an authorization in the browser. The one GET that changes something, as OAuth has it: its state was
 * given out here, for one use and ten minutes.
 */
export async function answerCallback(service: Service, c: Context<Env>): Promise<Response> {
  // Scanners of links and previews look with HEAD: that must not use the state up.
  if (c.req.method === "HEAD")
    throw new HttpRefusal(405, "invalid_request", "This path does not have this method.", "It has GET.", {
      allow: "GET",
    });
  const ports: Ports = { ...service.ports, actor: "oauth_callback" };
  try {
    const { grant, returnTo } = await completeRedirect(ports, redirectedOf(c.req.url));
    if (returnTo !== null) return c.redirect(returnTo, 303);
    return show(c, 200, successText(grant));
  } catch (error) {
    const { status, document } = problemOf(error);
    if (document.code === "internal") service.onFault(error);
    const back = await wayBack(ports, c.req.url);
    return show(c, status, { ...troubleText(error, back !== null), back });
  }
}

function redirectedOf(address: string): Redirected {
  const { origin, search } = new URL(address);
  const here = `${origin}${CALLBACK_PATH}`;
  return parseRedirected(`${here}${search}`, here);
}

/** To the page that it was begun at, without what that page was to say of a success; null: it was none. */
async function wayBack(ports: Ports, address: string): Promise<PageText["back"]> {
  // What kept the authorization from ending may keep this from being read.
  const returnTo = await Promise.resolve()
    .then(() => returnToOf(ports, redirectedOf(address)))
    .catch(() => null);
  if (returnTo === null) return null;
  return { href: returnTo.replace(/\?.*$/, ""), text: "Go back, and try again from there" };
}

function successText(grant: Grant): PageText {
  const { account, name, requestedScopes, scopes } = grant;
  const who = account?.displayName ?? account?.email ?? null;
  const until = instant(grant.refreshExpiresAt);
  const missing = missingScopes(requestedScopes, scopes);
  return {
    title: `${name} is connected`,
    tone: "good",
    lines: [
      "The consent has arrived, its tokens are kept, and they will be refreshed from now on.",
      ...(who === null ? [] : [`Granted by ${who}.`]),
      ...(until === null ? [] : [`Without any refresh it would end on ${until.slice(0, 10)}.`]),
      ...(missing.length === 0 ? [] : [`Asked for and not granted: ${missing.join(", ")}.`]),
      "You can close this window.",
    ],
  };
}

function troubleText(error: unknown, hasWayBack: boolean): PageText {
  const { message, remedy, code } = toGrantkeeperError(error);
  const next = code === "internal" ? "The log of the service says more." : remedy;
  return {
    title: "It did not work",
    tone: "bad",
    lines: [
      message,
      ...(next === undefined ? [] : [next]),
      ...(hasWayBack ? [] : ["You can close this window."]),
    ],
  };
}

function show(c: Context<Env>, status: number, text: PageText): Response {
  const { body, contentSecurityPolicy } = plainPage(text);
  return c.body(body, status as 200, {
    ...SECURITY_HEADERS,
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": contentSecurityPolicy,
  });
}
