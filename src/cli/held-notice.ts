import type { HeldStore } from "../keeper/ports.ts";
import { type Io, tell } from "./io.ts";

/** Says, once, that the store turned out to be a copy or a restored one. Nothing where it holds no grant. */
export function heldNotice(io: Io): (found: HeldStore) => void {
  return (found) => {
    if (found.grants > 0) tell(io, `Warning: ${sentence(found)}`);
  };
}

function sentence({ reason, grants, inUseBy }: HeldStore): string {
  const what = reason === "copied_store" ? "is a copy" : "was restored from an older state";
  const held = grants === 1 ? "its grant is held" : `all ${grants} grants are held`;
  const first = `This store ${what}: ${held}, and nothing is sent until you release ${grants === 1 ? "it" : "them"}.`;
  const how = "Run: grantkeeper resume NAME, or, for all that are safe, grantkeeper resume --all.";
  if (inUseBy === null) return `${first} ${how}`;
  const other =
    reason === "copied_store"
      ? `The store it was copied from is in use by process ${inUseBy} on this machine.`
      : `Process ${inUseBy} on this machine works with it.`;
  return `${first} ${other} ${how}`;
}
