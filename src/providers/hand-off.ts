import type { HandOffField, HandOffForm, ProviderProfile } from "./profile.ts";

/** Of whom the hand-off speaks. */
export interface HandOffSubject {
  /** The grant's name. */
  readonly name: string;
  readonly clientId: string;
  readonly baseUrl: string | null;
}

/** The form, filled: where a value is a secret, its name stands beside a hint at where to find it. */
export interface FilledHandOff extends HandOffForm {
  readonly fields: readonly (HandOffField & { readonly secret: HandOffSecret | null })[];
}

export type HandOffSecret = "client_secret" | "refresh_token";

const SECRETS: Readonly<Record<string, HandOffSecret>> = {
  "{client_secret_hint}": "client_secret",
  "{refresh_token_hint}": "refresh_token",
};

/** The provider's form with its placeholders filled, or null where it has none. No secret is in it. */
export function fillHandOff(profile: ProviderProfile, subject: HandOffSubject): FilledHandOff | null {
  if (profile.handOff === null) return null;
  const base = (subject.baseUrl ?? profile.baseUrl).replace(/\/+$/, "");
  const token = new URL(profile.endpoints(base).token);
  const values = new Map([
    ["name", subject.name],
    ["client_id", subject.clientId],
    ["client_secret_hint", "the client secret of this integration"],
    ["refresh_token_hint", `printed by: grantkeeper reveal ${subject.name} refresh_token`],
    ["api_host", new URL(base).host],
    ["token_endpoint", `${token.host}${token.pathname}`],
  ]);
  const fill = (text: string) => text.replace(/\{(\w+)\}/g, (whole, key: string) => values.get(key) ?? whole);
  const fields = profile.handOff.fields.map((field) => ({
    ...field,
    value: fill(field.value),
    secret: SECRETS[field.value] ?? null,
  }));
  return { ...profile.handOff, fields };
}
