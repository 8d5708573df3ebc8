import { GrantkeeperError } from "../core/errors.ts";
import type { Grant } from "../core/grant.ts";
import type { Integration } from "../core/integration.ts";
import { parseName } from "../core/names.ts";
import { type DeviceAuthorization, pollDevice, startDevice } from "../oauth/device.ts";
import { keepConsent } from "./consent.ts";
import { exchangeFailure } from "./exchange-failure.ts";
import { findIntegration } from "./find.ts";
import { forGrantNamed } from "./pending.ts";
import { sendTo } from "./outgoing.ts";
import type { Ports } from "./ports.ts";
import { openClient } from "./secrets.ts";

/** What a person is to be shown: where to go, and what to type there. */
export type DevicePrompt = Pick<
  DeviceAuthorization,
  "userCode" | "verificationUri" | "verificationUriComplete" | "expiresAt"
>;

interface DeviceConnection {
  readonly show: (prompt: DevicePrompt) => void;
  /** Ends the wait; between two polls nothing is lost by it. */
  readonly signal: AbortSignal;
}

/**
 * The whole procedure by device authorization (RFC 8628): a person consents in any browser, on any
 * machine, while this one asks now and then whether it has happened.
 * @throws {GrantkeeperError} `provider_refused`, also where the provider has no such flow; `timed_out`.
 */
export async function connectByDevice(
  ports: Ports,
  name: string,
  integrationName: string,
  connection: DeviceConnection,
): Promise<Grant> {
  parseName("grant", name);
  const integration = await findIntegration(ports, integrationName);
  const { scopes } = integration;
  return forGrantNamed(ports, name, integration, scopes, (before) =>
    consent(ports, before, integration, connection),
  );
}

async function consent(
  ports: Ports,
  before: Grant,
  integration: Integration,
  connection: DeviceConnection,
): Promise<Grant> {
  const { name } = before;
  const requestedScopes = integration.scopes;
  const wire = {
    profile: ports.profile(integration.provider),
    client: openClient(ports.sealer, integration),
    send: sendTo(ports, integration),
    now: ports.clock.now,
  };
  const start = await startDevice({ ...wire, scopes: requestedScopes });
  if (start.kind === "not_offered") throw notOffered(name);
  if (start.kind === "failed") throw exchangeFailure(start.outcome, name);
  const { device } = start;
  connection.show(device);
  for (let { interval } = device; ;) {
    await ports.clock.sleep(interval);
    if (connection.signal.aborted) throw tooLate("Nobody consented in time.");
    const startedAt = ports.clock.now();
    const poll = await pollDevice({ ...wire, device, interval });
    if (poll.kind === "expired") throw tooLate("The code has run out before anybody typed it.");
    if (poll.kind === "pending") {
      interval = poll.interval;
      continue;
    }
    if (poll.outcome.kind !== "refreshed") throw exchangeFailure(poll.outcome, name);
    const { answer } = poll.outcome;
    const how = "granted";
    return keepConsent(ports, name, { answer, startedAt, integration, requestedScopes, how, before });
  }
}

function notOffered(name: string): GrantkeeperError {
  return new GrantkeeperError("provider_refused", "The provider has no device authorization.", {
    remedy: `Leave out --device: grantkeeper connect ${name}.`,
  });
}

function tooLate(message: string): GrantkeeperError {
  return new GrantkeeperError("timed_out", message, { remedy: "Run it again. Nothing was stored." });
}
