import { type Delivery, type Parcel } from "../core/delivery.ts";
import type { OutgoingRequest, Send } from "../oauth/send.ts";
import { answered } from "./answered.ts";
import { deliveryFailed } from "./failure.ts";

/** How long a store may take for an answer, in ms. */
const TIME_LIMIT = 20_000;

/**
 * Writes a token, with what belongs to it, as a new version of a secret of Vault's or OpenBao's key-value engine
 * (version 2), and reads it again: it counts as taken when the store gives back the same fingerprint.
 * @throws {GrantkeeperError} `delivery_failed`.
 */
export async function putIntoSecretStore(
  send: Send,
  delivery: Delivery,
  url: string,
  parcel: Parcel,
  token: string,
): Promise<void> {
  const secrets = [parcel.value, token];
  const request = {
    url,
    headers: { "x-vault-token": token, "x-vault-request": "true" },
    timeout: TIME_LIMIT,
    outsideOnly: delivery.addressFrom === "program",
  };
  const write: OutgoingRequest = {
    ...request,
    method: "POST",
    headers: { ...request.headers, "content-type": "application/json" },
    body: JSON.stringify({ data: parcel.document }),
  };
  answered(await send(write), delivery, url, secrets);
  const read = answered(await send({ ...request, method: "GET", body: null }), delivery, url, secrets);
  if (fingerprintIn(read) === parcel.fingerprint) return;
  throw deliveryFailed(
    `${new URL(url).host} took the token of the delivery ${delivery.name}, but does not hold it now.`,
    "Give the whole address of a secret of a key-value engine, version 2, as https://vault.example.com:8200/v1/secret/data/recorder.",
  );
}

/** Of the version that the store gives out now; null where there is none. */
function fingerprintIn(body: string): unknown {
  try {
    const answer = JSON.parse(body) as { data?: { data?: { fingerprint?: unknown } } } | null;
    return answer?.data?.data?.fingerprint ?? null;
  } catch {
    return null;
  }
}
