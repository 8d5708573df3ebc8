import { boundedLog, type BoundedLog } from "./bounded-log.ts";
import { hex, mask, uuid, type Random } from "./credentials.ts";
import type {
  Behaviour,
  Credential,
  EmulatorUser,
  LedgerEntry,
  LedgerKind,
  RegisteredClient,
  Verdict,
} from "./types.ts";

/** A user and what is bound to him. */
export interface Account {
  readonly user: EmulatorUser;
  readonly grants: Set<Grant>;
  /** Oldest first. Some may have expired unnoticed. */
  readonly accessTokens: Set<AccessToken>;
}

/** One consent of one user to one integration, and all the tokens that descend from it. */
export interface Grant {
  readonly id: string;
  readonly client: RegisteredClient;
  readonly account: Account;
  readonly scopes: ReadonlySet<string>;
  readonly createdAt: number;
  readonly accessTokens: Set<AccessToken>;
  /** The newest ones, and when they were made. */
  refreshToken: RefreshToken | undefined;
  accessToken: AccessToken | undefined;
  refreshedAt: number;
  /** Why it ended. */
  ended: string | undefined;
}

export interface AccessToken {
  readonly value: string;
  readonly grant: Grant;
  readonly expiresAt: number;
  /** Why it ended before its grant did. */
  ended: string | undefined;
}

export interface RefreshToken {
  readonly value: string;
  readonly grant: Grant;
  expiresAt: number;
  /** Set when another one took its place: until when it is still answered. */
  toleratedUntil: number | undefined;
}

/** A PKCE challenge (RFC 7636, section 4.2). */
export interface Challenge {
  readonly value: string;
  readonly method: "S256" | "plain";
}

export interface Code {
  readonly value: string;
  readonly client: RegisteredClient;
  readonly account: Account;
  readonly scopes: readonly string[];
  readonly target: RedirectTarget;
  readonly expiresAt: number;
  /** The grant that it was exchanged for. */
  grant: Grant | undefined;
}

/** A device authorization (RFC 8628). */
export interface Device {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly completeCode: string;
  readonly client: RegisteredClient;
  readonly scopes: readonly string[];
  readonly expiresAt: number;
  polledAt: number | undefined;
  decision: Account | "denied" | "used" | undefined;
}

/** What the person at the pages is being asked: a request that came by redirect, or by a device. */
export interface Question {
  readonly ticket: string;
  readonly client: RegisteredClient;
  readonly scopes: readonly string[];
  readonly expiresAt: number;
  readonly loginHint: string;
  readonly answerTo: RedirectTarget | Device;
}

/** Where a decision is carried back to, and what the code is bound to. */
export interface RedirectTarget {
  readonly redirectUri: string;
  /** Whether the request named it: the exchange must repeat it then (RFC 6749, section 4.1.3). */
  readonly isNamed: boolean;
  readonly state: string | undefined;
  readonly challenge: Challenge | undefined;
}

type StoredEntry = Omit<LedgerEntry, "masked">;

/** Everything the emulated provider knows. Handlers change it, and nothing else does. */
export interface World {
  behaviour: Behaviour;
  /** Scheme, host and port that the pages and the device flow name. */
  origin: string;
  readonly now: () => number;
  readonly random: Random;
  readonly clients: Map<string, RegisteredClient>;
  /** By lower-case e-mail address; the first is who approves where nobody is named. */
  readonly accounts: Map<string, Account>;
  readonly grants: Map<string, Grant>;
  readonly codes: Map<string, Code>;
  readonly accessTokens: Map<string, AccessToken>;
  readonly refreshTokens: Map<string, RefreshToken>;
  readonly devices: Map<string, Device>;
  /** By user code and by the longer code of the complete address. */
  readonly devicesByUserCode: Map<string, Device>;
  readonly questions: Map<string, Question>;
  readonly ledger: BoundedLog<StoredEntry>;
}

const defaultOrg = "6a7d4f0e-2b51-4c8a-9d0e-5f1b7c3a9e21";

