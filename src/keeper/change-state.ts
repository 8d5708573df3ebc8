import type { EventType } from "../core/events.ts";
import type { Grant, GrantChange } from "../core/grant.ts";
import { grantEvent } from "./audit.ts";
import { findGrant } from "./find.ts";
import type { Ports } from "./ports.ts";

/** Changes a grant as a person decides it, on the row as it is when it is written. Null from `decide` leaves it. */
export async function changeState(
  ports: Ports,
  name: string,
  type: EventType,
  decide: (grant: Grant) => (GrantChange & { readonly fenceOut?: boolean }) | null,
): Promise<Grant> {
  for (;;) {
    const grant = await findGrant(ports, name);
    const wanted = decide(grant);
    if (wanted === null) return grant;
    const { fenceOut = false, ...change } = wanted;
    const changed = await ports.store.changeGrant({
      id: grant.id,
      expect: { generation: grant.generation },
      change: { ...change, updatedAt: ports.clock.now() },
      events: [grantEvent(ports, type, grant, { before: grant.state })],
      fenceOut,
    });
    if (changed !== null) return changed;
  }
}
