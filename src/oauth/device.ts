import { deviceAuthorizationRequest, genericTokenEndpointRequest } from "oauth4webapi";
import type { RefreshOutcome } from "../core/outcome.ts";
import { formatScopes } from "../core/scopes.ts";
import { postAuthenticated } from "./authenticated-post.ts";
import { endpointsOf, secretsOf } from "./client-registration.ts";
import { asRecord, type LooseRecord, parseJson, textOf } from "./loose-json.ts";
import { errorCode } from "./refusal.ts";
import type { TokenRequestContext } from "./token-request.ts";
import { type RawAnswer, readSendFailure, readTokenAnswer } from "./token-response.ts";

/** A begun device authorization (RFC 8628 section 3.2): what a person types where, and how to wait for it. */
export interface DeviceAuthorization {
  /** Secret: whoever has it gets the tokens. */
  readonly deviceCode: string;
  readonly userCode: string;
  readonly verificationUri: string;
  /** The same with the user code in it, or null. */
  readonly verificationUriComplete: string | null;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  /** Milliseconds between two polls. */
  readonly interval: number;
}

type Failure = Exclude<RefreshOutcome, { kind: "refreshed" }>;

/** What came of asking for a device code. */
export type DeviceStart =
  | { readonly kind: "started"; readonly device: DeviceAuthorization }
  /** The provider has no device flow. */
  | { readonly kind: "not_offered" }
  | { readonly kind: "failed"; readonly outcome: Failure };

interface DeviceStartRequest extends TokenRequestContext {
  readonly scopes: readonly string[];
}

/** Asks for a device code and a user code (RFC 8628 section 3.1). Nothing secret is sent. */
export async function startDevice(request: DeviceStartRequest): Promise<DeviceStart> {
  const { profile, client, send, now, scopes, mayStillSend } = request;
  const url = endpointsOf(profile, client).deviceAuthorization;
  if (url === null) return { kind: "not_offered" };
  const startedAt = now();
  const result = await postAuthenticated({
    client,
    send,
    url,
    authentication: "none",
    mayStillSend,
    build: (server, registration, authentication, options) =>
      deviceAuthorizationRequest(
        { ...server, device_authorization_endpoint: url },
        registration,
        authentication,
        { scope: formatScopes(scopes) },
        options,
      ),
  });
  if (result.kind !== "answer") return { kind: "failed", outcome: asFailure(readSendFailure(result)) };
  if (NO_SUCH_ENDPOINT.has(result.status)) return { kind: "not_offered" };
  const fields = result.truncated ? null : asRecord(parseJson(result.body));
  const isSuccess = result.status >= 200 && result.status < 300;
  const device = isSuccess && fields !== null ? readDevice(fields, startedAt) : null;
  if (device !== null) return { kind: "started", device };
  const secrets = secretsOf(client, []);
  const outcome = readTokenAnswer(result, { profile, request: "device", now: now(), secrets });
  return { kind: "failed", outcome: asFailure(outcome) };
}

/** What a server without the device flow answers at its address. */
const NO_SUCH_ENDPOINT: ReadonlySet<number> = new Set([404, 405, 501]);

const USUAL_INTERVAL = 5;
const USUAL_LIFE = 300;

function readDevice(fields: LooseRecord, startedAt: number): DeviceAuthorization | null {
  const deviceCode = textOf(fields["device_code"]);
  const userCode = textOf(fields["user_code"]);
  const verificationUri = webAddress(fields["verification_uri"]) ?? webAddress(fields["verification_url"]);
  if (deviceCode === null || userCode === null || verificationUri === null) return null;
  return {
    deviceCode,
    // It is shown on a terminal.
    userCode: userCode.replace(/[^\x20-\x7e]/g, "?"),
    verificationUri,
    verificationUriComplete: webAddress(fields["verification_uri_complete"]),
    expiresAt: startedAt + seconds(fields["expires_in"], USUAL_LIFE) * 1000,
    interval: Math.max(1, seconds(fields["interval"], USUAL_INTERVAL)) * 1000,
  };
}

/** Only what a browser may be sent to. */
function webAddress(value: unknown): string | null {
  const text = textOf(value);
  if (text === null || !URL.canParse(text)) return null;
  const url = new URL(text);
  return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
}

function seconds(value: unknown, otherwise: number): number {
  const number = typeof value === "string" ? Number.parseFloat(value) : value;
  return typeof number === "number" && number > 0 && number < 86_400 ? number : otherwise;
}

/** What one poll brought. */
export type DevicePoll =
  /** Not decided yet. `interval`: milliseconds until the next poll, longer where the provider asked for it. */
  | { readonly kind: "pending"; readonly interval: number }
  | { readonly kind: "expired" }
  | { readonly kind: "done"; readonly outcome: RefreshOutcome };

interface DevicePollRequest extends TokenRequestContext {
  readonly device: Pick<DeviceAuthorization, "deviceCode" | "expiresAt">;
  /** The interval of the last poll, or of the start. */
  readonly interval: number;
}

const DEVICE_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code";
const SLOWER = 5000;
const LONGEST_INTERVAL = 60_000;

/**
 * Asks once whether the person has decided (RFC 8628 section 3.4). Waiting between polls is the caller's;
 * nothing is sent after the code's end.
 */
export async function pollDevice(request: DevicePollRequest): Promise<DevicePoll> {
  const { profile, client, send, now, device, interval, mayStillSend } = request;
  if (now() >= device.expiresAt) return { kind: "expired" };
  const endpoints = endpointsOf(profile, client);
  const url = endpoints.deviceToken ?? endpoints.token;
  const result = await postAuthenticated({
    client,
    send,
    url,
    // Every server has to take Basic (RFC 6749 section 2.3.1), and some take nothing else here.
    authentication: profile.clientAuthentication === "none" ? "none" : "client_secret_basic",
    mayStillSend,
    build: (server, registration, authentication, options) =>
      genericTokenEndpointRequest(
        { ...server, token_endpoint: url },
        registration,
        authentication,
        DEVICE_GRANT_TYPE,
        { device_code: device.deviceCode, client_id: client.clientId },
        options,
      ),
  });
  if (result.kind === "not_sent") return { kind: "pending", interval };
  // RFC 8628 section 3.5: after a time-out the interval is to grow. The code is not spent by asking.
  if (result.kind === "lost") return { kind: "pending", interval: slower(interval) };
  const waiting = waitAfter(result, interval);
  if (waiting !== null) return { kind: "pending", interval: waiting };
  const secrets = secretsOf(client, [device.deviceCode]);
  return {
    kind: "done",
    outcome: readTokenAnswer(result, { profile, request: "device", now: now(), secrets }),
  };
}

/** Some say 428 where the standard says 400 with `authorization_pending`. */
function waitAfter({ status, body }: RawAnswer, interval: number): number | null {
  const code = status < 400 ? null : errorCode(asRecord(parseJson(body)));
  if (code === "slow_down" || status === 429 || status >= 500) return slower(interval);
  return status === 428 || code === "authorization_pending" ? interval : null;
}

function slower(interval: number): number {
  return Math.min(interval + SLOWER, LONGEST_INTERVAL);
}

/** An answer to the start that looks like tokens is none we asked for. */
function asFailure(outcome: RefreshOutcome): Failure {
  if (outcome.kind !== "refreshed") return outcome;
  const detail = "The provider answered a device authorization with something else.";
  return { kind: "in_doubt", reason: "unreadable_answer", detail, answer: null };
}
