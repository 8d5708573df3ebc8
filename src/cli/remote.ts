import { type Client, createClient, GrantkeeperClientError, type Token } from "../client/index.ts";
import type { Environment } from "../config.ts";
import { ERROR_CODES, type ErrorCode, GrantkeeperError } from "../core/errors.ts";
import type { GrantDocument, GrantStanding, TokenDocument } from "../core/grant.ts";
import { secondsLeft } from "../core/token-set.ts";

/**
 * The service that `GRANTKEEPER_URL` and `GRANTKEEPER_API_KEY` name, for the commands that programs use.
 * Errors come out as those of the store would.
 */
export interface Remote {
  readonly token: (name: string, minTtl: number) => Promise<TokenDocument>;
  readonly refresh: (name: string, ifFingerprint: string | null) => Promise<TokenDocument>;
  readonly grant: (name: string) => Promise<GrantDocument>;
  readonly grants: () => Promise<readonly GrantDocument[]>;
}

/** @throws {GrantkeeperError} `invalid_request` where one of the two is missing or wrong. */
export function openRemote(env: Environment): Remote {
  const client = clientFor(env);
  return {
    token: async (name, minTtl) => documentFrom(await inOurWords(() => client.getToken(name, { minTtl }))),
    refresh: async (name, ifFingerprint) =>
      documentFrom(
        await inOurWords(() => client.refresh(name, { ifFingerprint: ifFingerprint ?? undefined })),
      ),
    grant: async (name) => (await inOurWords(() => client.status(name))) as GrantDocument,
    grants: async () => {
      const { grants } = (await inOurWords(() => client.status())) as { grants: readonly GrantDocument[] };
      return grants;
    },
  };
}

function clientFor(env: Environment): Client {
  const url = env["GRANTKEEPER_URL"];
  const apiKey = env["GRANTKEEPER_API_KEY"];
  try {
    return createClient({ url: url ?? "", apiKey: apiKey ?? "" });
  } catch (cause) {
    throw new GrantkeeperError("invalid_request", (cause as Error).message, {
      remedy:
        "Set both GRANTKEEPER_URL and GRANTKEEPER_API_KEY, or neither to use the store of this machine.",
      cause,
    });
  }
}

async function inOurWords<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof GrantkeeperClientError)) throw error;
    const { code, message, remedy, provider } = error;
    const known: ErrorCode = Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : "keeper_unreachable";
    throw new GrantkeeperError(known, message, {
      remedy: remedy ?? undefined,
      provider: provider ?? undefined,
      cause: error,
    });
  }
}

function documentFrom(token: Token): TokenDocument {
  const end = token.expiresAt?.getTime() ?? null;
  const left = secondsLeft(end, Date.now());
  return {
    grant: token.grant,
    access_token: token.accessToken,
    token_type: token.tokenType,
    expires_at: token.expiresAt?.toISOString() ?? null,
    expires_in: Number.isFinite(left) ? left : null,
    scope: token.scope,
    generation: token.generation,
    fingerprint: token.fingerprint,
    warning: token.warning,
  };
}

/** What a list says of a grant, out of its document. */
export function standingFrom(grant: GrantDocument): GrantStanding {
  const time = (text: string | null): number | null => (text === null ? null : Date.parse(text));
  const { refresh, cause, remedy, suspension } = grant;
  const error = refresh.last_error;
  return {
    name: grant.name,
    state: grant.state,
    cause: cause === null ? null : { code: "", message: cause, remedy: remedy ?? "", at: 0 },
    suspension: suspension && { reason: suspension.reason, at: time(suspension.at) ?? 0 },
    generation: grant.generation,
    accessExpiresAt: time(grant.access_token.expires_at),
    refreshExpiresAt: time(grant.refresh_token.expires_at),
    refreshStatus: refresh.status === "due" ? "idle" : refresh.status,
    lastError: error && { ...error, at: time(error.at) ?? 0, provider: null },
    hasRefreshToken: grant.refresh_token.fingerprint !== null,
    hasAllScopes: grant.missing_scopes.length === 0,
    isRevocationQueued: grant.revocation !== null,
  };
}
