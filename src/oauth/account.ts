import type { Account } from "../core/grant.ts";
import type { ProviderProfile } from "../providers/profile.ts";
import { parseJson } from "./loose-json.ts";
import type { Send } from "./send.ts";

interface AccountRequest {
  readonly profile: ProviderProfile;
  readonly baseUrl: string | null;
  /** Granted scopes: without one that allows it, nothing is asked. */
  readonly scopes: readonly string[];
  readonly accessToken: string;
  readonly send: Send;
}

const ACCOUNT_TIMEOUT = 10_000;

/** Asks the provider who granted. Null where it cannot be asked, does not answer, or is not understood. Never throws. */
export async function lookUpAccount(request: AccountRequest): Promise<Account | null> {
  const { profile, baseUrl, scopes, accessToken, send } = request;
  const lookup = profile.account((baseUrl ?? profile.baseUrl).replace(/\/+$/, ""));
  if (lookup === null || !lookup.scopes.some((scope) => scopes.includes(scope))) return null;
  try {
    const result = await send({
      method: "GET",
      url: lookup.url,
      headers: {
        authorization: `Bearer ${accessToken}`,
        accept: "application/json",
        "user-agent": "grantkeeper",
      },
      body: null,
      timeout: ACCOUNT_TIMEOUT,
    });
    if (result.kind !== "answer" || result.status !== 200 || result.truncated) return null;
    return lookup.read(parseJson(result.body));
  } catch {
    return null;
  }
}
