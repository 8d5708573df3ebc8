import { GrantkeeperError } from "../core/errors.ts";
import { type Grant, isHeldWithItsStore, stateWhenReleased } from "../core/grant.ts";
import type { Rotation } from "../core/refresh-rules.ts";
import { changeState } from "./change-state.ts";
import { contextOf, findGrant } from "./find.ts";
import type { Ports } from "./ports.ts";

/** Whether a held grant's refresh token can be sent again without harm, and why. */
export interface ResumeVerdict {
  readonly isSafe: boolean;
  /** One or two sentences for whoever decides. */
  readonly reason: string;
}

/** What may come of releasing a grant, judged by who held it and by what its provider does to refresh tokens. */
function verdictOn(grant: Grant, rotation: Rotation): ResumeVerdict {
  const heldBy = grant.suspension?.reason ?? "person";
  if (heldBy === "person") return { isSafe: true, reason: "A person held it, and a person releases it." };
  const store = heldBy === "copied_store" ? "The store is a copy" : "The store was restored";
  if (rotation === "rolling") {
    return {
      isSafe: true,
      reason: `${store}; the provider keeps a refresh token when it is used, so this one is still good.`,
    };
  }
  const harm =
    rotation === "strict"
      ? "sending a replaced one again ends the grant for both"
      : "a replaced one is refused after a short while";
  return {
    isSafe: false,
    reason: `${store}; the provider replaces the refresh token each time it is used, and ${harm}. It is good only if nothing has refreshed this grant since the copy was made.`,
  };
}

/** A grant that was released, or was not held, with the verdict on it. */
export interface Resumed {
  readonly grant: Grant;
  readonly verdict: ResumeVerdict;
}

/**
 * Releases a held grant into the state that its row speaks for.
 * @throws {GrantkeeperError} `suspended` where the verdict is not safe and the risk was not accepted.
 */
export async function resume(ports: Ports, name: string, acceptsRisk = false): Promise<Resumed> {
  const { grant, verdict, isReleased } = await release(ports, name, acceptsRisk);
  if (!isReleased) throw unsafe(grant, verdict);
  return { grant, verdict };
}

async function release(
  ports: Ports,
  name: string,
  acceptsRisk: boolean,
): Promise<Resumed & { readonly isReleased: boolean }> {
  const seen = await findGrant(ports, name);
  const { profile } = await contextOf(ports, seen);
  const verdict = verdictOn(seen, profile.rotation);
  if (seen.state === "suspended" && !verdict.isSafe && !acceptsRisk)
    return { grant: seen, verdict, isReleased: false };
  const grant = await changeState(ports, name, "resumed", (current) => {
    if (current.state !== "suspended") return null;
    // A lease that came with a copy is nobody's here.
    const fenceOut = isHeldWithItsStore(current);
    return { state: stateWhenReleased(current), suspension: null, fenceOut };
  });
  return { grant, verdict, isReleased: true };
}

/** What came of releasing many. */
export interface ResumedAll {
  /** Names, in order. */
  readonly resumed: readonly string[];
  readonly held: readonly { readonly name: string; readonly reason: string }[];
}

const BY_NAME = "A person held it. Release it by its name.";
/** Grants released at once, so that they share a commit. */
const AT_ONCE = 64;

/**
 * Releases every grant that is held because its store was copied or restored, where that is safe or the risk
 * is accepted. What a person held stays held: whoever brings a store back need not know why.
 */
export async function resumeAll(ports: Ports, acceptsRisk = false): Promise<ResumedAll> {
  const suspended = (await ports.store.standings()).filter(({ state }) => state === "suspended");
  const waiting = suspended.filter(isReleasedWithAll).map(({ name }) => name);
  const refusals = new Map<string, string>();
  for (let i = 0; i < waiting.length; i += AT_ONCE) {
    const group = waiting.slice(i, i + AT_ONCE);
    const results = await Promise.all(group.map((name) => release(ports, name, acceptsRisk)));
    for (const { grant, verdict, isReleased } of results)
      if (!isReleased) refusals.set(grant.name, verdict.reason);
  }
  const resumed = waiting.filter((name) => !refusals.has(name));
  const held = suspended
    .filter((grant) => !isReleasedWithAll(grant) || refusals.has(grant.name))
    .map(({ name }) => ({ name, reason: refusals.get(name) ?? BY_NAME }));
  return { resumed, held };
}

function isReleasedWithAll(grant: Pick<Grant, "state" | "suspension">): boolean {
  return isHeldWithItsStore(grant) && grant.suspension?.wasHeld !== true;
}

function unsafe(grant: Grant, { reason }: ResumeVerdict): GrantkeeperError {
  return new GrantkeeperError("suspended", `${grant.name} stays held. ${reason}`, {
    remedy: `If the other store is gone for good and did not refresh since: grantkeeper resume ${grant.name} --accept-risk. Else consent anew: grantkeeper connect ${grant.name}.`,
  });
}
