import type { Environment } from "../config.ts";
import { isLoopback } from "../http/client-address.ts";
import type { ServeConfig } from "../serve-config.ts";
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

/** With it, whoever consented can be shown. */
const PRESET = "meetings-capture-with-account";

/** A stand-in for the provider beside the service: started when it is first wanted, once. */
export interface Rehearsal {
  /** Registers the service there. Grants of an earlier rehearsal go: an emulator remembers nothing of the one before it. */
  readonly register: (serviceUrl: string) => Promise<{ readonly integration: string }>;
  /** The same, with an authorization begun: its address is to be opened in a browser, within ten minutes. */
  readonly begin: (serviceUrl: string) => Promise<string>;
  readonly close: () => Promise<void>;
}

/** Whether a browser on this machine reaches the service by plain http, as it does the emulator. */
export function canRehearse({ host, tls, publicUrl }: ServeConfig): boolean {
  return tls === null && publicUrl === null && isLoopback(host);
}

/** The rehearsal of one service. */
export function createRehearsal(env: Environment): Rehearsal {
  let registered: Promise<Emulator> | null = null;
  const register = async (serviceUrl: string): Promise<Emulator> => {
    const redirectUri = `${serviceUrl}/oauth/callback`;
    if (!isLoopbackRedirect(redirectUri)) throw notHere();
    const emulator = await startEmulator({ port: 0 });
    try {
      await withPorts(env, (ports) => registerAt(ports, emulator, redirectUri));
      return emulator;
    } catch (error) {
      await emulator.close();
      throw error;
    }
  };
  const once = (serviceUrl: string): Promise<Emulator> => {
    registered ??= register(serviceUrl).catch((error: unknown) => {
      registered = null;
      throw error;
    });
    return registered;
  };
  return {
    register: async (serviceUrl) => {
      await once(serviceUrl);
      return { integration: REHEARSAL };
    },
    begin: async (serviceUrl) => {
      await once(serviceUrl);
      return withPorts(env, async (ports) => {
        const { authorizationUrl } = await beginAuthorization(ports, REHEARSAL, REHEARSAL);
        return authorizationUrl;
      });
    },
    close: async () => {
      const emulator = await registered?.catch(() => null);
      await emulator?.close();
    },
  };
}

async function withPorts<T>(env: Environment, work: (ports: Ports) => Promise<T>): Promise<T> {
  const { ports, close } = await openKeeper(env);
  try {
    return await work(ports);
  } finally {
    await close();
  }
}

function notHere(): GrantkeeperError {
  return new GrantkeeperError(
    "invalid_request",
    "A rehearsal needs a service on this machine, by plain http.",
    { remedy: "Leave --rehearsal out, or public_url and TLS." },
  );
}

async function registerAt(ports: Ports, emulator: Emulator, redirectUri: string): Promise<void> {
  const scopes = defaultProvider.presets[PRESET]?.scopes ?? [];
  const client = emulator.registerClient({ name: "Rehearsal", redirectUris: [redirectUri], scopes });
  const { clientId, clientSecret } = client;
  const input = { clientId, clientSecret, redirectUri, preset: PRESET, baseUrl: emulator.baseUrl };
  const existing = await ports.store.integration(REHEARSAL);
  if (existing === null) {
    await addIntegration(ports, REHEARSAL, defaultProvider.id, input);
    return;
  }
  for (const { name, integrationId } of await ports.store.grants())
    if (integrationId === existing.id) await remove(ports, name);
  await updateIntegration(ports, REHEARSAL, input);
}
