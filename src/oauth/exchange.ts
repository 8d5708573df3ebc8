import type { Dispatcher } from "undici";
import { answerText, LARGEST_BODY } from "./answer-text.ts";
import { failedBeforeSending, lostAfterSending, noConnection } from "./network-words.ts";
import type { OutgoingRequest, SendResult } from "./send.ts";

/** One request from queue to last byte. What it settles first stays. */
export class OneExchange implements Dispatcher.DispatchHandler {
  readonly #request: OutgoingRequest;
  readonly #host: string;
  readonly #resolve: (result: SendResult) => void;
  #timer: NodeJS.Timeout;
  #isSettled = false;
  #mayBeWritten = false;
  #status = 0;
  #headers: Record<string, string> = {};
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(
    request: OutgoingRequest,
    host: string,
    connectTimeout: number,
    resolve: (result: SendResult) => void,
  ) {
    this.#request = request;
    this.#host = host;
    this.#resolve = resolve;
    this.#timer = setTimeout(() => {
      this.#settle({ kind: "not_sent", detail: noConnection(host, connectTimeout) });
    }, connectTimeout);
  }

  /** Called by undici with a connection at hand, in the same turn in which it then writes. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Settled: we gave up waiting for a connection and said "not sent". Written: never a second time.
    if (this.#isSettled || this.#mayBeWritten) return controller.abort(new Error("not wanted"));
    if (!isStillWanted(this.#request)) {
      this.#settle({
        kind: "not_sent",
        detail: "Held back directly before sending: the time for it had passed.",
      });
      return controller.abort(new Error("held back"));
    }
    this.#mayBeWritten = true;
    clearTimeout(this.#timer);
    const { timeout } = this.#request;
    this.#timer = setTimeout(() => {
      // A process that was stopped finds its timers before its sockets: what has come meanwhile is read first.
      setImmediate(() => {
        const detail = `No complete answer came from ${this.#host} within ${timeout / 1000} s.`;
        this.#settle({ kind: "lost", reason: "timed_out", detail });
        controller.abort(new Error("timed out"));
      });
    }, timeout);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: AnyHeaders): void {
    this.#status = status;
    this.#headers = firstValues(headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isSettled) return;
    const room = LARGEST_BODY - this.#length;
    this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    this.#length += chunk.length;
    if (this.#length <= LARGEST_BODY) return;
    this.#answer(true);
    controller.abort(new Error("longer than we read"));
  }

  onResponseEnd(): void {
    this.#answer(false);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }

  fail(error: unknown): void {
    if (this.#mayBeWritten) {
      this.#settle({ kind: "lost", reason: "connection_lost", detail: lostAfterSending(error, this.#host) });
    } else {
      this.#settle({ kind: "not_sent", detail: failedBeforeSending(error, this.#host) });
    }
  }

  #answer(isCut: boolean): void {
    if (this.#isSettled) return;
    const { body, truncated } = answerText(Buffer.concat(this.#chunks), this.#headers, isCut);
    this.#settle({ kind: "answer", status: this.#status, headers: this.#headers, body, truncated });
  }

  #settle(result: SendResult): void {
    clearTimeout(this.#timer);
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#chunks = [];
    this.#resolve(result);
  }
}

function isStillWanted({ mayStillSend }: OutgoingRequest): boolean {
  try {
    return mayStillSend?.() ?? true;
  } catch {
    return false;
  }
}

type AnyHeaders = Readonly<Record<string, string | string[] | undefined>>;

function firstValues(headers: AnyHeaders): Record<string, string> {
  const flat: Record<string, string> = Object.create(null);
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) flat[name.toLowerCase()] = first;
  }
  return flat;
}
