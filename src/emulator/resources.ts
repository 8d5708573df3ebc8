import { innerId, publicId } from "./credentials.ts";
import { endAccessToken, endGrant, isAlive } from "./grants.ts";
import { empty, field, header, json, type Call, type Reply } from "./transport/call.ts";
import { Refusal } from "./refusals.ts";
import type { Verdict } from "./types.ts";
import { note, type AccessToken, type Account, type Grant, type World } from "./world.ts";

/** What a resource demands of the caller. */
interface Demand {
  /** One of these is enough; an empty list asks for none. */
  readonly scopes: readonly string[];
  readonly isForAdmins?: boolean;
}

/** `GET /v1/people/me`: who consented. */
export function peopleMe(world: World, call: Call): Reply {
  const { account } = authorize(world, call, {
    scopes: ["spark:people_read", "spark-admin:people_read", "spark:all"],
  }).grant;
  const { user } = account;
  const [firstName = "", ...rest] = user.displayName.split(" ");
  return json(200, {
    id: publicId("PEOPLE", user.id),
    emails: [user.email],
    displayName: user.displayName,
    firstName,
    lastName: rest.join(" "),
    orgId: publicId("ORGANIZATION", user.orgId),
    roles: user.roles.map((role) => publicId("ROLE", `id_${role}`)),
    licenses: [],
    created: "2024-01-15T08:00:00.000Z",
    status: "active",
    invitePending: false,
    loginEnabled: true,
    type: "person",
  });
}

/** `GET /v1/meetings`: one ended meeting, so that a token visibly works. */
export function meetings(world: World, call: Call): Reply {
  const { account } = authorize(world, call, {
    scopes: ["meeting:admin_schedule_read"],
    isForAdmins: true,
  }).grant;
  const end = world.now() - (world.now() % 3_600_000) - 3_600_000;
  const series = "870f51ff287b41be84648412901e0402";
  const item = {
    id: `${series}_I_167427437874906709`,
    meetingSeriesId: series,
    title: "Emulated meeting",
    meetingType: "meeting",
    state: "ended",
    timezone: "UTC",
    start: new Date(end - 1_800_000).toISOString(),
    end: new Date(end).toISOString(),
    hostUserId: publicId("PEOPLE", account.user.id),
    hostDisplayName: account.user.displayName,
    hostEmail: account.user.email,
    siteUrl: "emulator.example.com",
    scheduledType: "meeting",
    hasRecording: true,
    hasTranscription: true,
    hasChat: false,
  };
  return json(200, { items: [item] });
}

/** `GET /v1/authorizations/tokenExpiry`: when the calling token ends, in epoch milliseconds. */
export function tokenExpiry(world: World, call: Call): Reply {
  return json(200, { exp: authorize(world, call, { scopes: [] }).expiresAt });
}

/** `GET /v1/authorizations?personId=|personEmail=`: the grants of a person and their live access tokens. */
export function listAuthorizations(world: World, call: Call): Reply {
  authorize(world, call, { scopes: ["identity:tokens_read"], isForAdmins: true });
  const personId = field(call.query, "personId");
  const email = field(call.query, "personEmail");
  if ((personId === undefined) === (email === undefined)) {
    throw new Refusal("malformed", "Exactly one of personId and personEmail must be given.");
  }
  const account =
    email === undefined ? accountById(world, personId ?? "") : world.accounts.get(email.toLowerCase());
  if (account === undefined) throw new Refusal("not_found");
  return json(200, { items: [...account.grants].flatMap((grant) => describeGrant(world, grant)) });
}

/** `DELETE /v1/authorizations/{id}`: a grant with all its tokens, or one access token. */
export function deleteAuthorization(world: World, call: Call): Reply {
  authorize(world, call, { scopes: ["identity:tokens_write"], isForAdmins: true });
  const [grantId = "", tokenId] = (innerId("AUTHORIZATION", lastSegment(call.path)) ?? "").split(":");
  const grant = world.grants.get(grantId);
  if (grant === undefined || grant.ended !== undefined) throw new Refusal("not_found");
  if (tokenId === undefined) {
    endGrant(world, grant, "authorization deleted");
    return empty(204);
  }
  const token = [...grant.accessTokens].find((candidate) => innerTokenId(candidate) === tokenId);
  if (token === undefined) throw new Refusal("not_found");
  endAccessToken(world, token, "authorization deleted");
  return empty(204);
}

/** `DELETE /v1/authorizations?clientId=`: what the caller's organisation consented to for an integration. */
export function deleteAuthorizationsOfClient(world: World, call: Call): Reply {
  const caller = authorize(world, call, { scopes: ["identity:tokens_write"], isForAdmins: true });
  const clientId = field(call.query, "clientId");
  if (clientId === undefined) throw new Refusal("malformed", "clientId is missing.");
  const { orgId } = caller.grant.account.user;
  for (const account of world.accounts.values()) {
    if (account.user.orgId !== orgId) continue;
    for (const grant of account.grants) {
      if (grant.client.clientId === clientId) endGrant(world, grant, "authorization deleted");
    }
  }
  return empty(204);
}

/** Judges the bearer token of a request (RFC 6750, section 2.1). Refuses with `bearer_invalid` or `scope_missing`. */
function authorize(world: World, call: Call, demand: Demand): AccessToken {
  const value = /^bearer +(\S+) *$/i.exec(header(call, "authorization") ?? "")?.[1];
  if (value === undefined) throw new Refusal("bearer_invalid");
  const token = world.accessTokens.get(value);
  const verdict = judge(world, token, demand);
  note(world, "presented", "access_token", token ?? { value }, { verdict });
  if (verdict === "scope_missing") throw new Refusal("scope_missing");
  if (token === undefined || verdict !== "accepted") throw new Refusal("bearer_invalid");
  return token;
}

function judge(world: World, token: AccessToken | undefined, demand: Demand): Verdict {
  if (token === undefined) return "unknown";
  if (!isAlive(world, token)) return token.ended === "expired" ? "expired" : "revoked";
  const { scopes, account } = token.grant;
  const hasScope = demand.scopes.length === 0 || demand.scopes.some((scope) => scopes.has(scope));
  const hasRole = demand.isForAdmins !== true || account.user.roles.includes("full_admin");
  return hasScope && hasRole ? "accepted" : "scope_missing";
}

function describeGrant(world: World, grant: Grant): Record<string, unknown>[] {
  const common = {
    applicationId: publicId("APPLICATION", grant.client.clientId),
    applicationName: grant.client.name,
    personId: publicId("PEOPLE", grant.account.user.id),
    clientId: grant.client.clientId,
    created: new Date(grant.createdAt).toISOString(),
  };
  const tokens = [...grant.accessTokens].filter((token) => isAlive(world, token));
  return [
    { id: publicId("AUTHORIZATION", grant.id), ...common, type: "refresh" },
    ...tokens.map((token) => ({
      id: publicId("AUTHORIZATION", `${grant.id}:${innerTokenId(token)}`),
      ...common,
      type: "access",
    })),
  ];
}

/** The UUID inside an opaque token. */
function innerTokenId(token: AccessToken): string {
  return Buffer.from(token.value.slice(0, 48), "base64").toString("latin1");
}

function accountById(world: World, personId: string): Account | undefined {
  const id = innerId("PEOPLE", personId);
  for (const account of world.accounts.values()) if (account.user.id === id) return account;
  return undefined;
}

function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
