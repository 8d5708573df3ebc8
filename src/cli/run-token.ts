import { DEFAULT_MIN_TTL, getToken } from "../keeper/get-token.ts";
import { openKeeper } from "../open.ts";
import { failpointFrom } from "./failpoint.ts";
import { reportFailure } from "./failure.ts";
import { heldNotice } from "./held-notice.ts";
import { deferInterrupts } from "./interrupt.ts";
import { type Io, printJson, say, tell } from "./io.ts";
import type { TokenCall } from "./plain-token-call.ts";

/** Prints a valid access token. Returns the exit code. */
export async function runToken(io: Io, { name, minTtl, json }: TokenCall): Promise<number> {
  const interrupts = deferInterrupts(io);
  try {
    const keeper = await openKeeper(io.env, {
      failpoint: failpointFrom(io.env),
      onSend: interrupts.sendingBegins,
      onHeld: heldNotice(io),
    });
    try {
      const document = await getToken(keeper.ports, name, minTtl ?? DEFAULT_MIN_TTL);
      if (json) {
        printJson(io, document);
      } else {
        if (document.warning !== null) tell(io, `Warning: ${document.warning}`);
        say(io, document.access_token);
      }
      return interrupts.exitCode() ?? 0;
    } finally {
      await keeper.close();
    }
  } catch (error) {
    return reportFailure(io, error, json);
  } finally {
    interrupts.end();
  }
}
