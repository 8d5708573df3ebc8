/** Data sources and their deliveries: how they are kept, and how a token is put into its place. */
import type { DataSource, Delivery, DeliveryStanding, Parcel } from "../core/delivery.ts";
import type { EventDraft } from "../core/events.ts";

/** What of a delivery an attempt may change. */
export type DeliveryChange = Partial<
  Pick<
    Delivery,
    | "deliveredFingerprint"
    | "deliveredGeneration"
    | "deliveredAt"
    | "attempts"
    | "nextAttemptAt"
    | "lastError"
  >
>;

/** Data sources and deliveries. */
export interface DeliveryStore {
  /** @throws {GrantkeeperError} `conflict` where the name is taken. */
  readonly addDataSource: (source: DataSource, event: EventDraft) => Promise<void>;
  /** Null where there is none. */
  readonly dataSource: (name: string) => Promise<DataSource | null>;
  /** All, ordered by name. */
  readonly dataSources: () => Promise<DataSource[]>;
  /** Forgets it, with its deliveries. */
  readonly removeDataSource: (name: string, event: EventDraft) => Promise<void>;
  /** @throws {GrantkeeperError} `conflict` where the name is taken. */
  readonly addDelivery: (delivery: Delivery, event: EventDraft) => Promise<void>;
  /** Null where there is none. */
  readonly delivery: (name: string) => Promise<DeliveryStanding | null>;
  /** All, ordered by name. */
  readonly deliveries: () => Promise<DeliveryStanding[]>;
  readonly removeDelivery: (name: string, event: EventDraft) => Promise<void>;
  /** Those whose place should have another token than it took, that may be tried now, the one that waits longest first. */
  readonly dueDeliveries: (now: number, limit: number) => Promise<DeliveryStanding[]>;
  /** The right to the next attempt: false where another keeper has taken it. Nobody else tries before `until`. */
  readonly claimDelivery: (delivery: Delivery, until: number) => Promise<boolean>;
  /** Writes down what came of an attempt, while nobody has claimed the next; false, and nothing, where somebody has. */
  readonly settleDelivery: (
    id: string,
    fence: number,
    change: DeliveryChange,
    events: readonly EventDraft[],
  ) => Promise<boolean>;
}

/**
 * Puts a token into a place, and resolves when the place has taken it.
 * @throws {GrantkeeperError} `delivery_failed`, and what to do; never with the token or the secret in it.
 */
export type Deliver = (delivery: Delivery, parcel: Parcel, secret: string | null) => Promise<void>;
