import { boundedLog } from "../bounded-log.ts";
import { claimedClientId } from "../client-authentication.ts";
import { mask } from "../credentials.ts";
import type { Emulator, Endpoint, FaultAction, RequestRecord } from "../types.ts";
import { header, type Call, type Fields, type Reply } from "./call.ts";

/** A request under way; only its outcome changes. Masks are made when it is read, not when it arrives. */
export interface Arrival {
  readonly seq: number;
  readonly at: number;
  readonly endpoint: Endpoint;
  readonly call: Call;
  fault: FaultAction["kind"] | null;
  outcome: RequestRecord["outcome"];
  reply: Reply | undefined;
}

interface Waiter {
  readonly after: number;
  readonly predicate: (request: RequestRecord) => boolean;
  readonly resolve: (request: RequestRecord) => void;
  readonly reject: (reason: unknown) => void;
}

/** The record of what was asked of the protocol endpoints. */
export interface RequestLog {
  readonly arrive: (call: Call, endpoint: Endpoint, at: number) => Arrival;
  /** Tells waiters of a first or changed state. */
  readonly announce: (arrival: Arrival) => void;
  readonly end: (arrival: Arrival, outcome: RequestRecord["outcome"], reply?: Reply) => void;
  readonly records: () => RequestRecord[];
  readonly total: () => number;
  readonly waitFor: Emulator["waitFor"];
}

const secretParameters = new Set([
  "client_secret",
  "code",
  "refresh_token",
  "code_verifier",
  "device_code",
  "user_code",
  "userCode",
  "token",
  "ticket",
]);
const secretFields = new Set(["access_token", "refresh_token", "id_token", "device_code", "user_code"]);

/** Makes an empty record. */
export function requestLog(limit: number): RequestLog {
  const log = boundedLog<Arrival>(limit);
  const waiters = new Set<Waiter>();

  function announce(arrival: Arrival): void {
    if (waiters.size === 0) return;
    const record = describe(arrival);
    for (const waiter of waiters) settle(waiter, record);
  }

  function settle(waiter: Waiter, record: RequestRecord): boolean {
    try {
      if (record.seq <= waiter.after || !waiter.predicate(record)) return false;
      waiter.resolve(record);
    } catch (error) {
      waiter.reject(error);
    }
    waiters.delete(waiter);
    return true;
  }

  return {
    arrive(call, endpoint, at) {
      const seq = log.total() + 1;
      const arrival = {
        seq,
        at,
        endpoint,
        call,
        fault: null,
        outcome: "pending" as const,
        reply: undefined,
      };
      log.push(arrival);
      return arrival;
    },
    announce,
    end(arrival, outcome, reply) {
      arrival.outcome = outcome;
      arrival.reply = reply;
      announce(arrival);
    },
    records: () => log.entries().map(describe),
    total: log.total,
    waitFor(predicate, { after = 0, signal } = {}) {
      return new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const waiter = { after, predicate, resolve, reject };
        for (const arrival of log.entries()) if (settle(waiter, describe(arrival))) return;
        waiters.add(waiter);
        const giveUp = (): void => {
          if (waiters.delete(waiter)) reject(signal?.reason);
        };
        signal?.addEventListener("abort", giveUp, { once: true });
      });
    },
  };
}

function describe(arrival: Arrival): RequestRecord {
  const { call, reply } = arrival;
  const authorization = header(call, "authorization");
  return {
    seq: arrival.seq,
    at: arrival.at,
    endpoint: arrival.endpoint,
    method: call.method,
    path: call.path,
    query: maskedParameters(call.query),
    form: maskedParameters(call.form),
    authorization: authorization === undefined ? null : maskedAuthorization(authorization),
    clientId: claimedClientId(call) ?? null,
    status: reply?.status ?? null,
    outcome: arrival.outcome,
    fault: arrival.fault,
    response: reply?.fields === undefined ? null : maskedFields(reply.fields),
  };
}

/** The scheme and a mask; for a bearer token the mask that the ledger shows too. */
function maskedAuthorization(value: string): string {
  const [scheme = "", ...credentials] = value.split(" ");
  return credentials.length === 0 ? mask(value) : `${scheme} ${mask(credentials.join(" ").trim())}`;
}

function maskedParameters(fields: Fields): Record<string, string> {
  return Object.fromEntries(
    [...fields.values].map(([name, value]) => [name, secretParameters.has(name) ? mask(value) : value]),
  );
}

function maskedFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      secretFields.has(name) && typeof value === "string" ? mask(value) : value,
    ]),
  );
}
