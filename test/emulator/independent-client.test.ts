import * as oauth from "oauth4webapi";
import { expect, test } from "vitest";
import type { Emulator } from "../../src/emulator/index.ts";
import { authorizationUrl, callback, setUp } from "./support.ts";

const insecure = { [oauth.allowInsecureRequests]: true };

function server(emulator: Emulator): oauth.AuthorizationServer {
  return {
    issuer: emulator.url,
    authorization_endpoint: `${emulator.baseUrl}/authorize`,
    token_endpoint: `${emulator.baseUrl}/access_token`,
    revocation_endpoint: `${emulator.url}/idb/oauth2/v1/revoke`,
    device_authorization_endpoint: `${emulator.baseUrl}/device/authorize`,
  };
}

for (const method of ["body", "basic"] as const) {
  test(`authorizes with PKCE, refreshes and revokes, the secret in the ${method}`, async () => {
    const { emulator, client: registered } = await setUp();
    const as = server(emulator);
    const client = { client_id: registered.clientId };
    const authentication =
      method === "body"
        ? oauth.ClientSecretPost(registered.clientSecret)
        : oauth.ClientSecretBasic(registered.clientSecret);
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    const url = authorizationUrl(emulator, registered, {
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });

    const location = new URL(await emulator.approve(url));
    const parameters = oauth.validateAuthResponse(as, client, location, state);
    const response = await oauth.authorizationCodeGrantRequest(
      as,
      client,
      authentication,
      parameters,
      callback,
      verifier,
      insecure,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response);
    expect(tokens).toMatchObject({
      token_type: "bearer",
      expires_in: 1_209_599,
      refresh_token_expires_in: 7_775_999,
      scope: "meeting:admin_schedule_read spark:people_read",
    });
    expect(tokens.access_token).toMatch(/^[A-Za-z0-9+/]{64}_P0A1_[0-9a-f-]{36}$/);
    expect(Buffer.from(tokens.access_token.slice(0, 64), "base64").toString()).toMatch(
      /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[0-9a-f]{8}-[0-9a-f]{3}$/,
    );

    const refreshToken = tokens.refresh_token ?? "";
    const refreshed = await oauth.processRefreshTokenResponse(
      as,
      client,
      await oauth.refreshTokenGrantRequest(as, client, authentication, refreshToken, insecure),
    );
    expect(refreshed.refresh_token).toBe(refreshToken);
    expect(refreshed.access_token).not.toBe(tokens.access_token);

    const people = await oauth.protectedResourceRequest(
      refreshed.access_token,
      "GET",
      new URL(`${emulator.baseUrl}/people/me`),
      undefined,
      undefined,
      insecure,
    );
    expect(await people.json()).toMatchObject({ emails: ["admin@example.com"], type: "person" });

    const basic = oauth.ClientSecretBasic(registered.clientSecret);
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(as, client, basic, refreshToken, insecure),
    );
    const afterwards = await oauth.refreshTokenGrantRequest(
      as,
      client,
      authentication,
      refreshToken,
      insecure,
    );
    expect(afterwards.status).toBe(400);
    expect(emulator.requests().map(({ endpoint, status }) => `${endpoint} ${status}`)).toEqual([
      "authorize 200",
      "authorize 303",
      "code 200",
      "refresh 200",
      "people 200",
      "revoke 200",
      "refresh 400",
    ]);
  });
}

test("the client reads the broker's errors", async () => {
  const { emulator, client: registered } = await setUp({ errorShape: "broker" });
  const as = server(emulator);
  const client = { client_id: registered.clientId };
  const response = await oauth.refreshTokenGrantRequest(
    as,
    client,
    oauth.ClientSecretPost(registered.clientSecret),
    "no such token",
    insecure,
  );
  await expect(oauth.processRefreshTokenResponse(as, client, response)).rejects.toMatchObject({
    error: "invalid_grant",
    status: 400,
  });
});

test("a refusal carried back is understood", async () => {
  const { emulator, client: registered } = await setUp();
  const url = authorizationUrl(emulator, registered);
  const location = new URL(await emulator.approve(url, { decision: "deny" }));
  expect(() =>
    oauth.validateAuthResponse(server(emulator), { client_id: registered.clientId }, location, "s1"),
  ).toThrow(expect.objectContaining({ error: "access_denied" }));
});

test("a device polls through RFC 8628's answers", async () => {
  const { emulator, client: registered } = await setUp({ devicePendingStatus: 400, errorShape: "broker" });
  const as = server(emulator);
  const client = { client_id: registered.clientId };
  const basic = oauth.ClientSecretBasic(registered.clientSecret);
  const device = await oauth.processDeviceAuthorizationResponse(
    as,
    client,
    await oauth.deviceAuthorizationRequest(
      as,
      client,
      oauth.None(),
      { scope: "spark:people_read" },
      insecure,
    ),
  );
  const poll = async (): Promise<oauth.TokenEndpointResponse> => {
    const polled = { ...as, token_endpoint: `${emulator.baseUrl}/device/token` };
    const response = await oauth.deviceCodeGrantRequest(polled, client, basic, device.device_code, insecure);
    return oauth.processDeviceCodeResponse(as, client, response);
  };
  await expect(poll()).rejects.toMatchObject({ error: "authorization_pending" });
  await emulator.approveDevice(device.user_code);
  await expect(poll()).resolves.toMatchObject({ scope: "spark:people_read" });
});
