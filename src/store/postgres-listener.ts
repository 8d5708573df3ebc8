import { Client } from "pg";
import type { Random } from "../keeper/ports.ts";
import { clientConfig } from "./postgres-connection.ts";
import { offersNoTls, translate } from "./postgres-errors.ts";
import { CHANNEL } from "./postgres-notices.ts";
import { readPostgresUrl } from "./postgres-url.ts";

/** Milliseconds. */
const FIRST_PAUSE = 200;
const LONGEST_PAUSE = 15_000;
const PULSE = 30_000;
const ANSWER_TIMEOUT = 10_000;
const GOOD_BYE = 1_000;

/** Whether changes are heard of just now; why not, where they are not. */
export type ListeningState =
  | { readonly listening: true }
  | { readonly listening: false; readonly error: Error };

interface ListenOptions {
  /** `postgres://…`, as `readPostgresUrl` takes it. */
  readonly url: string;
  /** For a URL without one. */
  readonly password?: string | null;
  readonly random: Random;
  /** A payload of `notify`; null after any time without a connection: then anything may have changed. */
  readonly onChange: (payload: string | null) => void;
  readonly onState?: (state: ListeningState) => void;
}

/** Ends the listening; resolves when its connection is closed. */
export interface Listening {
  readonly close: () => Promise<void>;
}

/**
 * Listens for changes on a connection of its own, and connects again with growing, jittered pauses when it
 * is lost. Behind a proxy that pools transactions nothing may ever arrive: the caller has to look regularly
 * as well.
 * @throws {GrantkeeperError} `invalid_request` for a URL that cannot be used.
 */
export function listenForChanges(options: ListenOptions): Listening {
  const { url, password = null, random, onChange, onState = () => undefined } = options;
  const base = readPostgresUrl(url, password);
  const target = { ...base, applicationName: `${base.applicationName} listener` };
  const end = new AbortController();
  const { signal } = end;

  const listen = async (): Promise<void> => {
    let withTls = true;
    let failures = 0;
    while (!signal.aborted) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one connection after another
        await untilLost(new Client(clientConfig(target, withTls)), signal, {
          onChange,
          onListening: () => {
            failures = 0;
            onState({ listening: true });
            onChange(null);
          },
        });
      } catch (error) {
        if (signal.aborted) return;
        if (withTls && target.tlsIsOptional && offersNoTls(error)) {
          withTls = false;
          continue;
        }
        onState({ listening: false, error: translate(error, target) });
        failures += 1;
      }
      // oxlint-disable-next-line no-await-in-loop -- the pause between them
      await pause(pauseAfter(failures, random), signal);
    }
  };

  const ended = listen();
  return {
    close: async () => {
      end.abort();
      await ended;
    },
  };
}

interface Ears {
  readonly onListening: () => void;
  readonly onChange: (payload: string) => void;
}

/** Connects, listens, and throws what ended it; returns when it was told to end. */
async function untilLost(client: Client, signal: AbortSignal, ears: Ears): Promise<void> {
  const { promise: end, resolve: stop, reject: lose } = deferred();
  client.on("error", lose);
  client.on("end", () => lose(new Error("Connection terminated")));
  client.on("notification", ({ channel, payload = "" }) => {
    if (channel === CHANNEL) ears.onChange(payload);
  });
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  const ask = (text: string): Promise<unknown> => {
    const question = { text, query_timeout: ANSWER_TIMEOUT };
    return client.query(question);
  };
  let pulse: NodeJS.Timeout | undefined;
  try {
    await Promise.race([client.connect().then(() => ask(`listen ${CHANNEL}`)), end]);
    if (signal.aborted) return;
    ears.onListening();
    // A connection whose other end is gone without a word would be listened to for ever.
    pulse = setInterval(() => {
      ask("select 1").catch(lose);
    }, PULSE);
    await end;
  } finally {
    clearInterval(pulse);
    signal.removeEventListener("abort", stop);
    await hangUp(client);
  }
}

/** Says good-bye where somebody is there to hear it. */
async function hangUp(client: Client): Promise<void> {
  const limit = new AbortController();
  const good = client.end().catch(() => undefined);
  await Promise.race([good, pause(GOOD_BYE, limit.signal)]);
  limit.abort();
  client.connection.stream.destroy();
}

function deferred(): {
  promise: Promise<void>;
  resolve: () => void;
  reject: (reason: unknown) => void;
} {
  let resolve = (): void => undefined;
  let reject = (_reason: unknown): void => undefined;
  const promise = new Promise<void>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  // Whether anybody waits for it at that moment is not known.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

function pauseAfter(failures: number, random: Random): number {
  const most = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(failures, 10));
  return most / 2 + (random.fraction() * most) / 2;
}

/** Ends early, without leaving a timer, when the signal does. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
