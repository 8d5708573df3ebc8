import { mkdtemp, rm } from "node:fs/promises";
import { get } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pc } from "./colours.ts";
import { type Emulator, startEmulator } from "../emulator/index.ts";
import { defaultProvider } from "../providers/index.ts";
import { type Io, printJson, say } from "./io.ts";
import { wrap } from "./wrap.ts";
import { type Ended, runCommand, type Started, startCommand } from "./rehearsal-command.ts";

interface RehearsalOptions {
  readonly json: boolean;
  readonly keep: boolean;
}

interface Step {
  readonly title: string;
  readonly why: string;
  readonly command: string;
  readonly exit_code: number;
}

/** Stage and props of one rehearsal. */
interface Stage {
  readonly io: Io;
  readonly emulator: Emulator;
  readonly home: string;
  readonly redirectUri: string;
  readonly isQuiet: boolean;
  readonly steps: Step[];
}

const GRANT = "meetings";
const INTEGRATION = "recorder";
const PRESET = "meetings-capture-with-account";

/** A step whose command did not do what it should; the rest would make no sense. */
class RehearsalFailed extends Error {}

/**
 * Performs the whole procedure against an emulator on loopback, each step by the command that a person
 * would use. Returns the exit code.
 */
export async function rehearse(io: Io, options: RehearsalOptions): Promise<number> {
  const home = await mkdtemp(join(tmpdir(), "grantkeeper-rehearsal-"));
  const emulator = await startEmulator({ port: 0 });
  const redirectUri = `http://127.0.0.1:${await freePort()}/oauth/callback`;
  const stage: Stage = { io, emulator, home, redirectUri, isQuiet: options.json, steps: [] };
  try {
    await perform(stage, options);
    if (options.json) printJson(io, { ok: true, steps: stage.steps, ...(options.keep && { home }) });
    return 0;
  } catch (error) {
    if (!(error instanceof RehearsalFailed)) throw error;
    if (options.json) printJson(io, { ok: false, steps: stage.steps });
    else say(io, pc.red(`\nThe rehearsal stopped: ${error.message}`));
    return 1;
  } finally {
    await emulator.close();
    if (!options.keep) await rm(home, { recursive: true, force: true });
  }
}

async function perform(stage: Stage, options: RehearsalOptions): Promise<void> {
  const { emulator, redirectUri } = stage;
  const scopes = defaultProvider.presets[PRESET]?.scopes ?? [];
  const client = emulator.registerClient({ name: "Recorder", redirectUris: [redirectUri], scopes });
  tell(stage, pc.bold("The procedure, rehearsed from end to end"));
  tell(
    stage,
    pc.dim(`A stand-in for ${defaultProvider.title} runs at ${emulator.url}; nothing leaves this machine.`),
  );
  await register(stage, client.clientId, client.clientSecret);
  await consent(stage);
  await simple(stage, "See what there is", "Expiries and the date of the next consent, at a glance.", [
    "status",
  ]);
  await fetchToken(stage);
  await simple(
    stage,
    "Refresh at once",
    "Usually nobody does: a token about to run out is refreshed when it is asked for.",
    ["refresh", GRANT, "--verbose"],
  );
  await simple(stage, "Hand over to a data source", "What to type into the recorder, field by field.", [
    "handoff",
    GRANT,
  ]);
  await simple(
    stage,
    "The same by hand",
    "The two requests of the manual procedure, correct and ready to run.",
    ["handoff", GRANT, "--format", "curl"],
  );
  finale(stage, options.keep);
}

async function register(stage: Stage, clientId: string, secret: string): Promise<void> {
  const words = [
    "integration",
    "add",
    INTEGRATION,
    "--provider",
    defaultProvider.id,
    "--client-id",
    clientId,
  ];
  words.push("--client-secret-stdin", "--preset", PRESET);
  words.push("--redirect-uri", stage.redirectUri, "--base-url", stage.emulator.baseUrl);
  const why =
    "Client id and secret come from the portal; the secret is read from standard input, never from the arguments.";
  begin(stage, "Register the integration", why, words);
  end(stage, await runCommand(stage, words, secret));
}

