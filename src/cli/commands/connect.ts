import type { Command } from "commander";
import { durationOption } from "../duration.ts";
import { GrantkeeperError, toGrantkeeperError } from "../../core/errors.ts";
import type { Grant } from "../../core/grant.ts";
import { parseName } from "../../core/names.ts";
import { abandonAuthorization, beginAuthorization } from "../../keeper/authorize.ts";
import { connectByDevice, type DevicePrompt } from "../../keeper/device.ts";
import { addIntegration } from "../../keeper/integrations.ts";
import type { Ports } from "../../keeper/ports.ts";
import { completeIntegration } from "../ask-integration.ts";
import { integrationFor } from "../choose-integration.ts";
import {
  type CommonOptions,
  defineCommand,
  notice,
  type Session,
  withKeeper,
  withVerbose,
} from "../command.ts";
import { presentGrant, warnOfMissingScopes } from "../grant-result.ts";
import { isInteractive, tell } from "../io.ts";
import { throughBrowser, throughPaste } from "../consent-ways.ts";
import { isLoopbackRedirect } from "../loopback-listener.ts";
import { ask, requireTerminal } from "../prompt.ts";

interface Options extends CommonOptions {
  readonly integration?: string;
  readonly browser: boolean;
  readonly device?: boolean;
  readonly timeout?: number;
}

/** How long a person's consent is waited for, in ms. */
const DEFAULT_WAIT = 5 * 60_000;

interface Wanted extends Options {
  /** Milliseconds. */
  readonly wait: number;
}

/** `connect NAME`: the whole procedure. */
export function defineConnect(program: Command, session: Session): void {
  const command = defineCommand(program, {
    usage: "connect <name>",
    summary: "the whole procedure: consent in the browser, exchange, keep",
    examples: [
      "grantkeeper connect meetings --integration recorder",
      "grantkeeper connect meetings --no-browser --timeout 15m",
    ],
    notes: [
      "A grant that is there already keeps its name and history and gets the new tokens.",
      "Where the redirect URI is not a loopback address, the redirected address is pasted.",
    ].join("\n"),
  })
    .option("--integration <name>", "the integration to consent to")
    .option("--no-browser", "only print the address; open it wherever you like")
    .option("--device", "consent on any other machine, by typing a short code there")
    .option(
      "--timeout <time>",
      "how long to wait for the consent, as 90s, 5m (default: 5m)",
      durationOption({
        units: ["ms", "s", "m", "h"],
        most: 86_400_000,
        rule: "It has to be a time such as 90s, 5m or 1h, a day at most.",
      }),
    );
  withVerbose(command).action((name: string, options: Options) =>
    withKeeper(session, options, async ({ keeper, interrupts }) => {
      const { ports } = keeper;
      parseName("grant", name);
      const integration = await integrationOrNew(session, ports, name, options);
      const before = await ports.store.grant(name);
      const connectBy = options.device === true ? connectWithDevice : connect;
      const wait = options.timeout ?? DEFAULT_WAIT;
      const grant = await interrupts.interruptible((signal) =>
        connectBy(session, ports, name, integration, { ...options, wait }, signal),
      );
      await presentGrant(session, options, ports, grant, `${name} is connected.`);
      warnOfOtherAccount(session, before, grant);
      await warnOfMissingScopes(session, ports, grant);
    }),
  );
}

/** Where there is no integration yet and a person at a terminal, one is made on the way. */
async function integrationOrNew(
  session: Session,
  ports: Ports,
  name: string,
  options: Options,
): Promise<string> {
  const { io } = session;
  const isFirst = options.integration === undefined && (await ports.store.integrations()).length === 0;
  if (!isFirst || !isInteractive(io)) return integrationFor(session, ports, name, options.integration);
  tell(io, "There is no integration yet: the client registration that an administrator consents to.");
  const called = await ask(io, { message: "A name for it", flag: "--integration", initial: "recorder" });
  const { provider, input } = await completeIntegration(io, ports, {});
  const { notices } = await addIntegration(ports, called, provider, input);
  notice(session, notices);
  return called;
}

async function connect(
  session: Session,
  ports: Ports,
  name: string,
  integrationName: string,
  options: Wanted,
  signal: AbortSignal,
): Promise<Grant> {
  const integration = await ports.store.integration(integrationName);
  const canListen = integration !== null && isLoopbackRedirect(integration.redirectUri);
  if (integration !== null && !canListen)
    requireTerminal(session.io, "authorization-url and exchange --redirected-url");
  const since = await ports.store.lastEvent();
  const begun = await beginAuthorization(ports, name, integrationName);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(options.wait)]);
  const way = { io: session.io, ports, name, begun, since, deadline, ...options };
  try {
    return canListen ? await throughBrowser(way) : await throughPaste(way);
  } catch (error) {
    const reason = toGrantkeeperError(error).code;
    await abandonAuthorization(ports, name, begun, reason);
    throw signal.aborted ? new GrantkeeperError("cancelled", "Stopped. Nothing was stored.") : error;
  }
}

/** Consent on any machine: this one shows a code and asks now and then. */
async function connectWithDevice(
  session: Session,
  ports: Ports,
  name: string,
  integrationName: string,
  options: Wanted,
  signal: AbortSignal,
): Promise<Grant> {
  const show = ({ verificationUri, verificationUriComplete, userCode }: DevicePrompt): void => {
    tell(session.io, "On any machine with a browser, open this address as the administrator who consents:");
    tell(session.io, `\n  ${verificationUri}\n\nand type this code there: ${userCode}\n`);
    if (verificationUriComplete !== null)
      tell(session.io, `(Or open it with the code: ${verificationUriComplete})`);
    tell(session.io, "Only go on if you started this yourself. Waiting …");
  };
  try {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(options.wait)]);
    return await connectByDevice(ports, name, integrationName, { show, signal: deadline });
  } catch (error) {
    throw signal.aborted ? new GrantkeeperError("cancelled", "Stopped. Nothing was stored.") : error;
  }
}

function warnOfOtherAccount(session: Session, before: Grant | null, grant: Grant): void {
  const was = before?.account ?? null;
  const is = grant.account;
  if (was === null || is === null || was.id === is.id) return;
  const name = (one: typeof is): string => one.email ?? one.displayName ?? one.id ?? "?";
  notice(session, [`Another account than before consented: ${name(is)} instead of ${name(was)}.`], "Warning");
}
