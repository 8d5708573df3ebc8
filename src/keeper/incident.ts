import type { RefreshError } from "../core/grant.ts";
import type { Incident, Integration } from "../core/integration.ts";
import type { Refusal } from "../core/outcome.ts";
import { integrationEvent } from "./audit.ts";
import type { Ports } from "./ports.ts";

/** The provider refuses the integration itself: one incident, however many grants meet it. */
export async function reportIncident(
  ports: Ports,
  integration: Integration,
  refusal: Refusal,
): Promise<void> {
  const now = ports.clock.now();
  const { cause, message, remedy } = refusal;
  const since = integration.incident?.since ?? now;
  const event = integrationEvent(ports, "integration_rejected", integration.name, { cause, message });
  const events = integration.incident === null ? [event] : [];
  await ports.store.setIncident(integration.id, { cause, message, remedy, since, probedAt: now }, events);
}

/** The provider took the integration again. */
export async function clearIncident(ports: Ports, integration: Integration): Promise<void> {
  if (integration.incident === null) return;
  const event = integrationEvent(ports, "integration_recovered", integration.name);
  await ports.store.setIncident(integration.id, null, [event]);
}

/** Why a grant is held that has met the incident only through another grant of its integration. */
export function heldByIncident({ message, remedy, probedAt }: Incident): RefreshError {
  return { code: "integration_misconfigured", message, remedy, at: probedAt, provider: null };
}
