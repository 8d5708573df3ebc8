import type { AddressInfo } from "node:net";
import { changeBehaviour, defaultBehaviour, pickBehaviour } from "./behaviour.ts";
import { controlEndpoint } from "./control.ts";
import { systemRandom } from "./credentials.ts";
import { faultBook } from "./faults.ts";
import { endGrant, openGrant, tokenAnswer } from "./grants.ts";
import { dispatch, type Provider } from "./transport/dispatcher.ts";
import { requestLog } from "./transport/request-log.ts";
import { emulatorServer } from "./transport/server.ts";
import { isLoopbackHost } from "./loopback.ts";
import { approveByPages, approveDeviceByPages, type Browse } from "./person.ts";
import type { Emulator, EmulatorOptions } from "./types.ts";
import { createWorld, defaultUsers, findAccount, readLedger, registerClient } from "./world.ts";

const defaultPort = 8701;

/**
 * Starts a stand-in for Webex on a loopback address. Rejects with a `TypeError` for an option that cannot
 * be, an `Error` for an address that is not loopback, and the system's error (`EADDRINUSE`) for a port
 * that cannot be had.
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const host = options.host ?? "127.0.0.1";
  if (!isLoopbackHost(host)) {
    throw new Error(
      `The emulator listens on loopback addresses only, not on "${host}": its tokens protect nothing.`,
    );
  }
  const clock = movableClock(options.now ?? Date.now);
  const provider = createProvider(options, clock.now);
  const emulator = handle(provider, clock, () => close());
  const server = emulatorServer(provider, controlEndpoint(provider, emulator));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? defaultPort, host, resolve);
  });
  provider.world.origin = originOf(host, server.address());

  function close(): Promise<void> {
    return new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
  return emulator;
}

interface Clock {
  readonly now: () => number;
  readonly advance: (ms: number) => void;
}

/** A clock that runs with another one, ahead of it by what it was advanced. */
function movableClock(base: () => number): Clock {
  const furthest = 8.64e15;
  let offset = 0;
  return {
    now: () => base() + offset,
    advance(ms) {
      if (!Number.isFinite(ms) || Math.abs(base() + offset + ms) > furthest) {
        throw new RangeError(`The clock cannot be moved by ${ms} ms.`);
      }
      offset += ms;
    },
  };
}

function createProvider(options: EmulatorOptions, now: () => number): Provider {
  const world = createWorld({
    behaviour: changeBehaviour(defaultBehaviour, pickBehaviour(options)),
    users: options.users ?? defaultUsers,
    now,
    random: options.random ?? systemRandom,
    ledgerLimit: options.ledgerLimit ?? 200_000,
  });
  for (const client of options.clients ?? []) registerClient(world, client);
  return { world, faults: faultBook(), log: requestLog(options.requestLimit ?? 20_000) };
}

function handle(provider: Provider, clock: Clock, close: () => Promise<void>): Emulator {
  const { world, faults, log } = provider;
  const browse: Browse = (call) => dispatch(provider, call);
  return {
    get url() {
      return world.origin;
    },
    get baseUrl() {
      return `${world.origin}/v1`;
    },
    registerClient: (given = {}) => registerClient(world, given),
    configure(changes) {
      world.behaviour = changeBehaviour(world.behaviour, changes);
    },
    behaviour: () => world.behaviour,
    fault: faults.add,
    clearFaults: faults.clear,
    advance: clock.advance,
    now: clock.now,
    ledger: () => readLedger(world),
    requests: log.records,
    waitFor: log.waitFor,
    approve: (url, decision = {}) => approveByPages(world, browse, url, decision),
    approveDevice: (userCode, decision = {}) => approveDeviceByPages(world, browse, userCode, decision),
    issueTokens({ clientId, user, scopes }) {
      const client = world.clients.get(clientId);
      const account = findAccount(world, user);
      if (client === undefined) throw new Error(`No client "${clientId}" is registered.`);
      if (account === undefined) throw new Error(`There is no user "${user ?? ""}".`);
      return tokenAnswer(world, openGrant(world, { client, account, scopes: scopes ?? client.scopes }));
    },
    revokeGrant(refreshToken) {
      const grant = world.refreshTokens.get(refreshToken)?.grant;
      if (grant === undefined || grant.ended !== undefined) return false;
      endGrant(world, grant, "consent withdrawn");
      return true;
    },
    revokeUser(email) {
      const grants = [...(findAccount(world, email)?.grants ?? [])];
      for (const grant of grants) endGrant(world, grant, "consent withdrawn");
      return grants.length;
    },
    close,
  };
}

function originOf(host: string, address: string | AddressInfo | null): string {
  if (address === null || typeof address === "string") throw new Error("the emulator has no port");
  return `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
}
