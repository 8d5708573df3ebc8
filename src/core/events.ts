/**
 * Everything that is written to the event table: the audit, and the feed of changes. Past tense, and
 * written in the transaction that makes it true. `docs/events.md` is held against this list.
 */
export const EVENT_TYPES = {
  integration_added: "a client registration was added",
  integration_updated: "a client registration was changed",
  integration_removed: "a client registration was forgotten",
  integration_rejected: "the provider refuses the integration itself; its grants are held, none is dead",
  integration_recovered: "the provider accepts the integration again",
  authorization_started: "an authorization address was made",
  authorization_ended: "an authorization ended without a token: denied, refused, cancelled or out of time",
  granted: "an authorization code was exchanged for tokens",
  imported: "tokens obtained elsewhere were taken over",
  account_changed: "another account than before consented to this grant",
  refreshed: "the token set was replaced",
  refresh_failing: "a refresh did not succeed; it will be tried again",
  recovered: "refreshing works again after failures",
  outcome_unknown: "a refresh was sent and its answer was lost: the refresh token may be spent",
  suspect: "the provider rejected the refresh token; it is being confirmed",
  verdict_held:
    "the refresh token was rejected often enough, but so were those of other grants at the same time: it looks like an outage of the provider, and nothing is declared dead yet",
  reauthorization_required: "the grant is dead: a person has to consent again",
  postmortem_refused: "the refresh token of a dead grant was tried once more, in vain",
  token_set_spooled:
    "the store could not take delivered tokens: they waited, sealed and on disk, in the spool, and are saved now",
  clock_skewed: "the provider's clock and ours are more than a minute apart",
  clock_set_back: "the clock of this machine was set back: what was counted on it is refreshed early",
  provider_failing: "a provider fails for everybody: refreshes wait, one at a time probes it",
  provider_recovered: "a provider that failed for everybody answers again",
  store_copied: "the store is a copy or was restored: every grant is held until it is resumed",
  token_set_parked:
    "tokens came from the provider after another writer had replaced the grant; kept beside it",
  token_handed_out: "a consumer was given this generation's access token for the first time",
  refresh_token_revealed: "a person was shown the refresh token",
  suspended: "the grant is held",
  resumed: "the grant is released",
  revoked: "the grant was ended",
  revocation_delivered:
    "the provider, which could not be told at once, has been told that the grant was ended",
  revocation_dropped:
    "the provider is not told any more that the grant was ended: it refused, the token ended by itself, or a new consent took its place",
  removed: "the grant was forgotten",
  data_source_added: "an outside system that is supplied with a grant's tokens was added",
  data_source_removed: "an outside system is supplied no more: it was forgotten, with its deliveries",
  delivery_added: "a place was added where a data source's token is put",
  delivery_removed: "a place where a data source's token was put was forgotten",
  delivered: "a token was put into the place of a delivery, and that place took it",
  delivery_failing: "the place of a delivery did not take the token; it will be tried again",
  api_key_created: "a consumer's key was made",
  api_key_revoked: "a consumer's key was revoked",
  sign_in_link_made: "a link was made by which a person can sign in to the console, once",
  signed_in: "a person signed in to the console",
  signed_out: "a person signed out of the console",
} as const satisfies Record<string, string>;

/** The name of an event. */
export type EventType = keyof typeof EVENT_TYPES;

/** Facts that go with an event: flat, small, and never a secret. */
export type EventData = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

/** An event before the store has numbered it. */
export interface EventDraft {
  readonly type: EventType;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Who did it: `command_line:<user>`, `keeper`, later a key's id. */
  readonly actor: string;
  readonly grantId: string | null;
  /** Kept in words, since the grant may be removed while its history stays. */
  readonly grant: string | null;
  readonly integration: string | null;
  readonly generation: number | null;
  readonly data: EventData;
}

/** An event as programs see it. */
export function eventDocument(event: Event) {
  return {
    id: event.seq,
    at: new Date(event.at).toISOString(),
    type: event.type,
    actor: event.actor,
    grant: event.grant,
    integration: event.integration,
    generation: event.generation,
    data: event.data,
  };
}

/** A stored event; `seq` orders them, whatever the clock did. */
export interface Event extends EventDraft {
  readonly seq: number;
}
