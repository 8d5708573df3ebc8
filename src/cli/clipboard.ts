import { spawn } from "node:child_process";
import { GrantkeeperError } from "../core/errors.ts";
import type { Io } from "./io.ts";

/** Programs that take the clipboard's content on standard input, in the order in which they are tried. */
const PROGRAMS: readonly (readonly [program: string, ...args: string[]])[] = [
  ["pbcopy"],
  ["clip.exe"],
  ["wl-copy"],
  ["xclip", "-selection", "clipboard"],
  ["xsel", "--clipboard", "--input"],
];

/**
 * Puts a text on the clipboard: through a program, else through the terminal itself (OSC 52).
 * @returns what it went through.
 * @throws {GrantkeeperError} `invalid_request` where there is neither.
 */
export async function copyToClipboard(io: Io, text: string): Promise<string> {
  for (const [program, ...args] of PROGRAMS) {
    if (await feed(program, args, text)) return program;
  }
  if (io.stderr.isTTY) {
    io.stderr.write(`\u001b]52;c;${Buffer.from(text).toString("base64")}\u0007`);
    return "the terminal";
  }
  throw new GrantkeeperError("invalid_request", "There is no clipboard here that could be used.", {
    remedy: "Run it at a desktop, install wl-copy or xclip, or leave out --copy and redirect the output.",
  });
}

function feed(program: string, args: readonly string[], text: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["pipe", "ignore", "ignore"] });
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
    child.stdin.once("error", () => undefined);
    child.stdin.end(text);
  });
}
