import { GrantkeeperError } from "../core/errors.ts";
import { instant } from "../core/grant.ts";
import { type BaseUrlSource, DEFAULT_REDIRECT_URI, type Integration } from "../core/integration.ts";
import { parseName, quote } from "../core/names.ts";
import { isScopeToken, parseScopes } from "../core/scopes.ts";
import { parseBaseUrl, parseRedirectUri } from "../oauth/addresses.ts";
import type { ProviderProfile } from "../providers/profile.ts";
import { integrationEvent } from "./audit.ts";
import { findIntegration } from "./find.ts";
import type { Ports } from "./ports.ts";
import { newId } from "./ids.ts";
import { openClient, placeOfClientSecret } from "./secrets.ts";

/** What a person gives to describe a client registration; undefined means not given. */
export interface IntegrationInput {
  readonly clientId?: string | undefined;
  readonly clientSecret?: string | undefined;
  readonly redirectUri?: string | undefined;
  readonly scope?: string | undefined;
  readonly preset?: string | undefined;
  readonly baseUrl?: string | undefined;
  /** Who gives the base address; an operator where absent. */
  readonly baseUrlFrom?: BaseUrlSource;
  /** Accept scopes that the provider is not known to have. */
  readonly allowUnknownScopes?: boolean | undefined;
}

/** An integration, and what should be said about the values given: odd shapes, trimmed white space. */
export interface KeptIntegration {
  readonly integration: Integration;
  readonly notices: readonly string[];
}

/** Keeps a new client registration. Nothing is sent. */
export async function addIntegration(
  ports: Ports,
  name: string,
  provider: string,
  input: IntegrationInput,
): Promise<KeptIntegration> {
  parseName("integration", name);
  const profile = ports.profile(provider);
  const notices: string[] = [];
  const clientId = checkedClientId(profile, input.clientId ?? "", notices);
  const secret = checkedSecret(profile, input.clientSecret, clientId, notices);
  const id = newId(ports);
  const now = ports.clock.now();
  const integration: Integration = {
    id,
    name,
    provider: profile.id,
    clientId,
    clientSecret: secret === null ? null : ports.sealer.seal(secret, placeOfClientSecret(id, 1)),
    redirectUri: parseRedirectUri(input.redirectUri ?? DEFAULT_REDIRECT_URI),
    scopes: chosenScopes(profile, input) ?? [],
    baseUrl: input.baseUrl === undefined ? null : parseBaseUrl(input.baseUrl),
    baseUrlFrom: input.baseUrlFrom ?? "operator",
    incident: null,
    generation: 1,
    createdAt: now,
    updatedAt: now,
  };
  if (integration.scopes.length === 0) throw scopesMissing(profile);
  const event = integrationEvent(ports, "integration_added", name, {
    provider: profile.id,
    client_id: clientId,
  });
  await ports.store.addIntegration(integration, event);
  return { integration, notices };
}

/**
 * Changes a client registration; what is not given stays. Its grants go on: the new secret is used from the
 * next request, and an incident is over until the provider says otherwise.
 */
export async function updateIntegration(
  ports: Ports,
  name: string,
  input: IntegrationInput,
): Promise<KeptIntegration> {
  const before = await findIntegration(ports, name);
  const profile = ports.profile(before.provider);
  const notices: string[] = [];
  const clientId =
    input.clientId === undefined ? before.clientId : checkedClientId(profile, input.clientId, notices);
  const given = checkedSecret(profile, input.clientSecret, clientId, notices, false);
  const secret = given ?? openClient(ports.sealer, before).clientSecret;
  const place = placeOfClientSecret(before.id, before.generation + 1);
  const next: Integration = {
    ...before,
    clientId,
    clientSecret: secret === null ? null : ports.sealer.seal(secret, place),
    redirectUri: input.redirectUri === undefined ? before.redirectUri : parseRedirectUri(input.redirectUri),
    scopes: chosenScopes(profile, input) ?? before.scopes,
    baseUrl: input.baseUrl === undefined ? before.baseUrl : parseBaseUrl(input.baseUrl),
    baseUrlFrom: input.baseUrl === undefined ? before.baseUrlFrom : (input.baseUrlFrom ?? "operator"),
    incident: null,
    updatedAt: ports.clock.now(),
  };
  const changed = CHANGEABLE.flatMap(([field, word]) => (input[field] === undefined ? [] : [word]));
  const event = integrationEvent(ports, "integration_updated", name, { changed });
  const saved = await ports.store.changeIntegration(next, [event]);
  ports.state.integrations.delete(before.id);
  if (saved !== null) return { integration: saved, notices };
  throw new GrantkeeperError(
    "conflict",
    `The integration ${name} was changed by someone else at the same moment.`,
    {
      remedy: "Look at it (integration show) and try again.",
    },
  );
}

