import type { Rotation } from "../../src/core/refresh-rules.ts";
import type { Chance } from "./chance.ts";

/** What a provider does to a refresh token when it is used. */
export type Model =
  /** The same one comes back, its life begun anew. */
  | "same"
  /** None comes back; the old one stays good until its own end. */
  | "absent"
  /** A new one comes, the old one stays good. */
  | "rolling"
  /** A new one comes, the old one is good for a little longer. */
  | "grace"
  /** A new one comes; the old one shown again ends the family. */
  | "strict";

export const ROTATION_OF: Readonly<Record<Model, Rotation>> = {
  same: "rolling",
  absent: "rolling",
  rolling: "rolling",
  grace: "grace",
  strict: "strict",
};

/** A provider's habits. Times in ms. */
export interface Habits {
  readonly model: Model;
  readonly grace: number;
  readonly accessLife: number;
  readonly refreshLife: number;
  /** Whether its answers say how long the refresh token lives; otherwise it is an idle limit that is known apart. */
  readonly statesRefreshLife: boolean;
  /** How far its clock is ahead of the right time. */
  readonly skew: number;
  readonly sendsDate: boolean;
}

/** A refresh token, and what has become of it. Times are true times. */
export interface RefreshRecord {
  readonly value: string;
  readonly family: Family;
  /** Counts up within the family. */
  readonly number: number;
  expiresAt: number;
  consumedAt: number | null;
  deliveredAt: number | null;
  /** Whose hands it reached last. */
  deliveredTo: string | null;
}

/** One consent and all that came of it. */
export interface Family {
  readonly grant: string;
  /** Counts up with each consent to a grant. */
  readonly number: number;
  readonly tokens: RefreshRecord[];
  /** Why nothing of it is good any more. */
  ended: "administrator" | "reuse" | null;
  endedAt: number | null;
}

/** An entry of the ledger. It only grows. */
export interface LedgerEntry {
  readonly at: number;
  readonly kind:
    | "consented"
    | "minted"
    | "presented"
    | "accepted"
    | "refused"
    | "delivered"
    | "lost"
    | "ended";
  readonly token: string;
}

export interface Minted {
  readonly body: string;
  /** The refresh token that is good from now on, whether or not the answer names it. */
  readonly refresh: RefreshRecord;
  readonly accessToken: string;
}

/** Why a refresh token is worth nothing. */
export type Worth = "good" | "unknown" | "ended" | "expired" | "consumed";

/** A provider that keeps a ledger of every token it minted, was shown, and ended: what is true is asked of it. */
export interface Witness {
  readonly id: string;
  readonly habits: Habits;
  readonly ledger: LedgerEntry[];
  readonly consent: (grant: string, now: number) => Minted;
  /** Deals with a refresh: tokens, or null for `invalid_grant`. */
  readonly refresh: (token: string, now: number) => Minted | null;
  readonly worth: (token: string, now: number) => Worth;
  readonly find: (token: string) => RefreshRecord | undefined;
  /** When an access token ends, on the true clock. */
  readonly endOfAccess: (token: string) => number | undefined;
  readonly familiesOf: (grant: string) => readonly Family[];
  readonly end: (family: Family, why: "administrator" | "reuse", now: number) => void;
  readonly write: (kind: LedgerEntry["kind"], token: string, now: number) => void;
}

/** Every token of the simulation begins like this, so that it is seen where it should not be. */
export const CANARY = "SIMULATED-TOKEN";

export function createWitness(id: string, habits: Habits, chance: Chance): Witness {
  const { model, grace, accessLife, refreshLife } = habits;
  const refreshTokens = new Map<string, RefreshRecord>();
  const accessEnds = new Map<string, number>();
  const families = new Map<string, Family[]>();
  const ledger: LedgerEntry[] = [];
  let counter = 0;

  const write = (kind: LedgerEntry["kind"], token: string, now: number): void => {
    ledger.push({ at: now, kind, token });
  };

  const mintRefresh = (family: Family, now: number): RefreshRecord => {
    const number = family.tokens.length + 1;
    const value = `${CANARY}-refresh-${id}-${family.grant}-${family.number}-${number}`;
    const expiresAt = now + refreshLife;
    const record: RefreshRecord = {
      value,
      family,
      number,
      expiresAt,
      consumedAt: null,
      deliveredAt: null,
      deliveredTo: null,
    };
    family.tokens.push(record);
    refreshTokens.set(value, record);
    write("minted", value, now);
    return record;
  };

  const answer = (refresh: RefreshRecord, isNamed: boolean, now: number): Minted => {
    const accessToken = `${CANARY}-access-${id}-${refresh.family.grant}-${++counter}`;
    accessEnds.set(accessToken, now + accessLife);
    const body = JSON.stringify({
      access_token: accessToken,
      expires_in: Math.floor(accessLife / 1000),
      token_type: "Bearer",
      ...(isNamed && { refresh_token: refresh.value }),
      ...(habits.statesRefreshLife && {
        refresh_token_expires_in: Math.floor((refresh.expiresAt - now) / 1000),
      }),
    });
    return { body, refresh, accessToken };
  };

  const end: Witness["end"] = (family, why, now) => {
    if (family.ended !== null) return;
    family.ended = why;
    family.endedAt = now;
    write("ended", family.tokens.at(-1)?.value ?? "", now);
  };

  const worth = (token: string, now: number): Worth => {
    const record = refreshTokens.get(token);
    if (record === undefined) return "unknown";
    if (record.family.ended !== null) return "ended";
    if (record.consumedAt !== null) {
      if (model === "strict") return "consumed";
      if (model === "grace" && now > record.consumedAt + grace) return "consumed";
    }
    return now >= record.expiresAt ? "expired" : "good";
  };

  return {
    id,
    habits,
    ledger,
    write,
    end,
    worth,
    find: (token) => refreshTokens.get(token),
    endOfAccess: (token) => accessEnds.get(token),
    familiesOf: (grant) => families.get(grant) ?? [],
    consent: (grant, now) => {
      const known = families.get(grant) ?? [];
      const family: Family = { grant, number: known.length + 1, tokens: [], ended: null, endedAt: null };
      families.set(grant, [...known, family]);
      write("consented", grant, now);
      return answer(mintRefresh(family, now), true, now);
    },
    refresh: (token, now) => {
      write("presented", token, now);
      const record = refreshTokens.get(token);
      const value = worth(token, now);
      if (record === undefined || value !== "good") {
        if (record !== undefined && value === "consumed") end(record.family, "reuse", now);
        write("refused", token, now);
        return null;
      }
      write("accepted", token, now);
      record.consumedAt ??= model === "strict" || model === "grace" ? now : null;
      if (model === "absent") return answer(record, false, now);
      if (model === "same") {
        record.expiresAt = now + refreshLife;
        return answer(record, chance.happens(0.9), now);
      }
      return answer(mintRefresh(record.family, now), true, now);
    },
  };
}
