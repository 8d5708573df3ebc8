import type { OutgoingRequest, SendResult } from "../../src/oauth/send.ts";
import type { Chance } from "./chance.ts";
import type { Process } from "./process.ts";
import { START } from "./process.ts";
import type { Minted, Witness } from "./witness.ts";
import type { World } from "./world.ts";

/** How everything fails, or null. */
export type Outage =
  | "refused_connection"
  | "unavailable_503"
  | "failing_500"
  | "failing_after_processing"
  | "web_page"
  | "black_hole"
  | "black_hole_after_processing";

/** How a provider and the way to it do at the moment. Shares are of requests, in [0, 1]. */
export interface ProviderWeather {
  outage: Outage | null;
  /** The answer is lost after the provider has acted. */
  losing: number;
  /** The request is lost on the way there, after it was written. */
  swallowing: number;
  /** The answer breaks off, or is unreadable. */
  garbling: number;
  /** 429, with a Retry-After or without. */
  limiting: number;
  refusesClient: boolean;
  /** These grants are told `invalid_grant` though nothing is wrong with them; null: none; true: all. */
  falselyRejects: ReadonlySet<string> | true | null;
  /** Milliseconds that an answer takes, at most. */
  slowest: number;
}

export const fairWeather = (): ProviderWeather => ({
  outage: null,
  losing: 0,
  swallowing: 0,
  garbling: 0,
  limiting: 0,
  refusesClient: false,
  falselyRejects: null,
  slowest: 400,
});

/** What whoever judges is told of each request. */
export interface Watcher {
  /** The first byte goes out. */
  readonly written: (process: Process, witness: Witness, token: string) => Flight;
  /** Its answer is in the hands of the process. */
  readonly delivered: (flight: Flight, minted: Minted) => void;
  readonly rejected: (flight: Flight) => void;
}

export interface Flight {
  readonly process: Process;
  readonly witness: Witness;
  readonly token: string;
  readonly grant: string;
  readonly writtenAt: number;
  /** The answer has come to the machine, or nobody waits for it any more. */
  endedAt: number | null;
  /** Whether the provider minted tokens for it. */
  isAccepted: boolean;
  /** Whether the provider said, in an answer that was read, that nothing was done. */
  isHarmless: boolean;
}

interface Line {
  readonly world: World;
  readonly chance: Chance;
  readonly watcher: Watcher;
  readonly witnesses: ReadonlyMap<string, { readonly witness: Witness; readonly weather: ProviderWeather }>;
}

/** The `Send` port of a process: a network and providers that fail as the weather says. */
export function sendOver(line: Line, process: Process): (request: OutgoingRequest) => Promise<SendResult> {
  return (request) => process.effect(() => exchange(line, process, request));
}

async function exchange(line: Line, process: Process, request: OutgoingRequest): Promise<SendResult> {
  const { chance, watcher } = line;
  const host = request.url.slice("https://".length).split(".", 1)[0] ?? "";
  const place = line.witnesses.get(host);
  if (place === undefined) throw new Error(`nobody at ${request.url}`);
  const { witness, weather } = place;
  await process.sleep(chance.spread(1, 80));
  if (weather.outage === "refused_connection") return notSent("The connection was refused.");
  if (request.mayStillSend?.() === false) return notSent("Held back directly before sending.");
  const token = new URLSearchParams(request.body ?? "").get("refresh_token") ?? "";
  const flight = watcher.written(process, witness, token);
  return new Promise((resolve) => {
    const noAnswer = process.timer(request.timeout, () => {
      // What has come by then is read first, also by a process that was stopped meanwhile.
      if (flight.endedAt !== null) return;
      flight.endedAt = line.world.now();
      resolve({ kind: "lost", reason: "timed_out", detail: "No answer within 30 s." });
    });
    const there = chance.between(0.1, 0.4) * weather.slowest * chance.fraction() + 1;
    line.world.at(line.world.now() + there, () => {
      const reply = replyTo(line, place, flight);
      if (reply === null) return;
      const back = chance.fraction() * 0.6 * weather.slowest + 1;
      line.world.at(line.world.now() + back, () => {
        if (flight.endedAt !== null) return;
        // In the machine's buffer now; read when the process runs.
        flight.endedAt = line.world.now();
        process.whenRunning(() => {
          noAnswer();
          if (reply.minted !== null) watcher.delivered(flight, reply.minted);
          if (reply.isRejection) watcher.rejected(flight);
          flight.isHarmless = reply.isHarmless;
          resolve(reply.result);
        });
      });
    });
  });
}

