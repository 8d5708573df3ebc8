/** The store as the keeper needs it: one interface for each kind of thing it keeps. */
import type { ApiKey } from "../core/api-key.ts";
import type { AuthorizationRequest } from "../core/authorization-request.ts";
import type { Event, EventDraft } from "../core/events.ts";
import type { Grant, GrantChange, GrantStanding, GrantState } from "../core/grant.ts";
import type { Incident, Integration } from "../core/integration.ts";
import type { Sealed } from "../core/sealed.ts";
import type { Session, SignInLink } from "../core/session.ts";
import type { Change } from "./change-feed.ts";
import type { DeliveryStore } from "./delivery-ports.ts";

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
  /** What the same answer says of the integration; written only with the rest. */
  readonly incident?: IncidentWrite;
}

/** Begins, updates (`incident`) or ends (null) an integration's incident. */
export interface IncidentWrite {
  readonly integrationId: string;
  readonly incident: Incident | null;
  readonly events: readonly EventDraft[];
}

export interface Claim {
  readonly id: string;
  readonly owner: string;
  /** Wall clock: when this attempt is made. The lease itself is on the database's clock. */
  readonly now: number;
  /** Milliseconds. */
  readonly lease: number;
  /** The row as it was when it was decided to send: anything that was claimed since makes the claim void. */
  readonly generation: number;
  readonly fence: number;
  /** An owner known to have ended: its lease may be taken over before it runs out. */
  readonly takeOverFrom: string | null;
  /** When the grant is due again if the holder is never heard of; null: as it is. */
  readonly dueAgainAt: number | null;
  /** Written only where the claim is granted. */
  readonly events: readonly EventDraft[];
  /** The row as the caller has it: then the result is made of it, and the database need not send it again. */
  readonly seen?: Grant;
}

/** What is asked of the due grants. */
export interface DueQuery {
  readonly now: number;
  readonly limit: number;
  /** Integrations whose grants are not to be refreshed now. */
  readonly except: readonly string[];
}

/** A long-lived keeper on this store, as its heartbeat shows it. */
export interface KeeperBeat {
  /** The owner of its leases. */
  readonly id: string;
  readonly startedAt: number;
  /** Wall clock of the keeper. */
  readonly now: number;
}

/** What a heartbeat learns. */
export interface Pulse {
  /** Keepers whose heart beat within the last minute, by the database's clock, in the order of their ids. */
  readonly keepers: readonly string[];
  /** The wall clock that the heartbeat before this one wrote, whoever's; 0 where there was none. */
  readonly latest: number;
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

/** How often a consumer was handed a generation since this was last written down. */
export interface HandOutCount {
  readonly grantId: string;
  readonly generation: number;
  readonly consumer: string;
  readonly times: number;
  /** The last of them. */
  readonly at: number;
}

/** How everything stands, in a few numbers; times are epoch ms, of active grants, null where there is none. */
export interface StoreSummary {
  readonly states: Readonly<Record<GrantState, number>>;
  readonly firstAccessEnd: number | null;
  readonly firstRefreshEnd: number | null;
  /** When the grant was due that is due longest and that nobody is refreshing. */
  readonly firstDueAt: number | null;
  /** Active grants whose last refresh brought no token. */
  readonly failing: number;
  /** Integrations that their provider refuses. */
  readonly incidents: number;
}

/** What is written down of one consumer and one generation; times are epoch ms. */
export interface HandOutRecord {
  readonly generation: number;
  readonly consumer: string;
  readonly times: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

/** Which events a page of them is made of. */
export interface EventPageQuery {
  readonly after: number;
  readonly upTo: number;
  /** Null: all. */
  readonly types: readonly string[] | null;
  /** Names of grants; null: all, and events of none. */
  readonly grants: readonly string[] | null;
  readonly limit: number;
  /** The newest of them, newest first; else the oldest, oldest first. */
  readonly newestFirst?: boolean;
}

/** Which grants a page of them is made of. */
export interface GrantPageQuery {
  readonly state: GrantState | null;
  /** Only those whose refresh token ends before this time. */
  readonly endsBefore: number | null;
  /** Only these names; null: all. */
  readonly names: readonly string[] | null;
  /** The name that the page before ended with; null: from the start. */
  readonly after: string | null;
  readonly limit: number;
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
  readonly setIncident: (write: IncidentWrite) => Promise<void>;
  /** The right to the one probe of an incident in this interval: false where another has just taken it. */
  readonly claimProbe: (id: string, incident: Incident, now: number) => Promise<boolean>;
  /** @throws {GrantkeeperError} `conflict` where grants still hang on it. */
  readonly removeIntegration: (id: string, event: EventDraft) => Promise<void>;
}

/** Grants, their leases, and who was handed their tokens. */
export interface GrantStore {
  readonly grant: (name: string) => Promise<Grant | null>;
  readonly grantById: (id: string) => Promise<Grant | null>;
  /** All, ordered by name. */
  readonly grants: () => Promise<Grant[]>;
  /** Some, ordered by name. */
  readonly grantPage: (query: GrantPageQuery) => Promise<Grant[]>;
  /** How everything stands, in numbers. */
  readonly summary: () => Promise<StoreSummary>;
  /** How all stand, ordered by name. */
  readonly standings: () => Promise<GrantStanding[]>;
  /** @throws {GrantkeeperError} `conflict` where the name is taken. */
  readonly addGrant: (grant: Grant, events: readonly EventDraft[]) => Promise<void>;
  /**
   * Null, and nothing written, where the expectation does not hold. `seen` is the row as the caller has it,
   * under whose lease the write is made: then the result is made of it.
   */
  readonly changeGrant: (write: GrantWrite, seen?: Grant) => Promise<Grant | null>;
  /** Forgets a grant: its row, parked token sets, requests and hand-outs. Its events stay. */
  readonly removeGrant: (id: string, event: EventDraft) => Promise<void>;