/** A full administrator and a user without roles, of one organisation. */
export const defaultUsers: readonly EmulatorUser[] = [
  {
    id: "0c1e5a72-7f39-4b6d-8a40-1d2e3f4a5b6c",
    email: "admin@example.com",
    displayName: "Ada Administrator",
    orgId: defaultOrg,
    roles: ["full_admin"],
  },
  {
    id: "9b8a7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d",
    email: "user@example.com",
    displayName: "Uma User",
    orgId: defaultOrg,
    roles: [],
  },
];

/** A world in which nothing has happened yet. */
export function createWorld(given: {
  behaviour: Behaviour;
  users: readonly EmulatorUser[];
  now: () => number;
  random: Random;
  ledgerLimit: number;
}): World {
  return {
    behaviour: given.behaviour,
    origin: "",
    now: given.now,
    random: given.random,
    clients: new Map(),
    accounts: new Map(
      given.users.map((user) => [
        user.email.toLowerCase(),
        { user, grants: new Set(), accessTokens: new Set() },
      ]),
    ),
    grants: new Map(),
    codes: new Map(),
    accessTokens: new Map(),
    refreshTokens: new Map(),
    devices: new Map(),
    devicesByUserCode: new Map(),
    questions: new Map(),
    ledger: boundedLog(given.ledgerLimit),
  };
}

/** Scopes of the Webex Meetings recording procedure, and what else a first look needs. */
const defaultScopes = [
  "meeting:admin_participants_read",
  "meeting:admin_recordings_read",
  "meeting:admin_schedule_read",
  "identity:tokens_read",
  "identity:tokens_write",
  "spark:people_read",
  "spark:kms",
];

/** Registers an integration, making up what is not given. A redirect URI that is none is a `TypeError`. */
export function registerClient(world: World, given: Partial<RegisteredClient>): RegisteredClient {
  const client = {
    clientId: given.clientId ?? `C${hex(world.random, 32)}`,
    clientSecret: given.clientSecret ?? hex(world.random, 32),
    redirectUris: given.redirectUris ?? ["http://127.0.0.1:8700/oauth/callback"],
    scopes: given.scopes ?? defaultScopes,
    name: given.name ?? "Meetings capture",
  };
  for (const uri of client.redirectUris) {
    if (!URL.canParse(uri) || uri.includes("#"))
      throw new TypeError(`"${uri}" cannot be a redirect URI: it must be absolute and without a fragment.`);
  }
  world.clients.set(client.clientId, client);
  return client;
}

/** The account of an e-mail address; without one, the first account. */
export function findAccount(world: World, email: string | undefined): Account | undefined {
  if (email !== undefined) return world.accounts.get(email.trim().toLowerCase());
  const [first] = world.accounts.values();
  return first;
}

/** What a ledger line is about. */
interface Subject {
  readonly value: string;
  readonly grant?: Grant | undefined;
  readonly client?: RegisteredClient;
  readonly account?: Account;
}

/** Writes a ledger line. */
export function note(
  world: World,
  kind: LedgerKind,
  credential: Credential,
  subject: Subject,
  details: { verdict?: Verdict; reason?: string; expiresAt?: number } = {},
): void {
  const { grant } = subject;
  world.ledger.push({
    seq: world.ledger.total() + 1,
    at: world.now(),
    kind,
    credential,
    value: subject.value,
    clientId: (subject.client ?? grant?.client)?.clientId ?? null,
    user: (subject.account ?? grant?.account)?.user.email ?? null,
    grantId: grant?.id ?? null,
    verdict: details.verdict ?? null,
    reason: details.reason ?? null,
    expiresAt: details.expiresAt ?? null,
  });
}

/** The ledger with masks added, oldest first. */
export function readLedger(world: World): LedgerEntry[] {
  return world.ledger.entries().map((entry) => ({ ...entry, masked: mask(entry.value) }));
}

/** A one-time ticket, or any other id that is not shown to people. */
export function newId(world: World): string {
  return uuid(world.random);
}
