import { GrantkeeperError } from "../core/errors.ts";
import type { Grant, GrantFacts } from "../core/grant.ts";
import type { Integration } from "../core/integration.ts";
import { quote } from "../core/names.ts";
import type { ProviderProfile } from "../providers/profile.ts";
import type { Ports } from "./ports.ts";

/** @throws {GrantkeeperError} `not_found`. */
export async function findGrant(ports: Pick<Ports, "store">, name: string): Promise<Grant> {
  const grant = await ports.store.grant(name);
  if (grant !== null) return grant;
  throw new GrantkeeperError("not_found", `There is no grant named ${quote(name)}.`, {
    remedy:
      "See what there is with: grantkeeper status. Make one with: grantkeeper connect NAME --integration I.",
  });
}

/** @throws {GrantkeeperError} `not_found`. */
export async function findIntegration(ports: Pick<Ports, "store">, name: string): Promise<Integration> {
  const integration = await ports.store.integration(name);
  if (integration !== null) return integration;
  throw new GrantkeeperError("not_found", `There is no integration named ${quote(name)}.`, {
    remedy:
      "See what there is with: grantkeeper integration list. Make one with: grantkeeper integration add.",
  });
}

/** A grant's integration and the profile of its provider. */
export interface GrantContext {
  readonly integration: Integration;
  readonly profile: ProviderProfile;
}

/** How long, in ms, a registration that was read is taken for the present one: what another process edits counts within it. */
const INTEGRATION_MEMORY = 1000;

/** Reads a grant's integration, or remembers it from a moment ago: many grants share one. */
export async function contextOf(
  ports: Pick<Ports, "store" | "profile" | "clock" | "state">,
  grant: Grant,
): Promise<GrantContext> {
  const { integrations } = ports.state;
  const now = ports.clock.monotonic();
  const known = integrations.get(grant.integrationId);
  if (known !== undefined && now - known.seenAt < INTEGRATION_MEMORY)
    return contextFor(ports, known.integration);
  const integration = await ports.store.integrationById(grant.integrationId);
  if (integration === null) throw new Error(`grant ${grant.id} without its integration`);
  integrations.set(integration.id, { integration, seenAt: now });
  return contextFor(ports, integration);
}

function contextFor(ports: Pick<Ports, "profile">, integration: Integration): GrantContext {
  return { integration, profile: ports.profile(integration.provider) };
}

/** The facts that a grant's document takes from elsewhere. */
export function grantFacts({ integration, profile }: GrantContext): GrantFacts {
  return { integration: integration.name, provider: profile.id, rotation: profile.rotation };
}