  /**
   * The claim: one durable update that takes the lease (fence + 1) and writes down that this grant's
   * refresh token is about to be sent (`presentations` + 1). Null where someone else holds the lease, or
   * the generation moved, or the grant is held.
   */
  readonly claim: (claim: Claim) => Promise<Grant | null>;
  readonly park: (parked: ParkedTokenSet, event: EventDraft) => Promise<void>;

  /** Grants that are to be refreshed now and that nobody is refreshing, the one that ends first, first. */
  readonly due: (query: DueQuery) => Promise<Grant[]>;
  /**
   * When the next grant is due that nobody is refreshing, of those due later than `after`; null where none
   * ever is. One look at an index.
   */
  readonly nextDueAt: (after?: number) => Promise<number | null>;
  /** Revoked grants whose provider is to be told by now, the one that waits longest first. */
  readonly revoking: (now: number, limit: number) => Promise<Grant[]>;
  /** Grants under a lease, whoever holds it. As many as are in flight. */
  readonly leased: () => Promise<Grant[]>;
  /** How many grants of these integrations turned suspect between two times (inclusive) and still are. */
  readonly countSuspects: (integrations: readonly string[], from: number, to: number) => Promise<number>;
  /**
   * Makes grants of these integrations that fail due now: their provider answers again. Those whose
   * refresh token may be spent are left alone where `sparesDoubtful`. Returns how many.
   */
  readonly hurry: (integrations: readonly string[], now: number, sparesDoubtful: boolean) => Promise<number>;
  /** Makes grants due now that were issued or tried later than `now` says it is: the clock was set back. Returns how many. */
  readonly hurryFromTheFuture: (now: number, event: EventDraft) => Promise<number>;
  /** True where it was the first of its generation and consumer. Later ones are counted. */
  readonly recordHandOut: (handOut: HandOut) => Promise<boolean>;
  /** Who was handed the tokens of a grant, and how often: the latest generations first, at most a hundred. */
  readonly handOuts: (grantId: string) => Promise<HandOutRecord[]>;
  /** Adds later ones of generations that were handed out before. A power cut may lose the last of them. */
  readonly countHandOuts: (counts: readonly HandOutCount[]) => Promise<void>;
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
  /** The number of the newest event; 0 where there is none. */
  readonly lastEvent: () => Promise<number>;
  /** Some, oldest first where not asked otherwise. */
  readonly eventPage: (query: EventPageQuery) => Promise<Event[]>;
  /** The number up to which no event can appear any more. */
  readonly settledEvent: () => Promise<number>;
  /** What happened after this number, without its facts; newest last. */
  readonly changesAfter: (seq: number, limit: number) => Promise<Change[]>;
  /** Newest last. */
  readonly events: (filter: {
    readonly grantId?: string;
    readonly after?: number;
    readonly limit: number;
  }) => Promise<Event[]>;
}

/** Consumers' keys. */
export interface ApiKeyStore {
  /** @throws {GrantkeeperError} `conflict` where a key that is not revoked has the name. */
  readonly addApiKey: (key: ApiKey, event: EventDraft) => Promise<void>;
  readonly apiKey: (id: string) => Promise<ApiKey | null>;
  /** All, revoked ones too, ordered by name, then by age. */
  readonly apiKeys: () => Promise<ApiKey[]>;
  /** False where it was revoked already; then nothing is written. */
  readonly revokeApiKey: (id: string, at: number, event: EventDraft) => Promise<boolean>;
  /** When keys were last used; a time that is older than the one kept changes nothing. A power cut may lose it. */
  readonly touchApiKeys: (uses: readonly { readonly id: string; readonly at: number }[]) => Promise<void>;
}

/** People at the console. */
export interface SessionStore {
  readonly addSignInLink: (link: SignInLink, event: EventDraft) => Promise<void>;
  /** Marks a link used and returns it; null where there is none that is unused and in time. Only one call gets it. */
  readonly useSignInLink: (digest: string, now: number) => Promise<SignInLink | null>;
  readonly addSession: (session: Session, event: EventDraft) => Promise<void>;
  readonly session: (digest: string) => Promise<Session | null>;
  /** When a session was last used; a time that is older than the one kept changes nothing. A power cut may lose it. */
  readonly touchSession: (id: string, at: number) => Promise<void>;
  /** Where it had ended already, nothing is written. */
  readonly endSession: (id: string, at: number, event: EventDraft) => Promise<void>;
}

/**
 * The store: one durable place for everything. Each method is one transaction, durable when its promise
 * resolves. A method that cannot be carried out throws `GrantkeeperError` `storage_unavailable` and has
 * changed nothing. State and its events are written together.
 */
export interface Store
  extends
    IntegrationStore,
    GrantStore,
    AuthorizationRequestStore,
    EventStore,
    KeeperStore,
    ApiKeyStore,
    SessionStore,
    DeliveryStore {
  readonly close: () => Promise<void>;
}

/** The long-lived keepers of this store. */
export interface KeeperStore {
  readonly beat: (beat: KeeperBeat) => Promise<Pulse>;
  /** The keeper ends in order. */
  readonly leave: (id: string) => Promise<void>;
}
