import type { SealContext, Sealed } from "../core/sealed.ts";
import type { Send } from "../oauth/send.ts";
import type { ProviderProfile } from "../providers/profile.ts";
import type { KeeperState } from "./state.ts";
import type { GrantWrite, HandOut, Store } from "./store-ports.ts";

export type * from "./delivery-ports.ts";
export type * from "./store-ports.ts";

/** Everything that a use case may touch outside itself. Made once, in the wiring. */
export interface Ports {
  readonly store: Store;
  readonly spool: Spool;
  readonly sealer: Sealer;
  readonly send: Send;
  readonly clock: Clock;
  readonly random: Random;
  readonly failpoint: Failpoint;
  readonly profile: (id: string) => ProviderProfile;
  /** Who acts, as the audit names it. */
  readonly actor: string;
  /** This process, as the owner of leases. */
  readonly owner: string;
  /** True only where it is certain that a lease's owner no longer runs and so can send nothing more. */
  readonly hasEnded: (owner: string) => boolean;
  /** What this process, as one keeper, remembers; nothing in it is lost with it. */
  readonly state: KeeperState;
}

export interface Clock {
  /** Wall clock, epoch milliseconds. */
  readonly now: () => number;
  /** Milliseconds that never jump; they may stand still while the machine sleeps. */
  readonly monotonic: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Calls `work` after `ms`, unless the returned function is called before. */
  readonly alarm: (ms: number, work: () => void) => () => void;
}

export interface Random {
  /** In [0, 1): jitter. */
  readonly fraction: () => number;
  /** From a cryptographic source: states, verifiers, ids. */
  readonly bytes: (length: number) => Uint8Array;
}

/** Named points of a refresh, so that it can be stopped at each of them. Does nothing in ordinary use. */
export type Failpoint = (name: FailpointName) => void;

/** The points, in the order in which a refresh passes them. */
export const FAILPOINTS = [
  "before_claim",
  "in_claim",
  "claimed",
  "before_send",
  "answered",
  "before_save",
  "in_save",
  "saved",
  "before_spool",
  "spooled",
  "before_hand_out",
] as const;

export type FailpointName = (typeof FAILPOINTS)[number];

/** Seals and opens secrets, and names tokens without revealing them. */
export interface Sealer {
  readonly seal: (plaintext: string, context: SealContext) => Sealed;
  /** @throws {GrantkeeperError} `master_key_unusable`, naming the key id, where the value does not open. */
  readonly open: (sealed: Sealed, context: SealContext) => string;
  /** First 16 hex digits of a keyed hash of a token. */
  readonly fingerprint: (token: string) => string;
  /** Keyed hash of a value that must be found again but not read: an authorization request's state. */
  readonly lookupHash: (value: string) => string;
  /** SHA-256 in hex, under no key: for values of 160 bits and more of chance, which must outlive the master key. */
  readonly digest: (value: string) => string;
}

/** A store that was found to be a copy or a restored one. */
export interface HeldStore {
  readonly reason: "copied_store" | "restored_store";
  /** How many grants are held for it. */
  readonly grants: number;
  /** Process on this machine that certainly is at work on the store this one came from; null where none is known. */
  readonly inUseBy: number | null;
}

/** What a look at the store's identity found; `replaced`: this process is connected to a store that lies there no more. */
export type Standing = "ours" | "held" | "replaced";

/** Whether the store is the one that this process, and its home, know: promise 8 of the contract hangs on it. */
export interface StoreIdentity {
  /** Looks. Where the store is a copy or went back in time, every grant is held when this resolves. */
  readonly confirm: () => Promise<Standing>;
  /**
   * Counts the store's epoch up, where something was sent since it was last counted or it never was, and
   * lets the home remember it: an older state of the store is known by its lower epoch.
   */
  readonly advance: () => Promise<void>;
  /** Before a request leaves: the first one of a process counts. Never throws. */
  readonly beforeSending: () => Promise<void>;
}

/** What waits in the spool: a delivered token set that the store could not take, or who was given its token. */
export type Spooled =
  | { readonly id: string; readonly kind: "save"; readonly write: GrantWrite }
  | { readonly id: string; readonly kind: "hand_out"; readonly handOut: HandOut };

/** Where a delivered token set waits, sealed and fsynced, while the store cannot take it. */
export interface Spool {
  /** Makes room beforehand, so that a disk that fills up later still takes what is delivered. Never throws. */
  readonly prepare: () => void;
  /** On disk when it resolves. */
  readonly put: (item: Spooled) => Promise<void>;
  /** Oldest first. What does not open is left out, and stays. */
  readonly waiting: () => Promise<Spooled[]>;
  readonly remove: (id: string) => Promise<void>;
}
