import { closeSync, createWriteStream, openSync, type WriteStream } from "node:fs";
import { GrantkeeperError } from "../core/errors.ts";
import type { Clock } from "../keeper/ports.ts";

/** A file, or standard error, that lines are added to. Losing lines is better than losing the service. */
export interface LogFile {
  readonly write: (line: string) => void;
  /** For whoever moved the file away. */
  readonly reopen: () => void;
  /** Resolves when what was written is there, or cannot be. */
  readonly close: () => Promise<void>;
}

/** Bytes that wait for a slow disk, at most; lines beyond are lost. */
const MOST_WAITING = 4 * 1024 * 1024;
/** A file that could not be written is tried again after so long, in ms. */
const TRY_AGAIN_AFTER = 10_000;

/**
 * Opens a file, made where it is not there with 0600, for adding.
 * @param onError for what fails later, as on a full disk.
 * @throws {GrantkeeperError} `invalid_request` where it cannot be written now.
 */
export function openLogFile(
  file: string,
  clock: Pick<Clock, "monotonic">,
  onError: (error: unknown) => void,
): LogFile {
  refuseUnwritable(file);
  let failedAt = Number.NEGATIVE_INFINITY;
  let stream: WriteStream | null = null;
  const open = (): WriteStream => {
    const opened = createWriteStream(file, { flags: "a", mode: 0o600 });
    opened.on("error", (error) => {
      onError(error);
      failedAt = clock.monotonic();
      if (stream === opened) stream = null;
    });
    return opened;
  };
  return {
    write: (line) => {
      if (stream === null && clock.monotonic() - failedAt < TRY_AGAIN_AFTER) return;
      stream ??= open();
      if (stream.writableLength < MOST_WAITING) stream.write(line);
    },
    reopen: () => {
      stream?.end();
      stream = null;
      failedAt = Number.NEGATIVE_INFINITY;
    },
    close: () =>
      new Promise((resolve) => {
        const last = stream;
        stream = null;
        if (last === null || last.closed) resolve();
        else last.once("close", resolve).end();
      }),
  };
}

function refuseUnwritable(file: string): void {
  try {
    closeSync(openSync(file, "a", 0o600));
  } catch (cause) {
    const { code = "?" } = cause as NodeJS.ErrnoException;
    throw new GrantkeeperError("invalid_request", `The access log ${file} cannot be written (${code}).`, {
      remedy: "Name a file in a directory that this user may write to in access_log, or stderr.",
      cause,
    });
  }
}
