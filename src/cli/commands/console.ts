import type { Command } from "commander";
import { GrantkeeperError } from "../../core/errors.ts";
import { readServeConfig } from "../../serve-config.ts";
import { openBrowser } from "../browser.ts";
import { type CommonOptions, defineCommand, present, type Session } from "../command.ts";
import { tell } from "../io.ts";
import { isServiceAt } from "../service-at.ts";
import { newSignInLink } from "../sign-in-link.ts";

interface Options extends CommonOptions {
  readonly browser?: boolean;
  readonly url?: string;
}

/** `console`: a link into the console of the service that runs on this store. */
export function defineConsole(program: Command, session: Session): void {
  defineCommand(program, {
    usage: "console",
    summary: "open the console of the running service in the browser",
    examples: ["grantkeeper console", "grantkeeper console --no-browser"],
    notes: "The link signs you in as administrator. It is good once, for ten minutes.",
  })
    .option("--no-browser", "only print the link")
    .option("--url <address>", "where the service is (default: public_url, else host and port as configured)")
    .action((options: Options) => run(session, options));
}

async function run(session: Session, options: Options): Promise<void> {
  const { io } = session;
  const url = options.url === undefined ? await configuredUrl(session) : parseUrl(options.url);
  if (!(await isServiceAt(url)))
    throw new GrantkeeperError("keeper_unreachable", `No service answers at ${url}.`, {
      remedy: "Start it with: grantkeeper serve. Where it listens elsewhere, say so with --url.",
    });
  const link = await newSignInLink(io.env, url);
  const isOpened = options.json !== true && options.browser !== false && (await openBrowser(io, link));
  present(session, options, { url, sign_in_link: link }, () => link);
  if (options.json !== true)
    tell(io, isOpened ? "Your browser opens it." : "Open it in your browser, within ten minutes.");
}

async function configuredUrl({ io }: Session): Promise<string> {
  const { host, port, publicUrl, tls } = await readServeConfig(io.env);
  if (publicUrl !== null) return publicUrl.origin;
  return `${tls === null ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function parseUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text).origin;
  throw new GrantkeeperError("invalid_request", "--url is not the address of a service.", {
    remedy: "Give it as in http://127.0.0.1:8700.",
  });
}
