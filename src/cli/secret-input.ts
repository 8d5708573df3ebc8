import { readFileSync } from "node:fs";
import { GrantkeeperError } from "../core/errors.ts";
import type { Io } from "./io.ts";

/** Where a secret is to be read from: never the argument list. */
export interface SecretSource {
  readonly stdin?: boolean | undefined;
  readonly file?: string | undefined;
  readonly env?: string | undefined;
}

/** Reads a secret from the one source given; null where none is. The value comes as it stands there. */
export async function readSecret(io: Io, source: SecretSource, flag: string): Promise<string | null> {
  const given = [source.stdin === true, source.file !== undefined, source.env !== undefined].filter(
    Boolean,
  ).length;
  if (given > 1)
    throw invalid(`Give only one of ${flag}-stdin, ${flag}-file and ${flag}-env.`, "Leave the others out.");
  if (source.file !== undefined) return readInputFile(source.file);
  if (source.env !== undefined) return fromEnvironment(io, source.env);
  return source.stdin === true ? readStdin(io) : null;
}

/** A whole file as text; `-` is standard input's business, not this one's. */
export function readInputFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new GrantkeeperError("invalid_request", `The file ${path} cannot be read (${reason}).`, {
      remedy: "Name a readable file.",
      cause,
    });
  }
}

const LARGEST_INPUT = 1024 * 1024;

/** All of standard input as text, 1 MiB at most. */
export async function readStdin(io: Io): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of io.stdin) {
    const bytes = Buffer.from(chunk as Buffer);
    length += bytes.length;
    if (length > LARGEST_INPUT)
      throw invalid("Standard input is longer than 1 MiB.", "Give what is asked for, and nothing else.");
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function fromEnvironment(io: Io, name: string): string {
  const value = io.env[name];
  if (value !== undefined && value !== "") return value;
  throw invalid(
    `The environment variable ${name} is not set.`,
    `Set ${name}, or read the secret from somewhere else.`,
  );
}

function invalid(message: string, remedy: string): GrantkeeperError {
  return new GrantkeeperError("invalid_request", message, { remedy });
}
