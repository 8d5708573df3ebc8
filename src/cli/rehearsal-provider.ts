import type { Environment } from "../config.ts";
import { isLoopbackRedirect } from "./loopback-listener.ts";
import { GrantkeeperError } from "../core/errors.ts";
import { type Emulator, startEmulator } from "../emulator/index.ts";
import { beginAuthorization } from "../keeper/authorize.ts";
import { addIntegration, updateIntegration } from "../keeper/integrations.ts";
import { remove } from "../keeper/manage.ts";
import type { Ports } from "../keeper/ports.ts";
import { openKeeper } from "../open.ts";
import { defaultProvider } from "../providers/index.ts";

/** The integration and the grant of the rehearsal; what else is in the store is left alone. */
export const REHEARSAL = "rehearsal";

/** A stand-in for the provider beside the service, with an authorization begun at it. */
export interface RehearsalProvider {
  readonly emulator: Emulator;
  /** To be opened in a browser; good for ten minutes. */
  readonly authorizationUrl: string;
}

/**
 * Starts the emulator and registers the service there, so that the whole procedure can be walked in a browser
 * without any account. An emulator remembers nothing of the one before it: grants of an earlier rehearsal go.
 * @throws {GrantkeeperError} where the service is not reached by a loopback address.
 */
export async function startRehearsalProvider(
  env: Environment,
  serviceUrl: string,
): Promise<RehearsalProvider> {
  const redirectUri = `${serviceUrl}/oauth/callback`;
  if (!isLoopbackRedirect(redirectUri)) {
    throw new GrantkeeperError(
      "invalid_request",
      "A rehearsal needs a service on this machine, by plain http.",
      {
        remedy: "Leave --rehearsal out, or public_url and TLS.",
      },
    );
  }
  const emulator = await startEmulator({ port: 0 });
  const { ports, close } = await openKeeper(env);
  try {
    await register(ports, emulator, redirectUri);
    const { authorizationUrl } = await beginAuthorization(ports, REHEARSAL, REHEARSAL);
    return { emulator, authorizationUrl };
  } catch (error) {
    await emulator.close();
    throw error;
  } finally {
    await close();
  }
}

async function register(ports: Ports, emulator: Emulator, redirectUri: string): Promise<void> {
  const [preset = "meetings-capture"] = Object.keys(defaultProvider.presets);
  const scopes = defaultProvider.presets[preset]?.scopes ?? [];
  const client = emulator.registerClient({ name: "Rehearsal", redirectUris: [redirectUri], scopes });
  const { clientId, clientSecret } = client;
  const input = { clientId, clientSecret, redirectUri, preset, baseUrl: emulator.baseUrl };
  const existing = await ports.store.integration(REHEARSAL);
  if (existing === null) {
    await addIntegration(ports, REHEARSAL, defaultProvider.id, input);
    return;
  }
  for (const { name, integrationId } of await ports.store.grants())
    if (integrationId === existing.id) await remove(ports, name);
  await updateIntegration(ports, REHEARSAL, input);
}
