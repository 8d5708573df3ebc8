import { createHmac } from "node:crypto";
import { type Delivery, type Parcel, renderParcel } from "../core/delivery.ts";
import type { Clock } from "../keeper/ports.ts";
import type { Send } from "../oauth/send.ts";
import { answered } from "./answered.ts";

/** How long a receiver may take, in ms: the Standard Webhooks specification recommends 15 to 30 seconds. */
const TIME_LIMIT = 20_000;

/**
 * Posts a token to a receiver, signed as the Standard Webhooks specification says (`webhook-id`,
 * `webhook-timestamp`, `webhook-signature`); it has taken it when it answers with 2xx. The same token has the
 * same id each time that it is tried. Redirects are not followed.
 * @throws {GrantkeeperError} `delivery_failed`.
 */
export async function postToWebhook(
  { send, clock }: { readonly send: Send; readonly clock: Pick<Clock, "now"> },
  delivery: Delivery,
  url: string,
  parcel: Parcel,
  secret: string,
): Promise<void> {
  const body = renderParcel(parcel, "json");
  const timestamp = String(Math.floor(clock.now() / 1000));
  const result = await send({
    method: "POST",
    url,
    headers: {
      "content-type": "application/json",
      "webhook-id": parcel.messageId,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1,${signature(secret, `${parcel.messageId}.${timestamp}.${body}`)}`,
    },
    body,
    timeout: TIME_LIMIT,
    outsideOnly: delivery.addressFrom === "program",
  });
  answered(result, delivery, url, [parcel.value, secret]);
}

function signature(secret: string, text: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  return createHmac("sha256", key).update(text).digest("base64");
}
