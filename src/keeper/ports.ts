import type { AuthorizationRequest } from "../core/authorization-request.ts";
import type { Event, EventDraft } from "../core/events.ts";
import type { Grant, GrantChange, GrantStanding } from "../core/grant.ts";
import type { Incident, Integration } from "../core/integration.ts";
import type { SealContext, Sealed } from "../core/sealed.ts";
import type { Send } from "../oauth/send.ts";
import type { ProviderProfile } from "../providers/profile.ts";

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
}

export interface Clock {
  /** Wall clock, epoch milliseconds. */
  readonly now: () => number;
  /** Milliseconds that never jump; they may stand still while the machine sleeps. */
  readonly monotonic: () => number;
  readonly sleep: (ms: number) => Promise<void>;
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
  "claimed",
  "before_send",
  "answered",
  "before_save",
  "in_save",
  "saved",
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
}

/** What must be true of a grant's row for a write to take place. */
export interface GrantExpectation {
  readonly generation: number;
  /** Given: the write is made under a lease, and a newer holder's claim makes it void. */
  readonly leaseFence?: number;
}

export interface GrantWrite {
  readonly id: string;
  readonly expect: GrantExpectation;
  readonly change: GrantChange;
  readonly events: readonly EventDraft[];
  /** Ends every lease: what its holder brings afterwards is parked. For a new consent, and for ending a grant. */
  readonly fenceOut?: boolean;
}

export interface Claim {
  readonly id: string;
  readonly owner: string;
  readonly now: number;
  /** Milliseconds. */
  readonly lease: number;
  readonly generation: number;
  /** An owner known to have ended: its lease may be taken over before it runs out. */
  readonly takeOverFrom: string | null;
}

/** A token set that came too late to be the grant's own. Kept sealed, for a person to look at. */
export interface ParkedTokenSet {
  readonly id: string;
  readonly grantId: string;
  readonly tokens: Sealed;
  readonly reason: string;
  readonly at: number;
}

export interface HandOut {
  readonly grantId: string;
  readonly generation: number;
  readonly consumer: string;
  readonly at: number;
  /** Written, durably, when this generation goes to this consumer for the first time. */
  readonly firstEvent: EventDraft;
}

/** Client registrations. */
export interface IntegrationStore {
  readonly integration: (name: string) => Promise<Integration | null>;
  readonly integrationById: (id: string) => Promise<Integration | null>;
  readonly integrations: () => Promise<Integration[]>;
  /** @throws {GrantkeeperError} `conflict` where the name is taken. */
  readonly addIntegration: (integration: Integration, event: EventDraft) => Promise<void>;
  /** Null where another change came first (`generation` moved). */
  readonly changeIntegration: (
    integration: Integration,
    events: readonly EventDraft[],
  ) => Promise<Integration | null>;
  /** Begins, updates or ends an integration's incident; no change of the registration itself. */
  readonly setIncident: (
    id: string,
    incident: Incident | null,
    events: readonly EventDraft[],
  ) => Promise<void>;
  /** @throws {GrantkeeperError} `conflict` where grants still hang on it. */
  readonly removeIntegration: (id: string, event: EventDraft) => Promise<void>;
}

/** Grants, their leases, and who was handed their tokens. */
export interface GrantStore {
  readonly grant: (name: string) => Promise<Grant | null>;
  readonly grantById: (id: string) => Promise<Grant | null>;
  /** All, ordered by name. */
  readonly grants: () => Promise<Grant[]>;
  /** How all stand, ordered by name. */
  readonly standings: () => Promise<GrantStanding[]>;
  /** @throws {GrantkeeperError} `conflict` where the name is taken. */
  readonly addGrant: (grant: Grant, events: readonly EventDraft[]) => Promise<void>;
  /** Null, and nothing written, where the expectation does not hold. */
  readonly changeGrant: (write: GrantWrite) => Promise<Grant | null>;
  /** Forgets a grant: its row, parked token sets, requests and hand-outs. Its events stay. */
  readonly removeGrant: (id: string, event: EventDraft) => Promise<void>;

  /**
   * The claim: one durable update that takes the lease (fence + 1) and writes down that this grant's
   * refresh token is about to be sent (`presentations` + 1). Null where someone else holds the lease, or
   * the generation moved, or the grant is held.
   */
  readonly claim: (claim: Claim) => Promise<Grant | null>;
  readonly park: (parked: ParkedTokenSet, event: EventDraft) => Promise<void>;
  /** True where it was the first of its generation and consumer. Later ones are counted. */
  readonly recordHandOut: (handOut: HandOut) => Promise<boolean>;
}

/** Authorizations that were begun. */
export interface AuthorizationRequestStore {
  readonly addAuthorizationRequest: (
    request: AuthorizationRequest,
    pending: Grant | null,
    event: EventDraft,
  ) => Promise<void>;
  readonly authorizationRequest: (stateHash: string) => Promise<AuthorizationRequest | null>;
  /** Marks a request used and returns it as it was before; null where there is none. Only the first call sees `usedAt` null. */
  readonly useAuthorizationRequest: (stateHash: string, now: number) => Promise<AuthorizationRequest | null>;
  /** Requests of a grant that are neither used nor expired, newest first. */
  readonly openAuthorizationRequests: (grant: string, now: number) => Promise<AuthorizationRequest[]>;
}

/** The audit. */
export interface EventStore {
  readonly record: (event: EventDraft) => Promise<void>;
  /** Newest last. */
  readonly events: (filter: {
    readonly grantId?: string;
    readonly after?: number;
    readonly limit: number;
  }) => Promise<Event[]>;
}

/**
 * The store: one durable place for everything. Each method is one transaction, durable when its promise
 * resolves. A method that cannot be carried out throws `GrantkeeperError` `storage_unavailable` and has
 * changed nothing. State and its events are written together.
 */
export interface Store extends IntegrationStore, GrantStore, AuthorizationRequestStore, EventStore {
  readonly close: () => Promise<void>;
}

/** What waits in the spool: a delivered token set that the store could not take. */
export interface SpooledSave {
  readonly id: string;
  readonly write: GrantWrite;
}

/** Where a delivered token set waits, sealed and fsynced, while the store cannot take it. */
export interface Spool {
  readonly put: (save: SpooledSave) => Promise<void>;
  readonly waiting: () => Promise<SpooledSave[]>;
  readonly remove: (id: string) => Promise<void>;
}
