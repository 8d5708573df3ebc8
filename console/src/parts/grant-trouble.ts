import type { Grant, Integration } from "../api/documents.ts";
import { fromNow, timeOf } from "../text/format.ts";
import type { Text } from "../text/en.ts";
import type { Tone } from "./notice.tsx";

/** How bad things stand with a grant, and why, in one sentence; null: all is well. */
export interface Trouble {
  readonly tone: Tone;
  readonly text: string;
}

/** A consent that ends within this time, in ms, is worth a word. */
const SOON = 14 * 24 * 60 * 60 * 1000;

/** The most important thing that is wrong with a grant. */
export function troubleOf(
  grant: Grant,
  integrations: readonly Integration[] | null,
  now: number,
  text: Text,
): Trouble | null {
  const { trouble } = text;
  switch (grant.state) {
    case "reauthorization_required":
      return { tone: "bad", text: trouble.dead };
    case "suspended": {
      const isByPerson = (grant.suspension?.reason ?? "person") === "person";
      return { tone: "warn", text: isByPerson ? trouble.heldByPerson : trouble.heldWithStore };
    }
    case "pending":
      return { tone: "info", text: trouble.pending };
    case "revoked":
      return grant.revocation === null ? null : { tone: "warn", text: trouble.providerNotTold };
    case "active":
      return troubleOfActive(grant, integrations, now, text);
  }
}

function troubleOfActive(
  grant: Grant,
  integrations: readonly Integration[] | null,
  now: number,
  text: Text,
): Trouble | null {
  const { trouble } = text;
  const accessEnd = timeOf(grant.access_token.expires_at);
  const isOver = accessEnd !== null && accessEnd <= now;
  const integration = integrations?.find(({ name }) => name === grant.integration);
  if (integration?.incident) return { tone: "bad", text: trouble.incident };
  if (grant.refresh.status === "suspect") return { tone: "warn", text: trouble.suspect };
  if (grant.refresh.status === "outcome_unknown") return { tone: "warn", text: trouble.unknown };
  if (grant.refresh.attempts > 0)
    return isOver ? { tone: "bad", text: trouble.failingOver } : { tone: "warn", text: trouble.failing };
  const consentEnd = timeOf(grant.reconsent_by);
  if (consentEnd !== null && consentEnd - now < SOON)
    return { tone: "warn", text: trouble.consentSoon(fromNow(consentEnd, now, text)) };
  if (grant.missing_scopes.length > 0)
    return { tone: "info", text: trouble.missingScopes(grant.missing_scopes.length) };
  return null;
}

/** For sorting: the worst first. */
export function weightOf(trouble: Trouble | null): number {
  if (trouble === null) return 3;
  return { bad: 0, warn: 1, info: 2, good: 3 }[trouble.tone];
}
