import type { Command } from "commander";
import { errorDocument } from "../../core/errors.ts";
import type { Grant } from "../../core/grant.ts";
import { defaultProvider } from "../../providers/index.ts";
import { type RunningService, serve } from "../../serve.ts";
import { readServeConfig } from "../../serve-config.ts";
import { type CommonOptions, defineCommand, type Session } from "../command.ts";
import { hanging, timeOfLine } from "../event-lines.ts";
import { failpointFrom } from "../failpoint.ts";
import { heldNotice } from "../held-notice.ts";
import { printJson, tell } from "../io.ts";
import { canRehearse, createRehearsal, REHEARSAL, type Rehearsal } from "../rehearsal-provider.ts";
import { inheritedSocket, isManaged, tellServiceManager } from "../service-manager.ts";
import { newSignInLink } from "../sign-in-link.ts";
import { stopOnSignal } from "../stop-on-signal.ts";
import { VERSION } from "../version.ts";

interface Options extends CommonOptions {
  readonly host?: string;
  readonly port?: string;
  readonly rehearsal?: boolean;
}

/** `serve`: the service. */
export function defineServe(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "serve",
    summary: "run the service: console, HTTP API and refreshing",
    examples: ["grantkeeper serve", "grantkeeper serve --port 8800"],
    notes: [
      "Programs fetch tokens with an API key: grantkeeper api-key create NAME --scope tokens:read.",
      "Ends at Ctrl-C or SIGTERM when requests and refreshes that are under way have ended.",
    ].join("\n"),
  })
    .option("--host <address>", "the address to listen at (default: 127.0.0.1)")
    .option(
      "--rehearsal",
      "run a stand-in for the provider beside it, to walk the procedure without an account",
    )
    .option("--port <port>", "the port to listen at, 0 for any that is free (default: 8700)")
    .action((options: Options) => run(session, options));
}

async function run(session: Session, options: Options): Promise<void> {
  const { io } = session;
  const { host, port } = options;
  const config = await readServeConfig(io.env, {
    host,
    port,
    socket: inheritedSocket(io.env, process.pid),
  });
  const stop = stopOnSignal(io, "Stopping: waiting for requests and answers that are under way.");
  try {
    const rehearsal = createRehearsal(io.env);
    const service = await serve({
      env: io.env,
      config,
      version: VERSION,
      failpoint: failpointFrom(io.env),
      rehearse: canRehearse(config) ? () => rehearsal.register(service.url) : undefined,
      onHeld: heldNotice(io),
      onError: (error, grant) => tell(io, faultLine(error, grant)),
    });
    await welcome(session, options, service.url);
    const untold = await tellServiceManager(io.env, "READY=1", `STATUS=Serving at ${service.url}`);
    if (untold !== null) tell(io, `Warning: ${untold}`);
    if (options.rehearsal === true) await rehearse(session, service, rehearsal);
    const aborted = new Promise<null>((resolve) => {
      if (stop.signal.aborted) resolve(null);
      stop.signal.addEventListener("abort", () => resolve(null));
    });
    process.on("SIGHUP", service.reopenLog);
    const failure = await Promise.race([aborted, service.ended]);
    // Not waited for before anything is saved: the manager gives only so much time to stop.
    const told = tellServiceManager(io.env, "STOPPING=1", "STATUS=Waiting for what is under way");
    await service.stop();
    await told;
    await rehearsal.close();
    process.off("SIGHUP", service.reopenLog);
    if (failure !== null) throw failure;
    tell(io, "Stopped.");
  } finally {
    stop.end();
  }
}

/** Says where the service is and, but in a journal that others may read, gives a link into its console. */
async function welcome({ io }: Session, options: Options, url: string): Promise<void> {
  if (isManaged(io.env)) {
    if (options.json === true) printJson(io, { url, sign_in_link: null });
    tell(io, `Ready at ${url}. A link into the console: grantkeeper console.`);
    return;
  }
  const signInLink = await newSignInLink(io.env, url);
  if (options.json === true) printJson(io, { url, sign_in_link: signInLink });
  tell(io, `Ready at ${url}. Stop with Ctrl-C.`);
  tell(io, `The console, for you, once, within ten minutes:\n\n${signInLink}\n`);
}

/** The stand-in is up, and the person knows where to go. */
async function rehearse({ io }: Session, service: RunningService, rehearsal: Rehearsal): Promise<void> {
  try {
    const authorizationUrl = await rehearsal.begin(service.url);
    const lines = [
      `A stand-in for ${defaultProvider.title} runs beside it: no account is needed, and nothing`,
      "leaves this machine.",
      "1. Open the console and connect a grant, or open this address, sign in and accept",
      "   (within ten minutes):",
      "",
      authorizationUrl,
      "",
      `2. See what came of it: grantkeeper status ${REHEARSAL}`,
      `   Fetch a token as a script does: grantkeeper token ${REHEARSAL}`,
      "   Another address to consent at:",
      `   grantkeeper authorization-url ${REHEARSAL} --integration ${REHEARSAL}`,
      "   (In a clone, node dist/cli/main.js stands for grantkeeper.)",
      "3. The real thing: grantkeeper integration add NAME, then grantkeeper connect NAME.",
    ];
    for (const line of lines) tell(io, line);
  } catch (error) {
    await service.stop();
    throw error;
  }
}

function faultLine(error: unknown, grant: Grant | null): string {
  const { code, message } = errorDocument(error).error;
  return hanging(`${timeOfLine(Date.now())} ${code}${grant === null ? "" : ` ${grant.name}`}: ${message}`);
}
