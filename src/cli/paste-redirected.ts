import { createInterface } from "node:readline";
import { GrantkeeperError } from "../core/errors.ts";
import { parseRedirected, type Redirected } from "../oauth/callback.ts";
import { type Io, tell } from "./io.ts";

/**
 * Reads a pasted redirected address from the terminal. What cannot be read is explained, and asked for
 * again; the end of input ends the command, and `end` gives the terminal back.
 */
export function askForRedirected(
  io: Io,
  invitation: string,
  redirectUri: string,
  end: AbortSignal,
): Promise<Redirected> {
  const lines = createInterface({ input: io.stdin, output: io.stderr, terminal: true, historySize: 0 });
  // Only now: what is typed before that is not ours yet.
  tell(io, invitation);
  return new Promise<Redirected>((resolve, reject) => {
    lines.on("line", (line) => {
      if (line.trim() === "") return;
      try {
        resolve(parseRedirected(line, redirectUri));
      } catch (error) {
        if (error instanceof GrantkeeperError) tell(io, `${error.message} ${error.remedy ?? ""}`.trim());
        else reject(error);
      }
    });
    lines.once("close", () => reject(new GrantkeeperError("cancelled", "Stopped. Nothing was stored.")));
    lines.once("SIGINT", () => reject(new GrantkeeperError("cancelled", "Stopped. Nothing was stored.")));
    if (end.aborted) lines.close();
    else end.addEventListener("abort", () => lines.close(), { once: true });
  }).finally(() => lines.close());
}
