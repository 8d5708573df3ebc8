import { afterSuccess } from "../core/aftermath.ts";
import { GrantkeeperError } from "../core/errors.ts";
import type { EventDraft } from "../core/events.ts";
import type { Account, Grant, GrantChange } from "../core/grant.ts";
import type { Integration } from "../core/integration.ts";
import { NO_REVOCATION } from "../core/revocation.ts";
import { missingScopes } from "../core/scopes.ts";
import { type TokenAnswer, type TokenSet, tokenSetFrom } from "../core/token-set.ts";
import { lookUpAccount } from "../oauth/account.ts";
import { grantEvent } from "./audit.ts";
import { newGrant } from "./pending.ts";
import { sendTo } from "./outgoing.ts";
import type { Ports } from "./ports.ts";
import { saveDelivered } from "./saving.ts";
import { sealTokens } from "./secrets.ts";

/** Tokens that a person's consent, or a person's file, brought. */
export interface Consent {
  readonly answer: TokenAnswer;
  /** Epoch ms from which the answer's lives count. */
  readonly startedAt: number;
  readonly integration: Integration;
  readonly requestedScopes: readonly string[];
  readonly how: "granted" | "imported";
  /** The grant as it was before anything was sent; null where nothing was. */
  readonly before: Grant | null;
}

/** Two people consenting to one grant at the same moment: the later save wins, after a look at the other's. */
const SAVE_ROUNDS = 10;

/**
 * Makes a consent's tokens the grant's own: a new generation, whatever was there before; a refresh under
 * way is fenced out. Who granted is asked afterwards, where the scopes allow, once the tokens are safe.
 */
export async function keepConsent(ports: Ports, name: string, consent: Consent): Promise<Grant> {
  const saved = await saveConsent(ports, name, consent);
  return consent.how === "granted" ? noteAccount(ports, saved, consent) : saved;
}

async function saveConsent(ports: Ports, name: string, consent: Consent): Promise<Grant> {
  for (let round = 0; round < SAVE_ROUNDS; round++) {
    const existing = await look(ports, name, consent);
    const grant = existing ?? newGrant(ports, name, consent.integration, consent.requestedScopes);
    const change = consentChange(ports, grant, consent);
    const events = [consentEvent(ports, { ...grant, ...change }, consent), ...dropped(ports, grant)];
    if (existing === null) {
      const made: Grant = { ...grant, ...change };
      await ports.store.addGrant(made, events);
      return made;
    }
    const expect = { generation: grant.generation };
    const saved = await saveDelivered(ports, grant, { id: grant.id, expect, change, events, fenceOut: true });
    if (saved !== null) return saved;
  }
  throw new GrantkeeperError("conflict", `The grant ${name} is being changed by others without end.`, {
    remedy: "Try again.",
  });
}

/** A store that cannot even be read must not cost the tokens: they are saved, or spooled, for the grant that was seen. */
async function look(ports: Ports, name: string, { before }: Consent): Promise<Grant | null> {
  try {
    return await ports.store.grant(name);
  } catch (failure) {
    if (before === null) throw failure;
    return before;
  }
}

function consentChange(ports: Ports, grant: Grant, consent: Consent): GrantChange {
  const { answer, startedAt, integration, requestedScopes } = consent;
  const tokens: TokenSet = tokenSetFrom(answer, startedAt);
  const { idleLimit } = ports.profile(integration.provider);
  const now = ports.clock.now();
  return {
    ...afterSuccess(
      sealTokens(ports.sealer, grant.id, grant.generation + 1, tokens),
      tokens,
      { issuedAt: startedAt, idleLimit },
      ports.random.fraction(),
      now,
    ),
    tokenFence: null,
    state: "active",
    cause: null,
    suspension: null,
    ...NO_REVOCATION,
    integrationId: integration.id,
    requestedScopes,
    // An answer without `scope` means that all that was asked for is granted (RFC 6749 section 5.1).
    scopes: tokens.scopes ?? requestedScopes,
  };
}

function consentEvent(ports: Ports, grant: Grant, { how, integration }: Consent): EventDraft {
  return grantEvent(ports, how, grant, {
    integration: integration.name,
    scopes: grant.scopes,
    missing_scopes: missingScopes(grant.requestedScopes, grant.scopes),
    access_fingerprint: grant.accessFingerprint,
  });
}

/**
 * A provider that has still to be told that the consent before was ended is not told any more: at many, ending
 * one token ends all that the same person granted.
 */
function dropped(ports: Ports, grant: Grant): EventDraft[] {
  if (grant.revocation === null) return [];
  return [grantEvent(ports, "revocation_dropped", grant, { reason: "consented_again" })];
}

async function noteAccount(ports: Ports, grant: Grant, { answer, integration }: Consent): Promise<Grant> {
  const profile = ports.profile(integration.provider);
  const { baseUrl } = integration;
  const { scopes } = grant;
  const account = await lookUpAccount({
    profile,
    baseUrl,
    scopes,
    accessToken: answer.accessToken,
    send: sendTo(ports, integration),
  });
  if (account === null) return grant;
  const events = isAnother(grant.account, account) ? [accountChanged(ports, grant, account)] : [];
  const expect = { generation: grant.generation };
  const write = { id: grant.id, expect, change: { account }, events };
  // The tokens are safe by now: a name that cannot be noted must not make a failure of their consent.
  const noted = await ports.store.changeGrant(write).catch(() => null);
  return noted ?? grant;
}

function isAnother(before: Account | null, now: Account): boolean {
  return before !== null && before.id !== now.id;
}

function accountChanged(ports: Ports, grant: Grant, account: Account): EventDraft {
  return grantEvent(ports, "account_changed", grant, {
    before: grant.account?.email ?? grant.account?.id ?? null,
    now: account.email ?? account.id,
  });
}
