#!/usr/bin/env node
import { processIo } from "./io.ts";
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
  const call = readPlainTokenCall(words);
  if (call !== null) {
    process.exitCode = await runToken(io, call);
    return;
  }
  const { runProgram } = await import("./program.ts");
  process.exitCode = await runProgram(io, words);
}

void main();
