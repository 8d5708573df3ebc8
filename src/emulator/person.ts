import { parseFields, type Call } from "./transport/call.ts";
import type { Delivery } from "./transport/delivery.ts";
import type { Decision } from "./types.ts";
import { findAccount, type World } from "./world.ts";

/** Sends a request to the provider as a browser would. */
export type Browse = (call: Call) => Promise<Delivery>;

/** Walks the pages of an authorization URL to the end, and gives the location that the browser is sent to. */
export async function approveByPages(
  world: World,
  browse: Browse,
  authorizationUrl: string,
  decision: Decision,
): Promise<string> {
  const { pathname, search } = new URL(authorizationUrl);
  const first = await answerOf(browse, get(pathname, search));
  if (first.location !== undefined) return first.location;
  const last = await answerOf(browse, decisionOn(world, pathname, first.body, decision));
  if (last.location === undefined) throw new Error(`No redirect followed: ${headingOf(last.body)}`);
  return last.location;
}

/** Walks the device pages to the end. */
export async function approveDeviceByPages(
  world: World,
  browse: Browse,
  userCode: string,
  decision: Decision,
): Promise<void> {
  const first = await answerOf(browse, post("/verify", { user_code: userCode }));
  await answerOf(browse, decisionOn(world, "/verify", first.body, decision));
}

async function answerOf(browse: Browse, call: Call): Promise<{ location?: string; body: string }> {
  const delivery = await browse(call);
  if (delivery.kind !== "answered") throw new Error(`${call.path} was not answered: ${delivery.kind}`);
  const { status, headers, body } = delivery.reply;
  if (status >= 400) throw new Error(`${call.path} answered ${status}: ${headingOf(body)}`);
  const location = headers["location"];
  return location === undefined ? { body } : { location, body };
}

function decisionOn(world: World, path: string, pageBody: string, decision: Decision): Call {
  const ticket = /name="ticket" value="([^"]+)"/.exec(pageBody)?.[1];
  if (ticket === undefined) throw new Error(`${path} asked nothing: ${headingOf(pageBody)}`);
  const user = decision.user ?? findAccount(world, undefined)?.user.email ?? "";
  return post(path, { ticket, user, decision: decision.decision ?? "approve" });
}

function get(path: string, search: string): Call {
  const query = parseFields(search.slice(1));
  return { ...post(path, {}), method: "GET", query, headers: {}, body: "" };
}

function post(path: string, fields: Record<string, string>): Call {
  const body = new URLSearchParams(fields).toString();
  return {
    method: "POST",
    path,
    query: parseFields(""),
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body,
    form: parseFields(body),
    trackingId: "ROUTER_HEADLESS",
  };
}

function headingOf(body: string): string {
  return /<h1>([^<]*)<\/h1>/.exec(body)?.[1] ?? body.slice(0, 200);
}
