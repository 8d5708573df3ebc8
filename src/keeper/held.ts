import { GrantkeeperError } from "../core/errors.ts";
import type { Grant } from "../core/grant.ts";

/** Why nothing is done for a suspended grant, and what releases it. */
export function heldError({ name, suspension }: Grant): GrantkeeperError {
  const why =
    suspension?.reason === "copied_store"
      ? `The grant ${name} is held because this store is a copy`
      : suspension?.reason === "restored_store"
        ? `The grant ${name} is held because this store was restored from an older state`
        : `The grant ${name} is suspended`;
  return new GrantkeeperError("suspended", `${why}: nothing is sent and no token handed out.`, {
    remedy: `Release it with: grantkeeper resume ${name}.`,
  });
}
