/** People sign in at their team's own OpenID provider: oidc-provider, which we did not write. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OpenIdSignIn } from "../../src/http/openid-routes.ts";
import { hasBrowser } from "../browser/browser.ts";
import { freePort } from "../oauth/servers.ts";
import { CLIENT_ID, CLIENT_SECRET, type OpenIdServer, startOpenIdServer } from "./openid-server.ts";
import { openScene } from "../http/scene.ts";
import { expectFit, expectNoComplaint, type Scene, useBrowser, visit } from "./stage.ts";

const GROUPS = {
  ada: ["everybody", "keepers"],
  otto: ["on-call"],
  vera: ["everybody"],
  nobody: ["visitors"],
};

let server: OpenIdServer;
let scene: Scene;
let openId: OpenIdSignIn;

beforeAll(async () => {
  const port = await freePort();
  server = await startOpenIdServer(`http://127.0.0.1:${port}/sign-in/callback`, GROUPS);
  openId = {
    issuer: new URL(server.issuer),
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    roleClaim: "groups",
    roles: { viewer: ["everybody"], operator: ["on-call"], admin: ["keepers"] },
  };
  scene = await openScene({ lasts: true, config: { port, openId } });
  await scene.grant("meetings");
});
afterAll(() => server.close());

describe.skipIf(!hasBrowser)("in a browser", () => {
  const { open } = useBrowser();

  /** Up to the provider's last question. */
  async function identify(page: Page, name: string): Promise<void> {
    await page.goto(scene.url);
    await page.getByRole("button", { name: `Sign in at ${new URL(server.issuer).host}` }).click();
    await page.getByPlaceholder(/login/i).fill(name);
    await page.getByPlaceholder(/password/i).fill("x");
    await page.getByRole("button", { name: /sign-in/i }).click();
    await page.getByRole("button", { name: /continue/i }).waitFor();
  }

  async function signInAs(page: Page, name: string): Promise<void> {
    await identify(page, name);
    await page.getByRole("button", { name: /continue/i }).click();
  }

  test.each([
    ["ada", "administrator", true],
    ["otto", "operator", true],
    ["vera", "viewer", false],
  ] as const)("%s comes in as %s", async (name, role, mayHold) => {
    const visitor = await visit(open(), scene, { isOut: true });
    const { page } = visitor;
    await page.goto(scene.url);
    await page.getByRole("button", { name: /Sign in at/ }).waitFor();
    await expectFit(page, "sign in");
    await signInAs(page, name);
    await page.getByText(`${name}, ${role}`).waitFor();
    expect(page.url()).toBe(`${scene.url}/`);
    await page.goto(`${scene.url}/grants/meetings`);
    await page.getByRole("link", { name: "Hand over" }).waitFor();
    expect((await page.getByRole("button", { name: "Hold" }).count()) > 0).toBe(mayHold);
    const events = await scene.other.ports.store.events({ limit: 500 });
    expect(events.findLast(({ type }) => type === "signed_in")?.data["person"]).toBe(name);
    expectNoComplaint(visitor);
  });

  test("whoever has no role is told so, and is not in", async () => {
    const { page } = await visit(open(), scene, { isOut: true });
    await signInAs(page, "nobody");
    await page.getByRole("heading", { name: "You could not be signed in" }).waitFor();
    await page.getByText("nobody has no role here.").waitFor();
    await page.getByRole("link", { name: "Back to the console" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
  });

  test("an answer of another browser, a used one, and a forged one sign nobody in", async () => {
    const first = await visit(open(), scene, { isOut: true });
    const name = `grantkeeper-${scene.port}-sign-in`;
    await identify(first.page, "ada");
    const [cookie] = (await first.context.cookies()).filter((one) => one.name === name);
    if (cookie === undefined) throw new Error("nothing is remembered of the sign-in");
    // Without what was remembered, the answer is not taken, and its code stays good.
    await first.context.clearCookies({ name });
    await first.page.getByRole("button", { name: /continue/i }).click();
    await first.page.getByText("was not begun in this browser").waitFor();
    const answer = first.page.url();
    expect(answer).toContain("code=");
    // The victim of such a link has begun nothing here, or something else.
    const victim = await visit(open(), scene, { isOut: true });
    for (const address of [answer, answer.replace(/code=[^&]*/, "code=forged")]) {
      const said = await victim.page.goto(address);
      expect(said?.status()).toBe(400);
    }
    await victim.page.goto(scene.url);
    await victim.page.getByRole("button", { name: /Sign in at/ }).click();
    await victim.page.getByPlaceholder(/login/i).waitFor();
    expect((await victim.page.goto(answer))?.status()).toBe(422);
    const kept = (await victim.context.cookies()).map((one) => one.name);
    expect(kept).not.toContain(`grantkeeper-${scene.port}`);
    await first.context.addCookies([cookie]);
    const wrong = answer.replace(/state=[^&]*/, "state=wrong");
    expect((await first.page.goto(wrong))?.status()).toBe(422);
    // Its cookie is gone with the first answer, whatever that was.
    expect((await first.page.goto(answer))?.status()).toBe(400);
    await first.page.goto(scene.url);
    await first.page.getByRole("button", { name: /Sign in at/ }).waitFor();
  });
});

test("it begins on the console's own pages alone; a provider that is away is told", async () => {
  const headers = { origin: scene.url, "x-grantkeeper-console": "person" };
  expect((await scene.ask("GET /v1/sign-in", { key: null })).body).toEqual({
    link: true,
    openid: new URL(server.issuer).host,
  });
  for (const foreign of [{}, { ...headers, origin: "http://evil.example" }])
    expect((await scene.ask("POST /v1/sign-in", { key: null, headers: foreign })).status).toBe(403);
  const begun = await scene.ask("POST /v1/sign-in", { key: null, headers });
  expect(begun.status).toBe(201);
  const cookie = String(begun.headers.get("set-cookie"));
  expect(cookie).toMatch(/^grantkeeper-\d+-sign-in=[\w.-]+; Path=\/; HttpOnly; SameSite=Lax$/);
  const address = new URL(String(begun.body["authorization_url"]));
  for (const name of ["state", "nonce", "code_challenge"]) {
    const value = String(address.searchParams.get(name));
    expect(value.length).toBeGreaterThanOrEqual(32);
    expect(cookie).not.toContain(value);
  }
  const away = { ...openId, issuer: new URL("http://127.0.0.1:1") };
  const lonely = await openScene({ config: { openId: away } });
  const refused = await lonely.ask("POST /v1/sign-in", {
    key: null,
    headers: { ...headers, origin: lonely.url },
  });
  expect([refused.status, refused.body["code"]]).toEqual([503, "provider_unreachable"]);
  const none = await openScene();
  expect((await none.ask("GET /v1/sign-in", { key: null })).body["openid"]).toBeNull();
});
