import type { EventData, EventDraft, EventType } from "../core/events.ts";
import type { Grant } from "../core/grant.ts";
import type { Ports } from "./ports.ts";

type Actor = Pick<Ports, "actor" | "clock">;

/** What of a grant an event names; nulls for an event about no grant in particular. */
type Named = { readonly [Field in "id" | "name" | "generation"]: Grant[Field] | null };

/** An event about a grant, by whoever acts. */
export function grantEvent(ports: Actor, type: EventType, grant: Named, data: EventData = {}): EventDraft {
  return {
    type,
    at: ports.clock.now(),
    actor: ports.actor,
    grantId: grant.id,
    grant: grant.name,
    integration: null,
    generation: grant.generation,
    data,
  };
}

/** An event about an integration. */
export function integrationEvent(
  ports: Actor,
  type: EventType,
  name: string,
  data: EventData = {},
): EventDraft {
  const at = ports.clock.now();
  return {
    type,
    at,
    actor: ports.actor,
    grantId: null,
    grant: null,
    integration: name,
    generation: null,
    data,
  };
}
