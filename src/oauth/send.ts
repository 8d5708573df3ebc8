/**
 * The port through which everything that goes to a provider leaves: one request, one value back.
 * It never throws for what a network does, never follows a redirect, and never returns more than 1 MiB.
 */
export type Send = (request: OutgoingRequest) => Promise<SendResult>;

export interface OutgoingRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** Absolute address; https, or http on loopback. Checked where it was configured. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** Milliseconds from the first byte written to the last byte read; only this ends a request once sent. */
  readonly timeout: number;
  /**
   * Asked directly before the first byte is written to the socket. False: nothing is written, and the
   * result is `not_sent`. This is where a lease's deadline is checked, since aborting is not un-sending.
   */
  readonly mayStillSend?: () => boolean;
  /** The host's name must lead to addresses of the outside; else nothing is written, and it is `not_sent`. */
  readonly outsideOnly?: boolean;
}

/** The raw answer, or what is known about why there is none. */
export type SendResult =
  | {
      readonly kind: "answer";
      readonly status: number;
      /** Names in lower case; the first value where a field came twice. */
      readonly headers: Readonly<Record<string, string>>;
      /** At most 1 MiB, unpacked where it came compressed, and decoded. */
      readonly body: string;
      /** The body was longer than 1 MiB, as it came or unpacked, and what follows was not read. */
      readonly truncated: boolean;
    }
  /** Not one byte of the request was written: DNS, connection, TLS, proxy, or `mayStillSend` said no. */
  | { readonly kind: "not_sent"; readonly detail: string }
  /** Written, at least in part, and no complete answer came. */
  | { readonly kind: "lost"; readonly reason: "timed_out" | "connection_lost"; readonly detail: string };

/** How long a token request may take: 30 seconds, generous on purpose (an abort is an unknown outcome). */
export const TOKEN_REQUEST_TIMEOUT = 30_000;
