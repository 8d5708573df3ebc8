import { mayAskFor, readScopes } from "./authorization.ts";
import { authenticateBasicClient } from "./client-authentication.ts";
import { hex, sixDigits } from "./credentials.ts";
import { openGrant, tokenAnswer } from "./grants.ts";
import { field, json, type Call, type Reply } from "./transport/call.ts";
import { Refusal, type RefusalName } from "./refusals.ts";
import { requireForm } from "./token-endpoint.ts";
import type { Verdict } from "./types.ts";
import { newId, note, type Account, type Device, type World } from "./world.ts";

const deviceGrantType = "urn:ietf:params:oauth:grant-type:device_code";

/** `POST /v1/device/authorize` (RFC 8628, section 3.1). The client is named, not authenticated. */
export function deviceAuthorization(world: World, call: Call): Reply {
  requireForm(call);
  const client = world.clients.get(field(call.form, "client_id") ?? "");
  if (client === undefined) throw new Refusal("device_client_unknown");
  const scopes = readScopes(call.form);
  if (!mayAskFor(client, scopes) || scopes.includes("openid")) throw new Refusal("scope_invalid");
  const { deviceCodeSeconds, deviceIntervalSeconds } = world.behaviour;
  const device: Device = {
    deviceCode: newId(world),
    userCode: unusedUserCode(world),
    completeCode: hex(world.random, 32),
    client,
    scopes,
    expiresAt: world.now() + deviceCodeSeconds * 1000,
    polledAt: undefined,
    decision: undefined,
  };
  world.devices.set(device.deviceCode, device);
  world.devicesByUserCode.set(device.userCode, device);
  world.devicesByUserCode.set(device.completeCode, device);
  note(world, "minted", "device_code", subject(device), { expiresAt: device.expiresAt });
  return json(200, {
    device_code: device.deviceCode,
    expires_in: deviceCodeSeconds,
    user_code: device.userCode,
    verification_uri: `${world.origin}/verify`,
    verification_uri_complete: `${world.origin}/verify?userCode=${device.completeCode}`,
    interval: deviceIntervalSeconds,
  });
}

/** `POST /v1/device/token` (RFC 8628, section 3.4), polled until the person has decided. */
export function deviceToken(world: World, call: Call): Reply {
  requireForm(call);
  if (field(call.form, "grant_type") !== deviceGrantType) throw new Refusal("unsupported_grant_type");
  const client = authenticateBasicClient(world, call);
  const device = world.devices.get(field(call.form, "device_code") ?? "");
  if (device === undefined || device.client !== client) throw new Refusal("device_code_invalid");
  const account = decidedAccount(world, device);
  const grant = openGrant(world, { client, account, scopes: device.scopes });
  device.decision = "used";
  note(world, "presented", "device_code", { ...subject(device), grant }, { verdict: "accepted" });
  return json(200, { ...tokenAnswer(world, grant) });
}

/** The device authorization of a code that was typed or came with the address, while it is undecided. */
export function findDevice(world: World, userCode: string): Device | undefined {
  const device = world.devicesByUserCode.get(userCode.replaceAll(/[\s-]/g, ""));
  const isOpen = device !== undefined && device.decision === undefined && device.expiresAt > world.now();
  return isOpen ? device : undefined;
}

function decidedAccount(world: World, device: Device): Account {
  const refuse = (verdict: Verdict, refusal: RefusalName): never => {
    note(world, "presented", "device_code", subject(device), { verdict });
    throw new Refusal(refusal);
  };
  if (device.decision === "used") return refuse("reused", "device_code_invalid");
  if (device.expiresAt <= world.now()) return refuse("expired", "device_code_expired");
  if (device.decision === "denied") return refuse("denied", "access_denied");
  if (device.decision !== undefined) return device.decision;
  const sinceLast = world.now() - (device.polledAt ?? -Infinity);
  device.polledAt = world.now();
  return sinceLast < world.behaviour.deviceIntervalSeconds * 1000
    ? refuse("too_fast", "slow_down")
    : refuse("pending", "authorization_pending");
}

function unusedUserCode(world: World): string {
  for (;;) {
    const code = sixDigits(world.random);
    const holder = world.devicesByUserCode.get(code);
    if (holder === undefined || holder.expiresAt <= world.now()) return code;
  }
}

function subject(device: Device): { value: string; client: Device["client"] } {
  return { value: device.deviceCode, client: device.client };
}
