import { describe, expect, test } from "vitest";
import { agedGrant, connectedHome, consent, type Place, registeredHome, tokenRequests } from "./connected.ts";
import { documentOf, json, newHome, run } from "./support.ts";

describe("suspend and resume", () => {
  test("held: nothing is sent and nothing handed out; exit 8", async () => {
    const place = await registeredHome();
    await agedGrant(place, 20);
    const asText = await run(["suspend", "meetings"], place);
    expect(asText.stdout).toContain("meetings is suspended.");
    for (const words of [["token"], ["refresh"], ["exec"]]) {
      const more = words[0] === "exec" ? ["--", "true"] : [];
      const ended = await run([...words, "meetings", ...more], place);
      expect(ended.exitCode, words.join(" ")).toBe(8);
      expect(ended.stderr).toContain("grantkeeper resume meetings");
    }
    expect(tokenRequests(place)).toBe(0);
    expect(await json(["suspend", "meetings"], place), "twice is once").toMatchObject({ state: "suspended" });
    expect(await json(["resume", "meetings"], place)).toMatchObject({ state: "active" });
    expect(await json(["resume", "meetings"], place), "twice is once").toMatchObject({ state: "active" });
    expect(await json(["token", "meetings"], place)).toMatchObject({ generation: 2 });
  });

  test("a new consent releases it", async () => {
    const place = await connectedHome();
    await run(["suspend", "meetings"], place);
    await consent(place);
    expect(await json(["token", "meetings"], place)).toMatchObject({ generation: 2 });
  });
});

describe("revoke", () => {
  test("the provider is told and the tokens are forgotten; tokens are refused afterwards", async () => {
    const place = await connectedHome();
    const { stdout } = await run(["reveal", "meetings", "refresh_token"], place);
    const ended = await run(["revoke", "meetings"], place);
    expect(ended).toMatchObject({ exitCode: 0, stdout: "meetings is revoked, at the provider too.\n" });
    const told = place.emulator.requests().at(-1);
    expect(told).toMatchObject({
      endpoint: "revoke",
      status: 200,
      form: { token_type_hint: "refresh_token" },
    });
    expect(place.emulator.revokeGrant(stdout.trim()), "it has ended there").toBe(false);
    expect(await json(["status", "meetings"], place)).toMatchObject({
      state: "revoked",
      access_token: { expires_at: null },
      refresh_token: { expires_at: null },
      reconsent_by: null,
    });
    for (const words of [["token"], ["refresh"], ["reveal"]]) {
      const more = words[0] === "reveal" ? ["refresh_token"] : [];
      expect((await run([...words, "meetings", ...more], place)).exitCode, words.join(" ")).toBe(4);
    }
    expect((await run(["suspend", "meetings"], place)).exitCode).toBe(2);
    await consent(place);
    expect(await json(["token", "meetings"], place)).toMatchObject({ generation: 2, warning: null });
  });

  test("a server without a revocation endpoint: ended here, and where it can be ended there is said", async () => {
    const place = await connectedHome();
    place.emulator.fault({ on: "revoke", kind: "status", status: 404 });
    const ended = await run(["revoke", "meetings", "--json"], place);
    expect(ended.exitCode).toBe(0);
    expect(documentOf(ended)).toMatchObject({ state: "revoked", told_provider: false });
    expect(ended.stderr).toContain("The provider could not be told. Withdraw the consent at");
  });

  test("a server that fails: ended here at once, told by the next keeper, or by the same command again", async () => {
    const place = await connectedHome();
    const { stdout } = await run(["reveal", "meetings", "refresh_token"], place);
    const outage = place.emulator.fault({ on: "revoke", kind: "status", status: 500, times: "always" });
    const ended = await run(["revoke", "meetings"], place);
    expect(ended).toMatchObject({ exitCode: 0, stdout: "meetings is revoked here.\n" });
    expect(ended.stderr).toContain("The provider could not be told yet: ");
    expect(ended.stderr).toContain("grantkeeper revoke meetings");
    expect((await run(["token", "meetings"], place)).exitCode).toBe(4);
    expect(await json(["revoke", "meetings"], place)).toMatchObject({
      state: "revoked",
      told_provider: false,
      revocation: { attempts: 2, next_attempt_at: expect.any(String) },
    });
    for (const words of [["status"], ["status", "meetings"]])
      expect((await run(words, place)).stdout, words.join(" ")).toContain(
        "the provider has still to be told",
      );
    expect(ended.stderr).not.toContain("..");
    outage.remove();
    const told = await run(["revoke", "meetings"], place);
    expect(told).toMatchObject({ exitCode: 0, stdout: "meetings is revoked, at the provider too.\n" });
    expect(place.emulator.revokeGrant(stdout.trim()), "it has ended there").toBe(false);
    expect(await json(["status", "meetings"], place)).toMatchObject({ revocation: null });
  });

  test("a server that refuses: the grant stays as it is", async () => {
    const place = await connectedHome();
    place.emulator.fault({ on: "revoke", kind: "status", status: 401 });
    const ended = await run(["revoke", "meetings"], place);
    expect(ended.exitCode).toBe(5);
    expect(ended.stderr).toContain("grantkeeper remove meetings");
    expect(await json(["token", "meetings"], place)).toMatchObject({ generation: 1, warning: null });
  });
});

