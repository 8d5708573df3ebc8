import type { TokenDocument } from "../core/grant.ts";
import { DEFAULT_MIN_TTL, getToken } from "../keeper/get-token.ts";
import { openKeeper } from "../open.ts";
import { failpointFrom } from "./failpoint.ts";
import { reportFailure } from "./failure.ts";
import { heldNotice } from "./held-notice.ts";
import { deferInterrupts } from "./interrupt.ts";
import { type Io, printJson, say, tell } from "./io.ts";
import { isRemote } from "./is-remote.ts";
import type { TokenCall } from "./plain-token-call.ts";

/** Prints a valid access token. Returns the exit code. */
export async function runToken(io: Io, call: TokenCall): Promise<number> {
  if (isRemote(io.env)) return runRemoteToken(io, call);
  const { name, minTtl, json } = call;
  const interrupts = deferInterrupts(io);
  try {
    const keeper = await openKeeper(io.env, {
      failpoint: failpointFrom(io.env),
      onSend: interrupts.sendingBegins,
      onHeld: heldNotice(io),
    });
    try {
      const document = await getToken(keeper.ports, name, minTtl ?? DEFAULT_MIN_TTL);
      print(io, document, json);
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

async function runRemoteToken(io: Io, { name, minTtl, json }: TokenCall): Promise<number> {
  try {
    const { openRemote } = await import("./remote.ts");
    print(io, await openRemote(io.env).token(name, minTtl ?? DEFAULT_MIN_TTL), json);
    return 0;
  } catch (error) {
    return reportFailure(io, error, json);
  }
}

function print(io: Io, document: TokenDocument, json: boolean): void {
  if (json) return printJson(io, document);
  if (document.warning !== null) tell(io, `Warning: ${document.warning}`);
  say(io, document.access_token);
}
