import { field, header, type Call } from "./transport/call.ts";
import { Refusal } from "./refusals.ts";
import type { RegisteredClient } from "./types.ts";
import type { World } from "./world.ts";

/**
 * The client that a request authenticates as, by HTTP Basic or by the body (RFC 6749, section 2.3.1).
 * PKCE does not take the place of the secret. Refuses with `client_…`.
 */
export function authenticateClient(world: World, call: Call): RegisteredClient {
  const basic = basicCredentials(call);
  const id = basic?.id ?? field(call.form, "client_id");
  const secret = basic?.secret ?? field(call.form, "client_secret");
  if (id === undefined) throw new Refusal("client_unknown");
  if (basic !== undefined && (field(call.form, "client_id") ?? id) !== id) throw new Refusal("malformed");
  if (secret === undefined || secret === "") throw new Refusal("client_secret_missing");
  const client = world.clients.get(id);
  if (client === undefined) throw new Refusal("client_unknown");
  if (client.clientSecret !== secret) throw new Refusal("client_secret_wrong");
  return client;
}

/** The same where only HTTP Basic counts. */
export function authenticateBasicClient(world: World, call: Call): RegisteredClient {
  if (basicCredentials(call) === undefined) throw new Refusal("client_not_basic");
  return authenticateClient(world, call);
}

/** The client id that a request claims, without checking it. */
export function claimedClientId(call: Call): string | undefined {
  return basicCredentials(call)?.id ?? field(call.form, "client_id") ?? field(call.query, "client_id");
}

function basicCredentials(call: Call): { id: string; secret: string } | undefined {
  const value = header(call, "authorization");
  const encoded = value === undefined ? undefined : /^basic +(\S+) *$/i.exec(value)?.[1];
  if (encoded === undefined) return undefined;
  const [id = "", ...secret] = Buffer.from(encoded, "base64").toString("utf8").split(":");
  return { id: formDecoded(id), secret: formDecoded(secret.join(":")) };
}

/** Both halves are form-encoded before they are joined; what is no encoding stands for itself. */
function formDecoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}