describe("remove", () => {
  test("forgets a grant, says that the provider was not told, and frees the name", async () => {
    const place = await connectedHome();
    const ended = await run(["remove", "meetings"], place);
    expect(ended).toMatchObject({ exitCode: 0, stdout: "meetings is forgotten.\n" });
    expect(ended.stderr).toContain("The provider was not told");
    expect((await run(["status", "meetings"], place)).exitCode).toBe(3);
    await consent(place);
    expect(await json(["status", "meetings"], place)).toMatchObject({ generation: 1 });
  });
});

/** Commands about a grant that is not there. */
const ABOUT: readonly (readonly string[])[] = [
  ["token", "nosuch"],
  ["refresh", "nosuch"],
  ["status", "nosuch"],
  ["reveal", "nosuch", "refresh_token"],
  ["handoff", "nosuch"],
  ["exec", "nosuch", "--", "true"],
  ["revoke", "nosuch"],
  ["remove", "nosuch"],
  ["suspend", "nosuch"],
  ["resume", "nosuch"],
];

describe("a grant that is not there, or has no token", () => {
  test("exit 3, and how one is made", async () => {
    const home = newHome();
    await json(["status"], { home });
    const all = await Promise.all(ABOUT.map((words) => run(words, { home })));
    for (const [i, { exitCode, stdout, stderr }] of all.entries()) {
      expect({ exitCode, stdout }, ABOUT[i]?.join(" ")).toEqual({ exitCode: 3, stdout: "" });
      expect(stderr).toContain("grantkeeper connect NAME --integration I");
    }
    const connect = await Promise.all(
      ["connect", "authorization-url"].map((command) => run([command, "meetings"], { home })),
    );
    expect(connect.map(({ exitCode }) => exitCode)).toEqual([3, 3]);
  });

  test("pending: exit 4 for what needs a token", async () => {
    const place: Place = await registeredHome();
    await json(["authorization-url", "meetings"], place);
    const words = [
      ["token", "meetings"],
      ["refresh", "meetings"],
      ["reveal", "meetings", "refresh_token"],
    ];
    const all = await Promise.all(words.map((one) => run(one, place)));
    expect(all.map(({ exitCode }) => exitCode)).toEqual([4, 4, 4]);
    expect((await run(["status", "--check"], place)).exitCode).toBe(0);
  });

  test("several integrations and none named: exit 2, and the flag", async () => {
    const place = await registeredHome();
    const words = ["integration", "add", "second", "--client-id", place.client.clientId];
    await run([...words, "--client-secret-stdin", "--preset", "meetings-capture"], {
      ...place,
      input: place.client.clientSecret,
    });
    const ended = await run(["authorization-url", "meetings"], place);
    expect(ended.exitCode).toBe(2);
    expect(ended.stderr).toContain("--integration is needed");
    expect((await run(["status", "meetings"], place)).exitCode).toBe(3);
  });
});
