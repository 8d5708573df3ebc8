#!/usr/bin/env node
import { type Io, processIo } from "./io.ts";
import { readPlainTokenCall } from "./plain-token-call.ts";
import { runToken } from "./run-token.ts";

/**
 * `token` is what scripts call in loops: a plain call of it goes straight to its work, without the parser
 * and all the other commands. Everything else, mistakes in a `token` call too, goes through the program.
 */
async function main(): Promise<void> {
  // Until a command has said how it ended, it did not end well.
  process.exitCode = 1;
  const io = processIo();
  const words = process.argv.slice(2);
  // The process then ends by itself: leaving at once would leave the database's write-ahead log behind.
  process.exitCode = await run(io, words);
}

async function run(io: Io, words: readonly string[]): Promise<number> {
  const call = readPlainTokenCall(words);
  if (call !== null) return runToken(io, call);
  const { runProgram } = await import("./program.ts");
  return runProgram(io, words);
}

void main();
