import type { Refusal } from "../core/outcome.ts";
import type { ProviderProfile } from "../providers/profile.ts";
import { matchRefusal } from "./refusal.ts";
import { scrubber } from "./scrub.ts";

/** A refused authorization in words; `message` ends with what the provider itself said. */
export type AuthorizationRefusal = Omit<Refusal, "answer">;

/** Explains an error that came on the redirect (RFC 6749 section 4.1.2.1). */
export function authorizationRefusal(
  profile: ProviderProfile,
  error: string,
  description: string | null,
): AuthorizationRefusal {
  const scrub = scrubber([]);
  const code = scrub(error, 80);
  const text = description === null ? null : scrub(description);
  const answer = { status: 302, error: code, errorDescription: text, trackingId: null };
  const rule = matchRefusal(profile, "authorize", { answer, text: `${code} ${text ?? ""}`.trim() });
  const said = text === null ? code : `${code}: ${text}`;
  return {
    cause: rule?.cause ?? "authorization_refused",
    message: `${rule?.message ?? "The provider ended the authorization without a code."} It said: ${said}`,
    remedy:
      rule?.remedy ??
      "Begin again; where it happens again, look the error up in the provider's documentation.",
  };
}
