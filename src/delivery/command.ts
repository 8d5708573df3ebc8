import { type ChildProcess, spawn } from "node:child_process";
import { type Delivery, type DeliveryTarget, type Parcel, renderParcel } from "../core/delivery.ts";
import { scrubber } from "../oauth/scrub.ts";
import { deliveryFailed } from "./failure.ts";

type CommandTarget = Extract<DeliveryTarget, { kind: "command" }>;

/** How long a program may take, in ms. */
const TIME_LIMIT = 60_000;
/** Of what it says, the end is kept, in characters. */
const KEPT = 4000;
/** What of the keeper's environment a program sees; the keeper's own keys and addresses are not among it. */
const PASSED_ON = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT"];

/**
 * Starts a program and gives it the token on standard input; it has taken it when it ends with 0. No shell
 * reads the command, and no token is among its arguments or in its environment.
 * @throws {GrantkeeperError} `delivery_failed`, with the last line that it said, scrubbed.
 */
export async function runCommand(
  { command: [program = "", ...words] }: CommandTarget,
  delivery: Delivery,
  parcel: Parcel,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const child = spawn(program, words, {
    stdio: ["pipe", "ignore", "pipe"],
    detached: true,
    windowsHide: true,
    env: environmentFor(delivery, parcel, env),
  });
  const said = listen(child);
  // A program need not read what it is given.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(renderParcel(parcel, delivery.format));
  const ended = await end(child);
  if (ended === "0") return;
  const scrub = scrubber([parcel.value]);
  const last = scrub(said().trim().split("\n").at(-1) ?? "");
  throw deliveryFailed(
    `The program ${program} of the delivery ${delivery.name} ${wordsFor(ended)}${last === "" ? "." : `: ${last}`}`,
    "Run it by hand with a token on its standard input; it is tried again by itself.",
  );
}

function environmentFor(
  { name, dataSource, format }: Delivery,
  { token, generation, fingerprint, document }: Parcel,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const passed = PASSED_ON.flatMap((variable) => {
    const value = env[variable];
    return value === undefined ? [] : [[variable, value] as const];
  });
  return {
    ...Object.fromEntries(passed),
    DELIVERY: name,
    DELIVERY_DATA_SOURCE: dataSource,
    DELIVERY_GRANT: String(document["grant"]),
    DELIVERY_TOKEN: token,
    DELIVERY_FORMAT: format,
    DELIVERY_GENERATION: String(generation),
    DELIVERY_FINGERPRINT: fingerprint,
    DELIVERY_EXPIRES_AT: String(document["expires_at"] ?? ""),
  };
}

function listen({ stderr }: ChildProcess): () => string {
  let text = "";
  stderr?.setEncoding("utf8").on("data", (piece: string) => {
    text = `${text}${piece}`.slice(-KEPT);
  });
  return () => text;
}

/** Its exit code, the signal that ended it, or why it did not start. */
function end(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    const limit = setTimeout(() => {
      killGroup(child);
      resolve("TIME");
    }, TIME_LIMIT);
    const settle = (how: string): void => {
      clearTimeout(limit);
      resolve(how);
    };
    child.once("error", (error: NodeJS.ErrnoException) => settle(error.code ?? "unknown"));
    child.once("close", (code, signal) => settle(code === null ? (signal ?? "unknown") : String(code)));
  });
}

/** With whatever it has started. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

function wordsFor(ended: string): string {
  if (/^\d+$/.test(ended)) return `ended with ${ended}`;
  if (ended === "TIME") return `was ended: it took longer than ${TIME_LIMIT / 1000} seconds`;
  return ended.startsWith("SIG") ? `was ended by ${ended}` : `could not be started (${ended})`;
}
