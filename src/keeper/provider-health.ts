import type { EventDraft, EventType } from "../core/events.ts";
import type { Integration } from "../core/integration.ts";
import type { RefreshOutcome } from "../core/outcome.ts";
import { grantEvent } from "./audit.ts";
import type { GrantContext } from "./find.ts";
import type { Ports } from "./ports.ts";

/** Further apart than this the two clocks are worth an alarm: tokens may be judged by them. Milliseconds. */
const TOLERATED_SKEW = 60_000;

/** What an outcome says about the provider as a whole, and about the two clocks. */
export async function reportHealth(
  ports: Ports,
  { profile }: GrantContext,
  outcome: RefreshOutcome,
): Promise<void> {
  const turn = ports.state.gates.of(profile.id, profile.limits).report(outcome);
  if (turn === "opened") await record(ports, providerEvent(ports, "provider_failing", profile.id));
  if (turn === "closed") {
    await record(ports, providerEvent(ports, "provider_recovered", profile.id));
    await hurryGrantsOf(ports, profile.id, profile.rotation === "strict");
  }
  if (outcome.kind === "refreshed") await watchClocks(ports, profile.id, outcome.serverDate);
}

async function hurryGrantsOf(ports: Ports, provider: string, sparesDoubtful: boolean): Promise<void> {
  try {
    const ids = (await ports.store.integrations()).filter(isOf(provider)).map(({ id }) => id);
    await ports.store.hurry(ids, ports.clock.now(), sparesDoubtful);
  } catch {
    // They come by themselves when their back-off ends; a delivered token set must not wait for this.
  }
}

function isOf(provider: string): (integration: Integration) => boolean {
  return (integration) => integration.provider === provider;
}

async function watchClocks(ports: Ports, provider: string, serverDate: number | null): Promise<void> {
  if (serverDate === null) return;
  const skew = ports.clock.now() - serverDate;
  const { skewed } = ports.state;
  if (Math.abs(skew) <= TOLERATED_SKEW) {
    skewed.delete(provider);
    return;
  }
  if (skewed.has(provider)) return;
  skewed.add(provider);
  await record(ports, providerEvent(ports, "clock_skewed", provider, Math.round(skew / 1000)));
}

function providerEvent(ports: Ports, type: EventType, provider: string, seconds?: number): EventDraft {
  const about = { id: null, name: null, generation: null };
  return grantEvent(ports, type, about, { provider, ...(seconds !== undefined && { seconds }) });
}

/** An observation, not a change: where it cannot be written down, the tokens that came with it still can. */
async function record(ports: Ports, event: EventDraft): Promise<void> {
  try {
    await ports.store.record(event);
  } catch {
    // The next observation says the same.
  }
}
