import {
  API_KEY_SCOPES,
  type ApiKey,
  type ApiKeyScope,
  hasScope,
  isUsable,
  newApiKeyText,
  UNBOUND_SCOPES,
} from "../core/api-key.ts";
import { GrantkeeperError } from "../core/errors.ts";
import type { EventDraft, EventType } from "../core/events.ts";
import { parseName, quote } from "../core/names.ts";
import { integrationEvent } from "./audit.ts";
import type { Ports } from "./ports.ts";

/** What a person gives to describe a key. */
export interface ApiKeyInput {
  readonly name: string;
  readonly scopes: readonly string[];
  /** Names of the only grants that it is for, one at least; null: all. */
  readonly grants: readonly string[] | null;
  /** Milliseconds from now; null: it does not end by itself. */
  readonly expiresIn: number | null;
}

/** A new key, with its text for the one time that it is shown. */
export interface CreatedApiKey {
  readonly apiKey: ApiKey;
  readonly key: string;
  /** Grants it names that are not there yet. */
  readonly unknownGrants: readonly string[];
}

/**
 * Makes a consumer's key. Its text is in the result and nowhere else.
 * @throws {GrantkeeperError} `invalid_request` for a bad name, scope or narrowing, `conflict` for a taken name.
 */
export async function createApiKey(ports: Ports, input: ApiKeyInput): Promise<CreatedApiKey> {
  const name = parseName("API key", input.name);
  const scopes = parseApiKeyScopes(input.scopes);
  const grants = narrowed(input.grants, scopes);
  // Before the key is kept: what fails afterwards would lose its text, and take its name.
  const known = await Promise.all((grants ?? []).map((grant) => ports.store.grant(grant)));
  const now = ports.clock.now();
  const { id, key } = newApiKeyText(ports.random.bytes);
  const apiKey: ApiKey = {
    id,
    name,
    digest: ports.sealer.digest(key),
    scopes,
    grants,
    createdAt: now,
    expiresAt: input.expiresIn === null ? null : now + input.expiresIn,
    lastUsedAt: null,
    revokedAt: null,
  };
  await ports.store.addApiKey(apiKey, apiKeyEvent(ports, "api_key_created", apiKey));
  return { apiKey, key, unknownGrants: (grants ?? []).filter((_, i) => known[i] === null) };
}

/** All keys, revoked ones too. */
export function listApiKeys(ports: Pick<Ports, "store">): Promise<ApiKey[]> {
  return ports.store.apiKeys();
}

/**
 * Revokes a key, by its id or by the name of one that is not revoked: nobody is served with it any more, in
 * this process at once and in every other within a second.
 * @throws {GrantkeeperError} `not_found`.
 */
export async function revokeApiKey(ports: Ports, idOrName: string): Promise<ApiKey> {
  const keys = await ports.store.apiKeys();
  const found =
    keys.find(({ id }) => id === idOrName) ??
    keys.find(({ name, revokedAt }) => name === idOrName && revokedAt === null);
  if (found === undefined) {
    throw new GrantkeeperError("not_found", `There is no API key ${quote(idOrName)}.`, {
      remedy: "See what there is with: grantkeeper api-key list.",
    });
  }
  if (found.revokedAt !== null) return found;
  const at = ports.clock.now();
  const event = apiKeyEvent(ports, "api_key_revoked", found);
  if (await ports.store.revokeApiKey(found.id, at, event)) return { ...found, revokedAt: at };
  // Somebody else was first: what they wrote is what happened.
  return (await ports.store.apiKey(found.id)) ?? { ...found, revokedAt: at };
}

/** @throws {GrantkeeperError} `invalid_request`, naming what is no scope. */
function parseApiKeyScopes(given: readonly string[]): ApiKeyScope[] {
  const words = [...new Set(given.flatMap((text) => text.split(/[\s,]+/)).filter((word) => word !== ""))];
  const bad = words.find((word) => !Object.hasOwn(API_KEY_SCOPES, word));
  const known = `Scopes: ${Object.keys(API_KEY_SCOPES).join(", ")}.`;
  if (bad !== undefined) throw invalid(`${quote(bad)} is not a scope of API keys.`, known);
  if (words.length === 0) throw invalid("An API key needs at least one scope.", known);
  return words as ApiKeyScope[];
}

function narrowed(grants: readonly string[] | null, scopes: readonly ApiKeyScope[]): string[] | null {
  if (grants === null) return null;
  if (grants.length === 0)
    throw invalid("A key for no grants at all could do nothing.", "Name some, or leave grants out for all.");
  const unbound = UNBOUND_SCOPES.find((scope) => scopes.includes(scope));
  if (unbound !== undefined) {
    throw invalid(
      `A key with the scope ${unbound} cannot be narrowed to grants: the scope reaches beyond them.`,
      "Leave the grants out, or make two keys.",
    );
  }
  return [...new Set(grants.map((grant) => parseName("grant", grant)))].toSorted();
}

function apiKeyEvent(ports: Ports, type: EventType, { id, name, scopes, grants }: ApiKey): EventDraft {
  const data = { api_key: id, name, scopes, grants };
  return { ...integrationEvent(ports, type, name, data), integration: null };
}

function invalid(message: string, remedy: string): GrantkeeperError {
  return new GrantkeeperError("invalid_request", message, { remedy });
}

/** What decides whether something is allowed. */
type Allowing = Pick<ApiKey, "scopes" | "grants" | "expiresAt" | "revokedAt">;

/**
 * Whether a key allows what needs this scope, on this grant where there is one.
 * @throws {GrantkeeperError} `unauthorized` for a key that ended, `forbidden` for one that allows less.
 */
export function authorize(key: Allowing, needed: ApiKeyScope, now: number, grant?: string): void {
  if (!isUsable(key, now)) throw unauthorized();
  if (!hasScope(key, needed)) {
    throw new GrantkeeperError("forbidden", `This needs a key with the scope ${needed}.`, {
      remedy: `Use another key, or make one with: grantkeeper api-key create NAME --scope ${needed}.`,
    });
  }
  if (grant !== undefined && key.grants !== null && !key.grants.includes(grant)) {
    throw new GrantkeeperError("forbidden", "This key is for other grants.", {
      remedy: "Use a key for this grant, or one that is not narrowed to grants.",
    });
  }
}

/** The one answer to every key that does not count, whatever is wrong with it. */
export function unauthorized(): GrantkeeperError {
  return new GrantkeeperError("unauthorized", "No valid API key was shown.", {
    remedy: "Send Authorization: Bearer gk_…; make a key with: grantkeeper api-key create NAME --scope S.",
  });
}
