import { type Grant, grantDocument, type GrantDocument } from "../core/grant.ts";
import { missingScopes } from "../core/scopes.ts";
import { contextOf, grantFacts } from "../keeper/find.ts";
import type { Ports } from "../keeper/ports.ts";
import { type CommonOptions, notice, present, type Session } from "./command.ts";
import { describeGrant } from "./wording.ts";

/** A grant's document, with what of it stands elsewhere looked up. */
export async function documentOf(ports: Ports, grant: Grant): Promise<GrantDocument> {
  return grantDocument(grant, grantFacts(await contextOf(ports, grant)), ports.clock.now());
}

/** Shows a grant as the result of a command. */
export async function presentGrant(
  session: Session,
  options: CommonOptions,
  ports: Ports,
  grant: Grant,
  headline: string | null,
): Promise<void> {
  const facts = grantFacts(await contextOf(ports, grant));
  const now = ports.clock.now();
  const above = headline === null ? "" : `${headline}\n\n`;
  present(session, options, grantDocument(grant, facts, now), () => above + describeGrant(grant, facts, now));
}

/** Says at once which scopes were asked for and not granted, and what will not work without them. */
export async function warnOfMissingScopes(session: Session, ports: Ports, grant: Grant): Promise<void> {
  const missing = missingScopes(grant.requestedScopes, grant.scopes);
  if (missing.length === 0) return;
  const { profile } = await contextOf(ports, grant);
  const sentences = missing.map((scope) => {
    const purpose = Object.hasOwn(profile.scopePurposes, scope) ? profile.scopePurposes[scope] : undefined;
    return `${scope} was not granted${purpose === undefined ? "." : `: without it, ${purpose}.`}`;
  });
  notice(
    session,
    [...sentences, `Tick the scopes in the portal, then run: grantkeeper connect ${grant.name}.`],
    "Warning",
  );
}