/** What may change, and what the audit calls it. */
const CHANGEABLE = [
  ["clientId", "client_id"],
  ["clientSecret", "client_secret"],
  ["redirectUri", "redirect_uri"],
  ["scope", "scopes"],
  ["preset", "scopes"],
  ["baseUrl", "base_url"],
] as const;

/** Forgets a client registration that no grant needs. */
export async function removeIntegration(ports: Ports, name: string): Promise<void> {
  const integration = await findIntegration(ports, name);
  await ports.store.removeIntegration(integration.id, integrationEvent(ports, "integration_removed", name));
  ports.state.integrations.delete(integration.id);
}

/** An integration as programs see it: never its secret. */
export function integrationDocument(integration: Integration) {
  return {
    name: integration.name,
    provider: integration.provider,
    client_id: integration.clientId,
    has_client_secret: integration.clientSecret !== null,
    redirect_uri: integration.redirectUri,
    scopes: integration.scopes,
    base_url: integration.baseUrl,
    incident: integration.incident && {
      cause: integration.incident.cause,
      message: integration.incident.message,
      remedy: integration.incident.remedy,
      since: instant(integration.incident.since),
    },
    created_at: instant(integration.createdAt),
    updated_at: instant(integration.updatedAt),
  };
}

function checkedClientId(profile: ProviderProfile, given: string, notices: string[]): string {
  const clientId = given.trim();
  if (clientId === "") throw invalid("The client id is empty.", profile.portal.clientId);
  if (/[\s\u0000-\u001f\u007f]/.test(clientId))
    throw invalid("The client id has white space inside.", profile.portal.clientId);
  const notice = profile.checkClientId(clientId);
  if (notice !== null) notices.push(notice);
  return clientId;
}

function checkedSecret(
  profile: ProviderProfile,
  given: string | undefined,
  clientId: string,
  notices: string[],
  isNeeded = profile.clientAuthentication !== "none",
): string | null {
  if (given === undefined && !isNeeded) return null;
  const secret = (given ?? "").trim();
  if (secret === "") throw invalid("The client secret is empty.", profile.portal.clientSecret);
  if (/[\u0000-\u001f\u007f]/.test(secret)) {
    throw invalid(
      "The client secret has line breaks or control characters inside.",
      profile.portal.clientSecret,
    );
  }
  if (secret === clientId)
    throw invalid("The client id was given as the client secret.", profile.portal.clientSecret);
  if (given !== secret) notices.push("White space around the client secret was taken off.");
  const notice = profile.checkClientSecret(secret);
  if (notice !== null) notices.push(notice);
  return secret;
}

function chosenScopes(profile: ProviderProfile, input: IntegrationInput): string[] | null {
  if (input.scope === undefined && input.preset === undefined) return null;
  const preset = input.preset === undefined ? [] : presetScopes(profile, input.preset);
  const scopes = [...new Set([...preset, ...parseScopes(input.scope ?? "")])];
  const bad = scopes.find((scope) => !isScopeToken(scope));
  if (bad !== undefined)
    throw invalid(`${quote(bad)} is not a scope.`, "Scopes are words separated by spaces.");
  const unknown = scopes.find((scope) => !profile.isKnownScope(scope));
  if (unknown === undefined || input.allowUnknownScopes === true) return scopes;
  throw invalid(
    `${profile.title} is not known to have a scope ${quote(unknown)}.`,
    "Compare it with the list in the portal. If it is right all the same, add --allow-unknown-scopes.",
  );
}

function presetScopes(profile: ProviderProfile, name: string): readonly string[] {
  const preset = Object.hasOwn(profile.presets, name) ? profile.presets[name] : undefined;
  if (preset !== undefined) return preset.scopes;
  const known = Object.keys(profile.presets).join(", ");
  throw invalid(`${profile.title} has no preset ${quote(name)}.`, `Known presets: ${known}.`);
}

function scopesMissing(profile: ProviderProfile): GrantkeeperError {
  const presets = Object.keys(profile.presets).join(" or ");
  return invalid(
    "No scopes were given.",
    `Add --preset ${presets}, or --scope "A B". ${profile.portal.scopes}`,
  );
}

function invalid(message: string, remedy: string): GrantkeeperError {
  return new GrantkeeperError("invalid_request", message, { remedy });
}
