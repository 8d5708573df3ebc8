import { createHash } from "node:crypto";
import { authenticateClient } from "./client-authentication.ts";
import { endGrant, openGrant, refreshGrant, tokenAnswer } from "./grants.ts";
import { field, hasContentType, json, type Call, type Reply } from "./transport/call.ts";
import { Refusal } from "./refusals.ts";
import type { RegisteredClient, Verdict } from "./types.ts";
import { note, type Code, type RedirectTarget, type World } from "./world.ts";

/** `POST /v1/access_token`: exchanges a code (RFC 6749, section 4.1.3) or refreshes (section 6). */
export function tokenEndpoint(world: World, call: Call): Reply {
  requireForm(call);
  const grantType = field(call.form, "grant_type");
  if (grantType === undefined) throw new Refusal("malformed", "grant_type is missing");
  if (grantType !== "authorization_code" && grantType !== "refresh_token") {
    throw new Refusal("unsupported_grant_type");
  }
  const client = authenticateClient(world, call);
  return grantType === "refresh_token" ? refresh(world, call, client) : exchange(world, call, client);
}

/** Refuses a body that is no form, or that has a parameter twice. */
export function requireForm(call: Call): void {
  if (!hasContentType(call, "application/x-www-form-urlencoded")) throw new Refusal("wrong_content_type");
  const [repeated] = call.form.repeated;
  if (repeated !== undefined) throw new Refusal("malformed", `${repeated} is repeated`);
}

function refresh(world: World, call: Call, client: RegisteredClient): Reply {
  const value = field(call.form, "refresh_token");
  if (value === undefined) throw new Refusal("malformed", "refresh_token is missing");
  const answer = tokenAnswer(world, refreshGrant(world, client, value));
  const { omitFromRefresh } = world.behaviour;
  if (omitFromRefresh.length === 0) return json(200, { ...answer });
  const kept = Object.entries(answer).filter(
    ([name]) => !omitFromRefresh.some((omitted) => omitted === name),
  );
  return json(200, Object.fromEntries(kept));
}

function exchange(world: World, call: Call, client: RegisteredClient): Reply {
  const value = field(call.form, "code");
  if (value === undefined) throw new Refusal("malformed", "code is missing");
  const code = acceptCode(world, call, client, value);
  try {
    code.grant = openGrant(world, code);
  } catch (refusal) {
    note(world, "presented", "code", code, { verdict: "token_limit" });
    throw refusal;
  }
  note(world, "presented", "code", code, { verdict: "accepted" });
  return json(200, { ...tokenAnswer(world, code.grant) });
}

function acceptCode(world: World, call: Call, client: RegisteredClient, value: string): Code {
  const code = world.codes.get(value);
  const refuse = (verdict: Verdict, refusal: Refusal): never => {
    note(world, "presented", "code", code ?? { value, client }, { verdict });
    throw refusal;
  };
  if (code === undefined) return refuse("unknown", new Refusal("code_invalid"));
  if (code.client !== client) return refuse("wrong_client", new Refusal("code_invalid"));
  if (code.grant !== undefined) {
    note(world, "reuse_detected", "code", code);
    if (world.behaviour.codeReuseRevokes) endGrant(world, code.grant, "authorization code reused");
    return refuse("reused", new Refusal("code_used"));
  }
  if (code.expiresAt <= world.now()) {
    note(world, "expired", "code", code);
    return refuse("expired", new Refusal("code_expired"));
  }
  const { redirectUri, isNamed } = code.target;
  if ((field(call.form, "redirect_uri") ?? (isNamed ? undefined : redirectUri)) !== redirectUri) {
    return refuse("redirect_uri_mismatch", new Refusal("redirect_uri_mismatch"));
  }
  if (!verifies(code.target, field(call.form, "code_verifier"))) {
    return refuse("code_verifier_mismatch", new Refusal("code_verifier_mismatch"));
  }
  return code;
}

/** RFC 7636, section 4.6. A verifier with no challenge to it is refused too (RFC 9700, section 4.8.2). */
function verifies({ challenge }: RedirectTarget, verifier: string | undefined): boolean {
  if (challenge === undefined || verifier === undefined) return challenge === verifier;
  if (challenge.method === "plain") return challenge.value === verifier;
  return challenge.value === createHash("sha256").update(verifier).digest("base64url");
}
