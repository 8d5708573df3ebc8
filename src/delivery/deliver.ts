import { renderParcel } from "../core/delivery.ts";
import type { Clock, Deliver } from "../keeper/ports.ts";
import type { Send } from "../oauth/send.ts";
import { runCommand } from "./command.ts";
import { writeTokenFile } from "./file.ts";
import { putIntoSecretStore } from "./secret-store.ts";
import { postToWebhook } from "./webhook.ts";

/** What the places are reached with. */
export interface Ways {
  readonly send: Send;
  readonly clock: Pick<Clock, "now">;
  /** What a command is to see of the environment, secrets left out. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Every kind of place, behind the one port. */
export function createDeliver({ send, clock, env }: Ways): Deliver {
  return async (delivery, parcel, secret) => {
    const { target, format } = delivery;
    switch (target.kind) {
      case "file":
        return writeTokenFile(target, renderParcel(parcel, format));
      case "command":
        return runCommand(target, delivery, parcel, env);
      case "webhook":
        return postToWebhook({ send, clock }, delivery, target.url, parcel, secret ?? "");
      case "secret_store":
        return putIntoSecretStore(send, delivery, target.url, parcel, secret ?? "");
    }
  };
}
