import type { DeliveryFormat, DeliveryTarget } from "./delivery.ts";
import { GrantkeeperError } from "./errors.ts";
import { quote } from "./names.ts";

/** The longest path or address, and argument of a command. */
const LONGEST = 2048;
const MOST_ARGUMENTS = 100;
/** Readable by its owner, and by its group at most; never by everybody. */
const MODES = ["0400", "0440", "0600", "0640"];

/**
 * Checks where a delivery goes, but for addresses, which the wire's floor reads.
 * @throws {GrantkeeperError} `invalid_request`, naming what is wrong.
 */
export function checkLocalTarget(target: DeliveryTarget): void {
  if (target.kind === "file") checkFile(target.path, target.mode);
  if (target.kind === "command") checkCommand(target.command);
}

function checkFile(path: string, mode: string): void {
  if (!/^([/\\]|[A-Za-z]:[/\\])/.test(path))
    throw invalid(
      `The path ${quote(path)} is not a whole one.`,
      "Give it from the root, as /etc/recorder/token.",
    );
  if (/[/\\]$/.test(path)) throw invalid(`${quote(path)} names a directory.`, "Name a file in it.");
  if (path.includes("\0") || path.length > LONGEST)
    throw invalid("The path has a character that no path has, or is too long.", "Give another path.");
  if (!MODES.includes(mode))
    throw invalid(
      `${quote(mode)} are not permissions for a file with a token.`,
      `Use one of ${MODES.join(", ")}: nobody but its owner and its group may read it.`,
    );
}

function checkCommand(command: readonly string[]): void {
  if (command[0] === undefined || command[0] === "")
    throw invalid("The command is empty.", "Name a program and its arguments, after --.");
  const isTooLong = command.length > MOST_ARGUMENTS || command.some(({ length }) => length > LONGEST);
  if (isTooLong || command.some((word) => word.includes("\0")))
    throw invalid(
      "The command is too long, or has a character that no argument has.",
      "Put it into a script.",
    );
}

/** How a place wants the token where nobody says: files and commands alone, the others as a document. */
export function usualFormat(kind: DeliveryTarget["kind"]): DeliveryFormat {
  return kind === "file" || kind === "command" ? "text" : "json";
}

/** @throws {GrantkeeperError} `invalid_request` for a webhook or a secret store that is to get anything but JSON. */
export function checkFormat(kind: DeliveryTarget["kind"], format: DeliveryFormat): DeliveryFormat {
  if (format === usualFormat(kind) || kind === "file" || kind === "command") return format;
  throw invalid(
    `A ${kind === "webhook" ? "webhook" : "secret store"} is sent JSON; it cannot have the format ${format}.`,
    "Leave the format out.",
  );
}

/** A webhook's secret, as the Standard Webhooks specification writes it: `whsec_` and base64 of 24 to 64 bytes. */
const WEBHOOK_SECRET = /^whsec_([A-Za-z0-9+/]{32,88}={0,2})$/;

/** @throws {GrantkeeperError} `invalid_request` where a webhook could not be signed with it. */
export function checkWebhookSecret(secret: string): string {
  const given = secret.trim();
  if (WEBHOOK_SECRET.test(given)) return given;
  throw invalid(
    "The webhook's secret has another form than whsec_ and base64 of 24 to 64 bytes.",
    "Leave it out: one is made, and shown once.",
  );
}

function invalid(message: string, remedy: string): GrantkeeperError {
  return new GrantkeeperError("invalid_request", message, { remedy });
}
