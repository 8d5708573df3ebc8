import { expect, test } from "vitest";
import { basic, get, issue, post, refresh, setUp, start, textOf, works } from "./support.ts";

const invalid = "The request requires a valid access token set in the Authorization request header.";

test("people/me shows who consented, to whom the scope allows it", async () => {
  const { emulator, client } = await setUp();
  const url = `${emulator.baseUrl}/people/me`;
  const { access_token: token } = issue(emulator, client);
  const { status, json } = await get(url, token);
  expect(status).toBe(200);
  expect(json).toMatchObject({
    displayName: "Ada Administrator",
    emails: ["admin@example.com"],
    type: "person",
  });
  expect(Buffer.from(String(json["roles"]), "base64").toString()).toBe("ciscospark://us/ROLE/id_full_admin");

  const { access_token: blind } = issue(emulator, client, { scopes: ["meeting:admin_schedule_read"] });
  const refused = await get(url, blind);
  expect(refused.status).toBe(403);
  expect(textOf(refused.json["message"])).toContain("missing required scopes");
});

test.each(["gateway", "broker"] as const)(
  "a bad token is refused in the gateway's shape (%s)",
  async (errorShape) => {
    const { emulator, client } = await setUp({ errorShape });
    const url = `${emulator.baseUrl}/people/me`;
    const { access_token: token } = issue(emulator, client);
    emulator.advance(1_209_599_000);
    for (const bearer of [undefined, "x", token]) {
      const { status, json, headers } = await get(url, bearer);
      expect(status).toBe(401);
      expect(json).toEqual({
        message: invalid,
        errors: [{ description: invalid }],
        trackingId: headers.get("trackingid"),
      });
    }
    expect(emulator.ledger().map(({ kind, verdict }) => `${kind} ${verdict}`)).toEqual([
      "minted null",
      "minted null",
      "presented unknown",
      "expired null",
      "presented expired",
    ]);
  },
);

test("meetings need the scope and a full administrator", async () => {
  const { emulator, client } = await setUp();
  const url = `${emulator.baseUrl}/meetings`;
  const { json } = await get(url, issue(emulator, client).access_token);
  expect(json["items"]).toMatchObject([{ state: "ended", hostEmail: "admin@example.com" }]);
  const powerless = issue(emulator, client, { user: "user@example.com" });
  expect((await get(url, powerless.access_token)).status).toBe(403);
});

test("tokenExpiry gives the end of the calling token in milliseconds", async () => {
  const { emulator, client } = await setUp();
  const { access_token: token } = issue(emulator, client);
  const { json } = await get(`${emulator.baseUrl}/authorizations/tokenExpiry`, token);
  expect(json).toEqual({ exp: start + 1_209_599_000 });
});

test("authorizations are listed and deleted", async () => {
  const { emulator, client } = await setUp();
  const url = `${emulator.baseUrl}/authorizations`;
  const admin = issue(emulator, client).access_token;
  const theirs = issue(emulator, client, { user: "user@example.com" });
  expect((await get(url, admin)).status).toBe(400);
  expect((await get(`${url}?personEmail=nobody@example.com`, admin)).status).toBe(404);
  const { json } = await get(`${url}?personEmail=user@example.com`, admin);
  expect(json["items"]).toMatchObject([
    { type: "refresh", clientId: client.clientId, applicationName: client.name },
    { type: "access" },
  ]);
  const ids = Array.isArray(json["items"]) ? json["items"].map(({ id }: { id: string }) => id) : [];
  const same = await get(
    `${url}?personId=${(await personId(emulator.baseUrl, theirs.access_token)) ?? ""}`,
    admin,
  );
  expect(same.json).toEqual(json);

  expect((await get(`${url}/${ids[1]}`, theirs.access_token, "DELETE")).status).toBe(403);
  expect((await get(`${url}/${ids[1]}`, admin, "DELETE")).status).toBe(204);
  expect(await works(emulator, theirs.access_token)).toBe(false);
  const renewed = (await refresh(emulator, client, theirs.refresh_token)).json;
  expect((await get(`${url}/${ids[0]}`, admin, "DELETE")).status).toBe(204);
  expect(await works(emulator, renewed["access_token"])).toBe(false);
  expect((await get(`${url}/${ids[0]}`, admin, "DELETE")).status).toBe(404);
  expect((await get(`${url}/%E0%A4%A`, admin, "DELETE")).status).toBe(404);

  const again = issue(emulator, client, { user: "user@example.com" });
  expect((await get(`${url}?clientId=${client.clientId}`, admin, "DELETE")).status).toBe(204);
  expect(await works(emulator, again.access_token)).toBe(false);
  expect(await works(emulator, admin)).toBe(false);
});

test("revocation: an access token alone, a refresh token with all that came of it", async () => {
  const { emulator, client } = await setUp();
  const url = `${emulator.url}/idb/oauth2/v1/revoke`;
  const tokens = issue(emulator, client);
  const second = (await refresh(emulator, client, tokens.refresh_token)).json;
  const hint = { token: tokens.access_token, token_type_hint: "refresh_token" };
  expect((await post(url, hint, basic(client))).status).toBe(200);
  expect(await works(emulator, tokens.access_token)).toBe(false);
  expect(await works(emulator, second["access_token"])).toBe(true);

  expect((await post(url, { token: "unknown" }, basic(client))).status).toBe(200);
  expect((await post(url, {}, basic(client))).status).toBe(400);
  expect((await post(url, { token: tokens.refresh_token })).status).toBe(401);
  expect((await post(url, { token: tokens.refresh_token }, basic(emulator.registerClient()))).status).toBe(
    400,
  );
  expect(await works(emulator, second["access_token"])).toBe(true);

  expect((await post(url, { token: tokens.refresh_token }, basic(client))).status).toBe(200);
  expect(await works(emulator, second["access_token"])).toBe(false);
  expect((await refresh(emulator, client, tokens.refresh_token)).status).toBe(400);
});

async function personId(baseUrl: string, token: string): Promise<string | undefined> {
  const { json } = await get(`${baseUrl}/people/me`, token);
  return textOf(json["id"]);
}
