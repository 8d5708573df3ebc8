import type { RefreshError } from "../core/grant.ts";
import type { Incident, Integration } from "../core/integration.ts";
import type { Refusal } from "../core/outcome.ts";
import { integrationEvent } from "./audit.ts";
import type { IncidentWrite, Ports } from "./ports.ts";

/** The provider refuses the integration itself: one incident, however many grants meet it. */
export function incidentReported(ports: Ports, integration: Integration, refusal: Refusal): IncidentWrite {
  const now = ports.clock.now();
  const { cause, message, remedy } = refusal;
  const since = integration.incident?.since ?? now;
  const event = integrationEvent(ports, "integration_rejected", integration.name, { cause, message });
  return {
    integrationId: integration.id,
    incident: { cause, message, remedy, since, probedAt: now },
    events: integration.incident === null ? [event] : [],
  };
}

/** The provider took the integration again; null where it never refused it. */
export function incidentCleared(ports: Ports, integration: Integration): IncidentWrite | null {
  if (integration.incident === null) return null;
  const event = integrationEvent(ports, "integration_recovered", integration.name);
  return { integrationId: integration.id, incident: null, events: [event] };
}

/** Why a grant is held that has met the incident only through another grant of its integration. */
export function heldByIncident({ message, remedy, probedAt }: Incident): RefreshError {
  return { code: "integration_misconfigured", message, remedy, at: probedAt, provider: null };
}
