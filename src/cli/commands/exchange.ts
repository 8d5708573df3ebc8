import type { Command } from "commander";
import { GrantkeeperError } from "../../core/errors.ts";
import { parseName } from "../../core/names.ts";
import type { Grant } from "../../core/grant.ts";
import { completeAuthorization, exchangePastedCode, redirectUriFor } from "../../keeper/authorize.ts";
import type { Ports } from "../../keeper/ports.ts";
import { parsePastedCode, parseRedirected } from "../../oauth/callback.ts";
import {
  type CommonOptions,
  defineCommand,
  notice,
  type Session,
  withKeeper,
  withVerbose,
} from "../command.ts";
import { presentGrant, warnOfMissingScopes } from "../grant-result.ts";
import { readStdin } from "../secret-input.ts";

interface Options extends CommonOptions {
  readonly redirectedUrl?: string;
  readonly code?: string;
  readonly codeStdin?: boolean;
  readonly integration?: string;
  readonly redirectUri?: string;
}

/** `exchange NAME`. */
export function defineExchange(program: Command, session: Session): void {
  const command = defineCommand(program, {
    usage: "exchange <name>",
    summary: "exchange an authorization code for tokens and keep them",
    examples: [
      "grantkeeper exchange meetings --redirected-url 'http://127.0.0.1:8700/oauth/callback?code=…&state=…'",
      "grantkeeper exchange meetings --code CODE --integration recorder",
    ],
    notes:
      "With --redirected-url the state is checked. A code that was obtained elsewhere is sent without verifier.",
  })
    .option("--redirected-url <url>", "the whole address that the browser ended at")
    .option("--code <code>", "the authorization code alone")
    .option("--code-stdin", "read the code, or the redirected address, from standard input")
    .option("--integration <name>", "the integration that the code is for, where the grant is new")
    .option("--redirect-uri <uri>", "the redirect URI that the code was obtained with, where it differs");
  withVerbose(command).action((name: string, options: Options) =>
    withKeeper(session, options, async ({ keeper }) => {
      const grant = await exchange(session, keeper.ports, parseName("grant", name), options);
      await presentGrant(session, options, keeper.ports, grant, `${name} is connected.`);
      await warnOfMissingScopes(session, keeper.ports, grant);
    }),
  );
}

async function exchange(session: Session, ports: Ports, name: string, options: Options): Promise<Grant> {
  const given = [options.redirectedUrl, options.code, options.codeStdin].filter((one) => one !== undefined);
  if (given.length !== 1) throw oneOfThree();
  const { redirectUri = null, integration = null } = options;
  if (options.redirectedUrl !== undefined) {
    const wanted = redirectUri ?? (await redirectUriFor(ports, name, integration));
    return completeAuthorization(ports, name, parseRedirected(options.redirectedUrl, wanted));
  }
  const { code, noticed } = parsePastedCode(options.code ?? (await readStdin(session.io)));
  if (noticed !== null) notice(session, [noticed]);
  return exchangePastedCode(ports, name, { code, integration, redirectUri });
}

function oneOfThree(): GrantkeeperError {
  return new GrantkeeperError("invalid_request", "Give one of --redirected-url, --code and --code-stdin.", {
    remedy:
      "Best is --redirected-url with the whole address that the browser ended at: its state is checked.",
  });
}
