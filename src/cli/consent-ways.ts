import { ERROR_CODES, type ErrorCode, GrantkeeperError, toGrantkeeperError } from "../core/errors.ts";
import type { Grant } from "../core/grant.ts";
import { type BegunAuthorization, completeAuthorization } from "../keeper/authorize.ts";
import type { Ports } from "../keeper/ports.ts";
import type { Redirected } from "../oauth/callback.ts";
import { openBrowser } from "./browser.ts";
import { type Io, isInteractive, tell } from "./io.ts";
import { type CaughtRedirect, listenForRedirect, type LoopbackListener } from "./loopback-listener.ts";
import { askForRedirected } from "./paste-redirected.ts";
import { isServiceAt } from "./service-at.ts";

/** An authorization that was begun, and who waits for it. */
export interface ConsentWay {
  readonly io: Io;
  readonly ports: Ports;
  /** The grant's. */
  readonly name: string;
  readonly begun: BegunAuthorization;
  /** The newest event before it was begun. */
  readonly since: number;
  readonly deadline: AbortSignal;
  /** How long it is waited for, in ms. */
  readonly wait: number;
  /** Whether the address is opened here. */
  readonly browser: boolean;
}

/**
 * The browser comes back to this machine: to a listener of this command or, where our service has the port,
 * to the service, which shares the store.
 * @throws {GrantkeeperError} `conflict` where another program has the port; `timed_out`.
 */
export async function throughBrowser(way: ConsentWay): Promise<Grant> {
  const { redirectUri, state } = way.begun;
  let listener: LoopbackListener;
  try {
    listener = await listenForRedirect(redirectUri, state);
  } catch (error) {
    const isTaken = toGrantkeeperError(error).code === "conflict";
    if (!isTaken || !(await isServiceAt(new URL(redirectUri).origin))) throw error;
    return throughService(way);
  }
  const over = new AbortController();
  try {
    await showAddress(way);
    tell(way.io, `Waiting for the browser to come back to ${redirectUri} …`);
    const pasted = pasteBeside(way, over.signal);
    return await finish(way, await orTimeout(Promise.race([listener.caught, pasted]), way));
  } finally {
    over.abort();
    listener.close();
  }
}

/** How often, in ms, the store is asked what came of it. */
const LOOK_EVERY = 250;

/** The service takes the answer; what came of it stands in the store. */
async function throughService(way: ConsentWay): Promise<Grant> {
  await showAddress(way);
  tell(way.io, `The service at ${new URL(way.begun.redirectUri).origin} takes the answer. Waiting …`);
  return orTimeout(outcomeInStore(way), way);
}

async function outcomeInStore({ ports, name, since, deadline }: ConsentWay): Promise<Grant> {
  for (let after = since; !deadline.aborted;) {
    const upTo = await ports.store.settledEvent();
    const page = { after, upTo, types: ["granted", "authorization_ended"], grants: [name], limit: 1 };
    const [event] = await ports.store.eventPage(page);
    if (event?.type === "granted") {
      const grant = await ports.store.grant(name);
      if (grant !== null) return grant;
    }
    if (event !== undefined) throw endedAtService(String(event.data["reason"]));
    after = Math.max(after, upTo);
    await ports.clock.sleep(LOOK_EVERY);
  }
  // Whoever set the deadline says what it means.
  return new Promise(() => undefined);
}

function endedAtService(reason: string): GrantkeeperError {
  const code = Object.hasOwn(ERROR_CODES, reason) ? (reason as ErrorCode) : "provider_refused";
  return new GrantkeeperError(code, `The authorization ended without a token (${reason}).`, {
    remedy: "The page in the browser says why and what to do. Then run it again.",
  });
}

/** The browser ends at an address elsewhere, which the person pastes here. */
export async function throughPaste(way: ConsentWay): Promise<Grant> {
  const { redirectUri } = way.begun;
  await showAddress(way);
  tell(way.io, `After accepting, the browser ends at ${redirectUri}?code=…`);
  const invitation = "Paste that whole address here, whatever the page itself shows:";
  const redirected = askForRedirected(way.io, invitation, redirectUri, way.deadline);
  return finish(way, asCaught(await orTimeout(redirected, way)));
}

/** Whoever browses on another machine ends at an address that only that machine has: it can be pasted here. */
function pasteBeside({ io, begun }: ConsentWay, over: AbortSignal): Promise<CaughtRedirect> {
  if (!isInteractive(io)) return new Promise(() => undefined);
  const invitation = "(If the browser is on another machine, paste the address it ends at here.)";
  return askForRedirected(io, invitation, begun.redirectUri, over).then(asCaught);
}

function asCaught(redirected: Redirected): CaughtRedirect {
  return { redirected, finish: () => Promise.resolve() };
}

async function finish({ ports, name }: ConsentWay, caught: CaughtRedirect): Promise<Grant> {
  try {
    const grant = await completeAuthorization(ports, name, caught.redirected);
    await caught.finish({ kind: "connected", grant: name });
    return grant;
  } catch (error) {
    const { message, remedy = null } = toGrantkeeperError(error);
    await caught.finish({ kind: "failed", message, remedy });
    throw error;
  }
}

async function showAddress({ io, begun, browser }: ConsentWay): Promise<void> {
  tell(io, "Open this address and sign in as the administrator who consents:");
  tell(io, `\n${begun.authorizationUrl}\n`);
  if (!browser) return;
  if (await openBrowser(io, begun.authorizationUrl)) tell(io, "(It should be opening in your browser.)");
}

function orTimeout<T>(work: Promise<T>, { deadline, wait }: ConsentWay): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    const give = (): void => reject(timedOut(wait));
    if (deadline.aborted) give();
    else deadline.addEventListener("abort", give, { once: true });
  });
  return Promise.race([work, late]);
}

function timedOut(timeout: number): GrantkeeperError {
  return new GrantkeeperError("timed_out", `Nobody consented within ${Math.round(timeout / 1000)} seconds.`, {
    remedy: "Run it again, with a longer --timeout where the person needs one. Nothing was stored.",
  });
}
