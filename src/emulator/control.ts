import {
  clientIn,
  decisionIn,
  faultIn,
  isObject,
  jsonIn,
  numberIn,
  stringIn,
  type Body,
} from "./control-input.ts";
import { mask } from "./credentials.ts";
import { header, hasContentType, json, type Call, type Reply } from "./transport/call.ts";
import type { Provider } from "./transport/dispatcher.ts";
import { isLoopbackAuthority } from "./loopback.ts";
import type { Emulator, LedgerEntry } from "./types.ts";

const prefix = "/_emulator/";

/** Whether a path belongs to the control endpoint, which is neither recorded nor met by faults. */
export function isControlPath(path: string): boolean {
  return path.startsWith(prefix);
}

type Action = (call: Call, body: Body) => unknown;

/**
 * Handles `/_emulator/…`: the emulator's handle over HTTP, for programs of other processes. Web pages are
 * kept out: requests must name a loopback host (DNS rebinding), come from no origin, and bring JSON.
 */
export function controlEndpoint(provider: Provider, emulator: Emulator): (call: Call) => Promise<Reply> {
  const actions = new Map(Object.entries(controlActions(provider, emulator)));
  return async (call) => {
    const refusal = refuseWebPages(call);
    if (refusal !== undefined) return failure(403, refusal);
    const action = actions.get(`${call.method} ${call.path.slice(prefix.length)}`);
    if (action === undefined) {
      return failure(404, `There are: ${[...actions.keys()].join(", ")}.`);
    }
    if (call.method === "POST" && !hasContentType(call, "application/json")) {
      return failure(415, "The body must be application/json.");
    }
    try {
      const result = await action(call, jsonIn(call.body));
      return json(200, isObject(result) ? result : { ok: true });
    } catch (error) {
      return failure(400, error instanceof Error ? error.message : String(error));
    }
  };
}

function controlActions(provider: Provider, emulator: Emulator): Record<string, Action> {
  const { world, faults, log } = provider;
  return {
    "GET state": () => describe(provider, emulator),
    "POST configure": (_, body) => {
      emulator.configure(body);
      return { behaviour: emulator.behaviour() };
    },
    "POST clock": (_, body) => {
      emulator.advance(numberIn(body, "advance_seconds") * 1000);
      return { now: emulator.now() };
    },
    "GET faults": () => ({ faults: faults.list() }),
    "POST faults": (_, body) => ({ id: emulator.fault(faultIn(body)).id }),
    "DELETE faults": () => emulator.clearFaults(),
    "POST release": (_, body) => ({
      released: faults.release(body["id"] === undefined ? undefined : numberIn(body, "id")),
    }),
    "GET ledger": (call) => {
      const isRaw = call.query.values.get("raw") === "1";
      const items = emulator.ledger().filter((entry) => entry.seq > after(call));
      return { items: isRaw ? items : items.map(withoutValue), total: world.ledger.total() };
    },
    "GET requests": (call) => ({
      items: log.records().filter((record) => record.seq > after(call)),
      total: log.total(),
    }),
    "POST clients": (_, body) => ({ ...emulator.registerClient(clientIn(body)) }),
    "POST revoke": (_, body) =>
      body["refresh_token"] === undefined
        ? { revoked: emulator.revokeUser(stringIn(body, "user")) }
        : { revoked: emulator.revokeGrant(stringIn(body, "refresh_token")) ? 1 : 0 },
    "POST approve": async (_, body) => ({
      location: await emulator.approve(stringIn(body, "authorization_url"), decisionIn(body)),
    }),
    "POST approve-device": (_, body) => emulator.approveDevice(stringIn(body, "user_code"), decisionIn(body)),
  };
}

function describe({ world, faults, log }: Provider, emulator: Emulator): Body {
  return {
    url: emulator.url,
    base_url: emulator.baseUrl,
    now: emulator.now(),
    behaviour: emulator.behaviour(),
    clients: [...world.clients.values()].map(({ clientSecret, ...client }) => ({
      ...client,
      clientSecret: mask(clientSecret),
    })),
    users: [...world.accounts.values()].map(({ user }) => user),
    counts: {
      grants: world.grants.size,
      access_tokens: world.accessTokens.size,
      refresh_tokens: world.refreshTokens.size,
      codes: world.codes.size,
      devices: world.devices.size,
      ledger: world.ledger.total(),
      requests: log.total(),
      faults: faults.list().length,
    },
  };
}

function refuseWebPages(call: Call): string | undefined {
  if (!isLoopbackAuthority(header(call, "host"))) return "The Host header must name a loopback address.";
  const site = header(call, "sec-fetch-site");
  const isFromPage = site !== undefined && site !== "none" && site !== "same-origin";
  if (header(call, "origin") !== undefined || isFromPage) return "Web pages have no access.";
  return undefined;
}

function failure(status: number, message: string): Reply {
  return json(status, { error: { message } });
}

function withoutValue(entry: LedgerEntry): Omit<LedgerEntry, "value"> {
  const { value: _, ...rest } = entry;
  return rest;
}

function after(call: Call): number {
  return Number(call.query.values.get("after") ?? 0);
}
