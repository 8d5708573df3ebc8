import {
  ERROR_CODES,
  errorDocument,
  type GrantkeeperError,
  type ProviderAnswer,
  toGrantkeeperError,
} from "../core/errors.ts";
import { type Io, printJson, tell } from "./io.ts";

/** Prints a failure where its reader looks for it, and returns the exit code. */
export function reportFailure(io: Io, error: unknown, asJson: boolean): number {
  const known = toGrantkeeperError(error);
  if (asJson) printJson(io, errorDocument(known));
  else describe(io, known);
  if (known.code === "internal" && io.env["GRANTKEEPER_DEBUG"] === "1") tell(io, debugText(known));
  return ERROR_CODES[known.code].exit;
}

function describe(io: Io, error: GrantkeeperError): void {
  tell(io, `Error: ${error.message}`);
  const { provider } = error;
  if (provider !== undefined) {
    tell(io, `  The provider said: ${inItsWords(provider, error.message)}.`);
    if (provider.trackingId !== null) tell(io, `  Tracking id, for its support: ${provider.trackingId}`);
  }
  if (error.remedy !== undefined) tell(io, `  What to do: ${error.remedy}`);
  tell(io, `  (${error.code})`);
}

/** Status, code and text, without a text that our own sentence has said already. */
function inItsWords({ status, error, errorDescription }: ProviderAnswer, said: string): string {
  const text = errorDescription?.replace(/[.\s]+$/, "") ?? "";
  const isNew = text !== "" && text !== error && !said.includes(text);
  return [`HTTP ${status}`, error, isNew ? text : null].filter((part) => part !== null).join(", ");
}

function debugText(error: GrantkeeperError): string {
  return error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : String(error.cause);
}
