import type { Integration } from "../core/integration.ts";
import type { Send } from "../oauth/send.ts";
import type { Ports } from "./ports.ts";

/**
 * The way to an integration's provider. An address that a program gave is connected to only where its name
 * leads outside (server-side request forgery); one that an operator gave may be of the own network.
 */
export function sendTo({ send }: Pick<Ports, "send">, { baseUrl, baseUrlFrom }: Integration): Send {
  if (baseUrl === null || baseUrlFrom === "operator") return send;
  return (request) => send({ ...request, outsideOnly: true });
}
