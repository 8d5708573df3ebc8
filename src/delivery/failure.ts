import { GrantkeeperError } from "../core/errors.ts";

/** What went wrong at a delivery's place. `message` must hold no secret. */
export function deliveryFailed(message: string, remedy: string, cause?: unknown): GrantkeeperError {
  return new GrantkeeperError("delivery_failed", message, { remedy, cause });
}
