import { opaque } from "./credentials.ts";
import { field, type Fields } from "./transport/call.ts";
import type { RegisteredClient } from "./types.ts";
import {
  newId,
  note,
  type Account,
  type Challenge,
  type Question,
  type RedirectTarget,
  type World,
} from "./world.ts";

/**
 * What an authorization request comes to: a page that tells what is wrong (the redirect URI cannot be
 * trusted), an error carried back, or a question to the person.
 */
export type Request =
  | { readonly kind: "unusable"; readonly title: string; readonly text: string }
  | { readonly kind: "refused"; readonly location: string }
  | { readonly kind: "asked"; readonly question: Question };

const questionSeconds = 900;
const questionsKept = 1000;
const openIdScopes = new Set(["openid", "email", "profile", "phone", "address"]);

/** Checks an authorization request (RFC 6749, section 4.1.1) and, if it is sound, opens a question. */
export function requestAuthorization(world: World, query: Fields): Request {
  const client = world.clients.get(field(query, "client_id") ?? "");
  if (client === undefined || query.repeated.includes("client_id")) {
    return unusable("Unknown integration", "No integration is registered with this client_id.");
  }
  const redirectUri = field(query, "redirect_uri") ?? onlyOne(client.redirectUris);
  // Exact comparison (RFC 9700, section 4.1.3): a loopback address with another port is another address.
  if (redirectUri === undefined || !client.redirectUris.includes(redirectUri)) {
    return unusable(
      "Redirect URI not registered",
      "The redirect_uri must equal one that is registered for this integration: scheme, host, port, path and case.",
    );
  }
  const target: RedirectTarget = {
    redirectUri,
    isNamed: field(query, "redirect_uri") !== undefined,
    state: query.values.get("state"),
    challenge: readChallenge(query),
  };
  const [error, description] = findError(client, query, target) ?? [];
  if (error !== undefined) return { kind: "refused", location: errorLocation(target, error, description) };
  const scopes = readScopes(query);
  return { kind: "asked", question: ask(world, client, scopes, target, field(query, "login_hint")) };
}

/** Opens a question and gives its one-time ticket. */
export function ask(
  world: World,
  client: RegisteredClient,
  scopes: readonly string[],
  answerTo: Question["answerTo"],
  loginHint = "",
): Question {
  const question: Question = {
    ticket: newId(world),
    client,
    scopes,
    expiresAt: world.now() + questionSeconds * 1000,
    loginHint,
    answerTo,
  };
  world.questions.set(question.ticket, question);
  const [oldest] = world.questions.keys();
  if (world.questions.size > questionsKept && oldest !== undefined) world.questions.delete(oldest);
  return question;
}

/** The open question of a ticket. */
export function openQuestion(world: World, ticket: string | undefined): Question | undefined {
  const question = world.questions.get(ticket ?? "");
  return question !== undefined && question.expiresAt > world.now() ? question : undefined;
}

/**
 * Closes a question with the person's decision. Gives the location to send the browser to, or undefined
 * where a device asked: that learns of it by polling.
 */
export function decide(
  world: World,
  question: Question,
  account: Account,
  approved: boolean,
): string | undefined {
  world.questions.delete(question.ticket);
  const { answerTo } = question;
  if ("deviceCode" in answerTo) {
    answerTo.decision ??= approved ? account : "denied";
    return undefined;
  }
  if (!approved) {
    return errorLocation(answerTo, "access_denied", "The user denied the request.");
  }
  const code = mintCode(world, question, account, answerTo);
  return withParameters(answerTo.redirectUri, { code, state: answerTo.state });
}

/** Where the browser goes with an error (RFC 6749, section 4.1.2.1). */
export function errorLocation(target: RedirectTarget, error: string, description?: string): string {
  return withParameters(target.redirectUri, {
    error,
    error_description: description,
    state: target.state,
  });
}

/** Whether every scope may be asked for: registered, or OpenID's. */
export function mayAskFor(client: RegisteredClient, scopes: readonly string[]): boolean {
  return (
    scopes.length > 0 && scopes.every((scope) => openIdScopes.has(scope) || client.scopes.includes(scope))
  );
}

/** The scopes of a request, each once. */
export function readScopes(fields: Fields): string[] {
  return [...new Set((field(fields, "scope") ?? "").split(/\s+/).filter((scope) => scope !== ""))];
}

function mintCode(world: World, question: Question, account: Account, target: RedirectTarget): string {
  const code = {
    value: opaque(world.random, account.user.orgId),
    client: question.client,
    account,
    scopes: question.scopes,
    target,
    expiresAt: world.now() + world.behaviour.codeSeconds * 1000,
    grant: undefined,
  };
  world.codes.set(code.value, code);
  note(world, "minted", "code", code, { expiresAt: code.expiresAt });
  return code.value;
}

function findError(
  client: RegisteredClient,
  query: Fields,
  target: RedirectTarget,
): [error: string, description: string] | undefined {
  const [repeated] = query.repeated;
  if (repeated !== undefined) return ["invalid_request", `${repeated} is repeated.`];
  const responseType = field(query, "response_type");
  if (responseType === undefined) return ["invalid_request", "response_type is missing."];
  if (responseType !== "code") return ["unsupported_response_type", "Only response_type=code is supported."];
  const asksForPkce = query.values.has("code_challenge") || query.values.has("code_challenge_method");
  if (asksForPkce && target.challenge === undefined) {
    return ["invalid_request", "code_challenge or code_challenge_method is malformed."];
  }
  if (!mayAskFor(client, readScopes(query))) {
    return ["invalid_scope", "The requested scope is missing, or not registered for the integration."];
  }
  if (field(query, "prompt") === "none") return ["login_required", "Nobody is signed in."];
  return undefined;
}

/** Without a method the challenge is plain (RFC 7636, section 4.3). */
function readChallenge(query: Fields): Challenge | undefined {
  const value = field(query, "code_challenge");
  const method = field(query, "code_challenge_method") ?? "plain";
  if (value === undefined || !/^[\w.~-]{43,128}$/.test(value)) return undefined;
  return method === "S256" || method === "plain" ? { value, method } : undefined;
}

function withParameters(uri: string, parameters: Record<string, string | undefined>): string {
  const given = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined);
  // Joined as text, since a URL object would rewrite the registered address.
  return `${uri}${uri.includes("?") ? "&" : "?"}${new URLSearchParams(given).toString()}`;
}

function onlyOne(uris: readonly string[]): string | undefined {
  return uris.length === 1 ? uris[0] : undefined;
}

function unusable(title: string, text: string): Request {
  return { kind: "unusable", title, text };
}
