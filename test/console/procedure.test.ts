/** The whole procedure in the browser: from a link to a grant, denied, by somebody else, and again. */
import { beforeAll, describe, expect, test } from "vitest";
import { createRehearsal } from "../../src/cli/rehearsal-provider.ts";
import { hasBrowser } from "../browser/browser.ts";
import {
  decide,
  expectFit,
  expectNoComplaint,
  linkFor,
  openScene,
  PEOPLE,
  type Scene,
  useBrowser,
  visit,
} from "./stage.ts";

describe.skipIf(!hasBrowser)("the procedure", () => {
  const { open } = useBrowser();

  test("first run: from the link to a connected grant, with the stand-in", async () => {
    let scene: Scene | null = null;
    const rehearsal = { close: async () => undefined as void, register: async () => ({ integration: "" }) };
    scene = await openScene({
      serve: { rehearse: () => rehearsal.register() },
    });
    const real = createRehearsal({ GRANTKEEPER_HOME: scene.home });
    const { url } = scene;
    rehearsal.register = () => real.register(url);
    // Nobody has ever been here: not even the integration of the other tests.
    await scene.ask("DELETE /v1/integrations/recorder");
    const visitor = await visit(open(), scene, { isOut: true });
    const { page, context } = visitor;
    await page.goto(scene.url);
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await expectFit(page, "sign in");
    const link = await linkFor(scene);
    await page.goto(link);
    await page.getByRole("heading", { name: "Connect a grant" }).waitFor();
    expect(page.url()).toBe(`${scene.url}/connect`);
    await expectFit(page, "where from");
    await page.getByRole("button", { name: /Rehearse without an account/ }).click();
    await page.getByLabel("Name of the grant").fill("meetings");
    await expectFit(page, "consent");
    await page.getByRole("button", { name: "Go to Cisco Webex and consent" }).click();
    await decide(page);
    await page.getByText("Granted by Ada Administrator.").waitFor();
    expect(await page.getByText("Every scope that was asked for was granted.").isVisible()).toBe(true);
    await expectFit(page, "connected");
    // The code of the link is nowhere, the session where no script can read it.
    const [code = ""] = link.split("#").slice(1);
    const kept = await page.evaluate<string>(
      "JSON.stringify([location.href, document.cookie, { ...localStorage }, { ...sessionStorage }, history.length])",
    );
    expect(kept).not.toContain(code);
    expect(kept).toMatch(/,"",\{\},\{\},\d+\]$/);
    const cookies = await context.cookies();
    const own = cookies.filter(({ name }) => name.startsWith("grantkeeper"));
    expect(own.map(({ httpOnly, sameSite }) => [httpOnly, sameSite])).toEqual([[true, "Strict"]]);
    expectNoComplaint(visitor);
    await real.close();
  });

  describe("with an integration of one's own", () => {
    let scene: Scene;
    beforeAll(async () => {
      scene = await openScene({ lasts: true, emulator: { users: PEOPLE } });
    });

    test("swapped values are noticed and swapped back; the portal's list can be copied", async () => {
      const visitor = await visit(open(), scene);
      const { page } = visitor;
      await page.goto(`${scene.url}/connect`);
      await page.getByRole("button", { name: "New integration at Cisco Webex Register" }).click();
      await page.getByLabel("Name of the integration").fill("recorder");
      await page.getByText("That name is taken.").waitFor();
      await page.getByLabel("Name of the integration").fill("another");
      await page.getByLabel("Client ID").fill("b".repeat(64));
      await page.getByLabel("Client secret").fill(`C${"a".repeat(64)}`);
      await page.getByText("were the two swapped?").first().waitFor();
      await expectFit(page, "swapped");
      await page.getByRole("button", { name: "Swap the two" }).click();
      await page.getByText("looks right").nth(1).waitFor();
      await page.getByRole("button", { name: "Copy: redirect URI" }).click();
      const copied = await page.evaluate<string>("navigator.clipboard.readText()");
      expect(copied).toBe(`${scene.url}/oauth/callback`);
      await page.getByRole("button", { name: "Keep the integration" }).click();
      await page.getByLabel("Name of the grant").waitFor();
      const { body } = await scene.ask("GET /v1/integrations/another");
      expect(body).toMatchObject({ client_id: `C${"a".repeat(64)}`, has_client_secret: true });
      expectNoComplaint(visitor);
    });

    test("a denied consent leads back; a second one succeeds; one by somebody else is flagged", async () => {
      const visitor = await visit(open(), scene);
      const { page } = visitor;
      const consent = async (): Promise<void> =>
        page.getByRole("button", { name: "Go to Cisco Webex and consent" }).click();
      await page.goto(`${scene.url}/connect?integration=recorder`);
      await page.getByLabel("Name of the grant").fill("board");
      await consent();
      await decide(page, "Deny");
      await page.getByRole("heading", { name: "It did not work" }).waitFor();
      await page.getByRole("link", { name: /Go back/ }).click();
      await page.getByText("Nobody has consented yet.").waitFor();
      await page.getByRole("link", { name: "Consent again" }).click();
      await consent();
      await decide(page);
      await page.getByText("Granted by Ada Administrator.").waitFor();
      expect(await page.getByText("Another person than before").count()).toBe(0);

      await page.getByRole("link", { name: "Consent again" }).click();
      await consent();
      await decide(page, "Approve", /Uma/);
      await page.getByText("Another person than before consented.").waitFor();
      // A name of the provider is text, whatever is in it.
      expect(await page.getByText(/Granted by Uma <img/).isVisible()).toBe(true);
      expect(await page.title()).toBe("board – Grantkeeper");
      expect(await page.locator('img[src="x"]').count()).toBe(0);
      // The same name, the same history.
      for (const heading of ["Generation 2", "Generation 1", "Before the first token"])
        expect(await page.getByRole("heading", { name: heading }).count()).toBe(1);
      await expectFit(page, "a grant with a history");
      expectNoComplaint(visitor);
    });

    test("where the redirect URI leads elsewhere, the address is pasted", async () => {
      const elsewhere = "http://127.0.0.1:9/oauth/callback";
      const client = scene.emulator.registerClient({ redirectUris: [elsewhere] });
      await scene.ask("POST /v1/integrations", {
        body: {
          name: "elsewhere",
          provider: "webex",
          client_id: client.clientId,
          client_secret: client.clientSecret,
          redirect_uri: elsewhere,
          base_url: scene.emulator.baseUrl,
          preset: "meetings-capture",
        },
      });
      const visitor = await visit(open(), scene);
      const { page, context } = visitor;
      await page.goto(`${scene.url}/connect?integration=elsewhere`);
      await page.getByLabel("Name of the grant").fill("pasted");
      const opened = context.waitForEvent("page");
      await page.getByRole("button", { name: "Open the consent page" }).click();
      const address = await scene.emulator.approve((await opened).url());
      await page.getByLabel("Redirected address").fill(address.replace(/state=[^&]*/, "state=wrong"));
      await page.getByRole("button", { name: "Exchange" }).click();
      await page.getByRole("alert").waitFor();
      await expectFit(page, "a wrong address");
      await page.getByLabel("Redirected address").fill(address);
      await page.getByRole("button", { name: "Exchange" }).click();
      await page.getByRole("heading", { name: "pasted" }).waitFor();
      await page.getByText("Who granted cannot be shown").waitFor();
      expectNoComplaint(visitor);
    });
  });
});
