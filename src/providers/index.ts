import { GrantkeeperError } from "../core/errors.ts";
import { quote } from "../core/names.ts";
import type { ProviderProfile } from "./profile.ts";
import { webex, webexGov } from "./webex.ts";

/** Every built-in provider, the usual one first. */
export const PROVIDERS: readonly ProviderProfile[] = [webex, webexGov];

/** The provider that is meant where none is named. */
export const defaultProvider: ProviderProfile = webex;

/**
 * The profile of a provider.
 * @throws {GrantkeeperError} `invalid_request`, naming the known ones.
 */
export function providerProfile(id: string): ProviderProfile {
  const profile = PROVIDERS.find((known) => known.id === id);
  if (profile !== undefined) return profile;
  const known = PROVIDERS.map((provider) => provider.id).join(", ");
  throw new GrantkeeperError("invalid_request", `There is no provider named ${quote(id)}.`, {
    remedy: `Known providers: ${known}.`,
  });
}
