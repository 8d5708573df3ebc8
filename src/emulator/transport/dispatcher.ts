import { redirectWithError } from "../pages/handlers.ts";
import { claimedClientId } from "../client-authentication.ts";
import type { FaultBook } from "../faults.ts";
import { Refusal, refusalAnswer } from "../refusals.ts";
import type { World } from "../world.ts";
import { header, json, type Call, type Reply } from "./call.ts";
import { deliverFaulty, type Delivery } from "./delivery.ts";
import type { RequestLog } from "./request-log.ts";
import { findHandler, findRoute, type Handler } from "./routes.ts";

/** What a protocol request meets: the provider, the faults on order, and the record. */
export interface Provider {
  readonly world: World;
  readonly faults: FaultBook;
  readonly log: RequestLog;
}

/** Records a protocol request, carries it out, and says what reaches the client. Never rejects. */
export async function dispatch(provider: Provider, call: Call): Promise<Delivery> {
  const { world, faults, log } = provider;
  const { route, endpoint } = findRoute(call);
  const arrival = log.arrive(call, endpoint, world.now());
  const fault = faults.take(endpoint, () => claimedClientId(call));
  arrival.fault = fault?.spec.kind ?? null;
  log.announce(arrival);
  const carryOut = (): Reply => {
    const { spec } = fault ?? {};
    return attempt(world, call, route.isOAuth, () =>
      spec?.kind === "error_redirect" && endpoint === "authorize"
        ? redirectWithError(world, call, spec.error, spec.description)
        : findHandler(route, call)(world, call),
    );
  };
  const delivery: Delivery =
    fault === undefined
      ? { kind: "answered", reply: carryOut() }
      : await deliverFaulty(fault, carryOut, call.trackingId);
  log.end(arrival, delivery.kind, "reply" in delivery ? delivery.reply : undefined);
  return delivery;
}

/** Turns what a handler throws into an answer. */
export function attempt(world: World, call: Call, isOAuth: boolean, run: () => ReturnType<Handler>): Reply {
  try {
    return run();
  } catch (error) {
    if (error instanceof Refusal) return refused(world, call, isOAuth, error);
    const message = `The emulator failed: ${error instanceof Error ? error.message : String(error)}`;
    return json(500, { message, errors: [{ description: message }], trackingId: call.trackingId });
  }
}

function refused(world: World, call: Call, isOAuth: boolean, refusal: Refusal): Reply {
  const shape = isOAuth ? world.behaviour.errorShape : "gateway";
  const { status, fields } = refusalAnswer(refusal, shape, world.behaviour, call.trackingId);
  return json(status, fields, challengeHeaders(call, status, refusal));
}

/** RFC 6749, section 5.2: only a client that tried the header is told of the scheme; RFC 9110 for the rest. */
function challengeHeaders(call: Call, status: number, refusal: Refusal): Record<string, string> {
  if (status === 405) return { allow: refusal.detail ?? "" };
  if (refusal.reason === "bearer_invalid") return { "www-authenticate": 'Bearer realm="Webex emulator"' };
  const triedHeader = header(call, "authorization") !== undefined || refusal.reason === "client_not_basic";
  return status === 401 && triedHeader ? { "www-authenticate": 'Basic realm="Webex emulator"' } : {};
}
