import { describe, expect, test } from "vitest";
import {
  abandonAuthorization,
  beginAuthorization,
  completeAuthorization,
  exchangePastedCode,
} from "../../src/keeper/authorize.ts";
import { getToken } from "../../src/keeper/get-token.ts";
import { emptySpool } from "../../src/keeper/spooling.ts";
import { parseRedirected } from "../../src/oauth/callback.ts";
import { familyOf, worth } from "../reliability/oracle.ts";
import { MINUTE, openRig, type Rig } from "./rig.ts";

async function consent(rig: Rig, name: string, decision: "approve" | "deny" = "approve") {
  const begun = await beginAuthorization(rig.ports, name, "recorder");
  const location = await rig.emulator.approve(begun.authorizationUrl, { decision });
  return { begun, redirected: parseRedirected(location, begun.redirectUri) };
}

const codes = (rig: Rig) => rig.emulator.requests().filter(({ endpoint }) => endpoint === "code").length;

describe("an authorization", () => {
  test("makes the grant, and its code is redeemed once: ten at the same moment send one request", async () => {
    const rig = await openRig();
    const { redirected } = await consent(rig, "new");
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => completeAuthorization(rig.ports, "new", redirected)),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const result of results) {
      if (result.status === "fulfilled") continue;
      expect(result.reason).toMatchObject({
        code: "invalid_request",
        message: expect.stringContaining("used already"),
      });
    }
    expect(codes(rig)).toBe(1);
    expect(await getToken(rig.ports, "new", 300)).toMatchObject({ generation: 1, warning: null });
  });

  test.each([
    ["no state", null, "has no state"],
    ["an invented state", "invented", "not one that was handed out"],
  ] as const)("%s: nothing is sent", async (_what, state, message) => {
    const rig = await openRig();
    const { redirected } = await consent(rig, "new");
    const forged = { ...redirected, state };
    await expect(completeAuthorization(rig.ports, "new", forged)).rejects.toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining(message),
    });
    expect(codes(rig)).toBe(0);
  });

  test("another grant's, a late and an abandoned one: nothing is sent", async () => {
    const rig = await openRig();
    const { begun, redirected } = await consent(rig, "one");
    await expect(completeAuthorization(rig.ports, "g", redirected)).rejects.toMatchObject({
      message: expect.stringContaining("belongs to the grant"),
    });
    rig.pass(10 * MINUTE);
    await expect(completeAuthorization(rig.ports, "one", redirected)).rejects.toMatchObject({
      message: expect.stringContaining("too late"),
    });
    await abandonAuthorization(rig.ports, "one", begun, "timed_out");
    expect(await rig.ports.store.grant("one")).toBeNull();
    const again = await consent(rig, "two");
    await abandonAuthorization(rig.ports, "two", again.begun, "cancelled");
    await expect(completeAuthorization(rig.ports, "two", again.redirected)).rejects.toMatchObject({
      code: "invalid_request",
    });
    expect(codes(rig)).toBe(0);
  });

  test("a denied consent leaves what was there", async () => {
    const rig = await openRig();
    const { redirected } = await consent(rig, "g", "deny");
    await expect(completeAuthorization(rig.ports, "g", redirected)).rejects.toMatchObject({
      code: "provider_refused",
    });
    expect(await rig.refreshToken()).toBe(rig.tokens.refresh_token);
    expect(await rig.events("authorization_ended")).toHaveLength(1);
  });

  test.each([
    [
      "a refused code",
      { kind: "answer", status: 400, body: '{"error":"invalid_grant"}' },
      "provider_refused",
    ],
    ["a failing provider", { kind: "status", status: 503 }, "provider_unreachable"],
    ["a rate limit", { kind: "status", status: 429 }, "rate_limited"],
    ["a lost answer", { kind: "lost_answer" }, "provider_unreachable"],
  ] as const)(
    "%s: an error, the old tokens stay, a new grant waits for the next consent",
    async (_what, fault, code) => {
      const rig = await openRig();
      for (const name of ["g", "new"]) {
        const { redirected } = await consent(rig, name);
        rig.emulator.fault({ on: "code", ...fault });
        await expect(completeAuthorization(rig.ports, name, redirected)).rejects.toMatchObject({ code });
      }
      expect(await rig.refreshToken()).toBe(rig.tokens.refresh_token);
      expect(await rig.grant()).toMatchObject({ generation: 1, state: "active" });
      expect(await rig.ports.store.grant("new")).toMatchObject({ state: "pending", generation: 0 });
    },
  );

  test("a pasted code of one of several outstanding requests is not guessed at", async () => {
    const rig = await openRig();
    const first = await consent(rig, "g");
    await consent(rig, "g");
    const code = first.redirected.kind === "code" ? first.redirected.code : "";
    const given = { code, integration: null, redirectUri: null };
    await expect(exchangePastedCode(rig.ports, "g", given)).rejects.toMatchObject({
      message: expect.stringContaining("Several authorizations"),
    });
    expect(codes(rig)).toBe(0);
  });

  test.each(["g", "new"])("a code whose tokens the store cannot take is spooled: %s", async (name) => {
    let isFailing = true;
    const rig = await openRig({
      replace: ({ store }) => ({
        store: {
          ...store,
          changeGrant: (write) =>
            isFailing ? Promise.reject(new Error("no space")) : store.changeGrant(write),
        },
      }),
    });
    const code = await codeFromElsewhere(rig);
    const given = { code, integration: "recorder", redirectUri: null };
    await exchangePastedCode(rig.ports, name, given);
    expect(rig.spooled()).toHaveLength(1);
    isFailing = false;
    await emptySpool(rig.ports);
    expect(rig.spooled()).toEqual([]);
    const document = await getToken(rig.ports, name, 300);
    const minted = rig.emulator.ledger().findLast(({ kind }) => kind === "minted");
    expect(document.access_token).toBe(minted?.value);
  });
});

/** A code that was made without us: no state of ours, no PKCE. */
async function codeFromElsewhere({ emulator, client }: Rig): Promise<string> {
  const url = new URL(`${emulator.baseUrl}/authorize`);
  url.search = new URLSearchParams({
    response_type: "code",
    client_id: client.clientId,
    redirect_uri: "http://127.0.0.1:8700/oauth/callback",
    scope: "meeting:admin_schedule_read spark:people_read",
    state: "theirs",
  }).toString();
  return new URL(await emulator.approve(url.href)).searchParams.get("code") ?? "";
}

test("two who consent to one grant at the same moment: both are kept in order, the last whole", async () => {
  const rig = await openRig();
  const both = [await consent(rig, "g"), await consent(rig, "g")];
  await Promise.all(both.map(({ redirected }) => completeAuthorization(rig.ports, "g", redirected)));
  const grant = await rig.grant();
  expect(grant).toMatchObject({ generation: 3, state: "active", leaseOwner: null });
  expect(await rig.events("granted")).toHaveLength(2);
  // Access and refresh token are of one answer.
  const ledger = rig.emulator.ledger();
  const refreshToken = (await rig.refreshToken()) ?? "";
  const family = familyOf(ledger, refreshToken);
  expect(worth(family, refreshToken)).toBe("good");
  expect(family.map(({ value }) => value)).toContain(await rig.accessToken());
});
