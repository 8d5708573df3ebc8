import type { Delivery } from "../core/delivery.ts";
import { scrubber } from "../oauth/scrub.ts";
import type { SendResult } from "../oauth/send.ts";
import { deliveryFailed } from "./failure.ts";

/**
 * What a place answered with 2xx.
 * @param secrets what must not come back in a message.
 * @throws {GrantkeeperError} `delivery_failed` for anything else.
 */
export function answered(
  result: SendResult,
  { name }: Delivery,
  url: string,
  secrets: readonly string[],
): string {
  const { host } = new URL(url);
  const scrub = scrubber(secrets);
  if (result.kind !== "answer") {
    throw deliveryFailed(
      `The delivery ${name} failed: ${scrub(result.detail)}`,
      "See to the network and the place; it is tried again by itself.",
    );
  }
  const { status, body } = result;
  if (status >= 200 && status < 300) return body;
  const said = scrub(body, 120);
  throw deliveryFailed(
    `${host} answered the delivery ${name} with status ${status}${said === "" ? "." : `: ${said}`}`,
    remedyFor(status),
  );
}

function remedyFor(status: number): string {
  if (status >= 300 && status < 400)
    return "Give the address that it redirects to: tokens follow no redirect.";
  if (status === 401 || status === 403)
    return "See to the delivery's secret, and to what it is allowed to do there.";
  if (status === 404 || status === 410) return "See to the address; nothing lies there.";
  return "See to the place; it is tried again by itself.";
}
