import { GrantkeeperError } from "../core/errors.ts";
import { forGrant } from "../core/names.ts";
import type { Refusal, RefreshOutcome } from "../core/outcome.ts";

type Failure = Exclude<RefreshOutcome, { kind: "refreshed" }>;

/** Why a code brought no tokens. A code is spent by its first use, so the way on is always a new one. */
export function exchangeFailure(outcome: Failure, name: string): GrantkeeperError {
  switch (outcome.kind) {
    case "grant_rejected":
      return refused("provider_refused", outcome.refusal, name);
    case "integration_rejected":
      return refused("integration_misconfigured", outcome.refusal, name);
    case "unavailable": {
      const isLimited = outcome.reason === "rate_limited";
      if (outcome.refusal !== null)
        return refused(isLimited ? "rate_limited" : "provider_refused", outcome.refusal, name);
      const code = outcome.reason === "unrecognised_refusal" ? "provider_refused" : "provider_unreachable";
      return new GrantkeeperError(isLimited ? "rate_limited" : code, outcome.detail, {
        remedy: `Wait a little, then begin again with: grantkeeper connect ${name}.`,
        provider: outcome.answer ?? undefined,
      });
    }
    case "in_doubt":
      return new GrantkeeperError(
        "provider_unreachable",
        `${outcome.detail} The code may have been used up.`,
        {
          remedy: `Begin again with: grantkeeper connect ${name}. What was stored before is kept.`,
          provider: outcome.answer ?? undefined,
        },
      );
  }
}

function refused(
  code: "provider_refused" | "integration_misconfigured" | "rate_limited",
  refusal: Refusal,
  name: string,
): GrantkeeperError {
  const remedy = forGrant(refusal.remedy, name);
  return new GrantkeeperError(code, refusal.message, { remedy, provider: refusal.answer });
}