/** The command waits for a browser; the part of the administrator in it is played through the real pages. */
async function consent(stage: Stage): Promise<void> {
  const words = ["connect", GRANT, "--integration", INTEGRATION, "--no-browser", "--verbose"];
  begin(
    stage,
    "Connect: consent, code, exchange",
    "An administrator signs in and accepts; the code comes back to this machine.",
    words,
  );
  const running = startCommand(stage, words);
  const address = await addressFrom(running);
  const location = await stage.emulator.approve(address);
  tell(stage, pc.dim("  (The administrator signs in as admin@example.com and accepts all scopes.)"));
  await visit(location);
  end(stage, await running.ended);
}

async function fetchToken(stage: Stage): Promise<void> {
  const words = ["token", GRANT];
  begin(stage, "Fetch a token, as a script does", "On stdout, alone; shown masked here.", words);
  const ended = await runCommand(stage, words);
  const token = ended.stdout.trim();
  end(stage, { ...ended, stdout: `${token.slice(0, 4)}…${"*".repeat(12)} (${token.length} characters)` });
  const me = await visit(`${stage.emulator.baseUrl}/people/me`, { authorization: `Bearer ${token}` });
  tell(stage, pc.dim(`  (Used at once: GET …/people/me with it answers ${me}.)`));
}

async function simple(stage: Stage, title: string, why: string, words: readonly string[]): Promise<void> {
  begin(stage, title, why, words);
  end(stage, await runCommand(stage, words));
}

function begin(stage: Stage, title: string, why: string, words: readonly string[]): void {
  const command = `grantkeeper ${words.map(shortened).join(" ")}`;
  stage.steps.push({ title, why, command, exit_code: -1 });
  const shown = wrap(command, 6, 78).trimStart().replaceAll("\n", " \\\n");
  tell(stage, `\n${pc.bold(pc.cyan(`${stage.steps.length}. ${title}`))}`);
  tell(stage, `${pc.dim(wrap(why, 3))}\n\n  $ ${shown}\n`);
}

function end(stage: Stage, { stdout, stderr, exitCode }: Ended): void {
  const step = stage.steps.pop();
  if (step !== undefined) stage.steps.push({ ...step, exit_code: exitCode });
  for (const text of [stderr, stdout]) {
    const trimmed = text.replace(/^\n+|\s+$/g, "");
    if (trimmed !== "") tell(stage, trimmed.replace(/^/gm, "  "));
  }
  if (exitCode !== 0) throw new RehearsalFailed(`${step?.command ?? "a command"} exited with ${exitCode}.`);
}

function finale(stage: Stage, keep: boolean): void {
  const ledger = stage.emulator.ledger();
  const minted = ledger.filter(
    ({ kind, credential }) => kind === "minted" && credential === "access_token",
  ).length;
  const reused = ledger.filter(({ kind }) => kind === "reuse_detected").length;
  const count = `${minted} access tokens minted, ${reused} reuses seen`;
  tell(stage, `\n${pc.green("Done.")} ${stage.steps.length} steps. The provider's own ledger: ${count}.`);
  tell(
    stage,
    keep
      ? `The rehearsal's home is kept: GRANTKEEPER_HOME=${stage.home}`
      : "The rehearsal's home is removed.",
  );
  tell(
    stage,
    `\n${pc.bold("For real")}, with a client id and secret from ${defaultProvider.portal.address}:`,
  );
  tell(
    stage,
    `  grantkeeper integration add ${INTEGRATION}\n  grantkeeper connect ${GRANT} --integration ${INTEGRATION}`,
  );
}

function tell(stage: Stage, text: string): void {
  if (!stage.isQuiet) say(stage.io, text);
}

function shortened(word: string): string {
  const short = word.length > 48 && !word.includes("/") ? `${word.slice(0, 9)}…` : word;
  return short;
}

/** The authorization address that `connect` shows; it goes to stderr, for people. */
async function addressFrom(running: Started): Promise<string> {
  const address = await running.said(/^https?:\/\/\S+[?&]response_type=code\S*(?=\n)/m);
  if (address !== null) return address;
  throw new RehearsalFailed(`connect showed no address: ${(await running.ended).stderr.trim()}`);
}

/** Opens an address as a browser would, and gives the status of the answer. */
function visit(url: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { headers, agent: false }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode ?? 0));
    }).once("error", reject);
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