interface Reply {
  readonly result: SendResult;
  /** Tokens that this answer really brings. */
  readonly minted: Minted | null;
  readonly isRejection: boolean;
  /** It says that nothing was done. */
  readonly isHarmless: boolean;
}

/** What the provider does and says; null where nothing ever comes back. */
function replyTo(
  { chance, world }: Line,
  { witness, weather }: { readonly witness: Witness; readonly weather: ProviderWeather },
  flight: Flight,
): Reply | null {
  const { outage } = weather;
  const now = world.now();
  const say = (status: number, body: string, headers = {}): Reply => ({
    result: {
      kind: "answer",
      status,
      headers: { ...dated(witness, now), ...headers },
      body,
      truncated: false,
    },
    minted: null,
    isRejection: false,
    isHarmless: false,
  });
  const harmless = (reply: Reply): Reply => ({ ...reply, isHarmless: true });
  if (outage === "black_hole" || chance.happens(weather.swallowing)) return null;
  if (outage === "unavailable_503") return harmless(say(503, "", { "retry-after": "30" }));
  if (outage === "failing_500") return say(500, "<html>Internal Server Error</html>");
  if (outage === "web_page") return say(200, "<!doctype html><title>Sign in</title>");
  if (chance.happens(weather.limiting)) return harmless(limited(say, chance, now + witness.habits.skew));
  if (weather.refusesClient) return harmless(say(401, '{"error":"invalid_client"}'));
  const isFalse = weather.falselyRejects === true || weather.falselyRejects?.has(flight.grant) === true;
  const minted = isFalse ? null : witness.refresh(flight.token, now);
  if (minted === null) {
    const refusal = { ...say(400, '{"error":"invalid_grant"}'), isRejection: true };
    return chance.happens(weather.losing) || outage !== null ? null : refusal;
  }
  flight.isAccepted = true;
  if (outage === "black_hole_after_processing") return null;
  if (outage === "failing_after_processing") return say(502, "<html>Bad Gateway</html>");
  if (chance.happens(weather.losing)) {
    witness.write("lost", minted.refresh.value, now);
    return chance.happens(0.5) ? null : lost(say(0, ""));
  }
  if (chance.happens(weather.garbling)) {
    const half = minted.body.slice(0, Math.floor(minted.body.length * chance.fraction()));
    return chance.happens(0.5) ? lost(say(0, "")) : say(200, half);
  }
  return { ...say(200, minted.body, { "content-type": "application/json" }), minted };
}

function lost(reply: Reply): Reply {
  return {
    ...reply,
    result: { kind: "lost", reason: "connection_lost", detail: "The connection broke." },
  };
}

function limited(
  say: (status: number, body: string, headers?: object) => Reply,
  chance: Chance,
  providerTime: number,
): Reply {
  const seconds = Math.floor(chance.spread(1, 900));
  const field = chance.one<object>([
    {},
    { "retry-after": String(seconds) },
    { "retry-after": new Date(START + providerTime + seconds * 1000).toUTCString() },
  ]);
  return say(429, "", field);
}

function dated({ habits }: Witness, now: number): Record<string, string> {
  return habits.sendsDate ? { date: new Date(START + now + habits.skew).toUTCString() } : {};
}

function notSent(detail: string): SendResult {
  return { kind: "not_sent", detail };
}
