/** Every page at both ends of the widths, in both themes and languages, with the keyboard, and with ten thousand grants. */
import { beforeAll, describe, expect, test } from "vitest";
import { serve } from "../../src/serve.ts";
import { readServeConfig } from "../../src/serve-config.ts";
import { hasBrowser } from "../browser/browser.ts";
import { freePort } from "../oauth/servers.ts";
import { expectFit, expectNoComplaint, openScene, type Scene, useBrowser, visit } from "./stage.ts";

const PAGES = [
  "/",
  "/grants",
  "/grants/meetings",
  "/grants/meetings/hand-over",
  "/calendar",
  "/connect",
  "/connect?integration=recorder",
  "/integrations",
  "/integrations/recorder",
  "/api-keys",
  "/events",
];

describe.skipIf(!hasBrowser)("for everybody", () => {
  const { open } = useBrowser();
  let scene: Scene;

  beforeAll(async () => {
    scene = await openScene({ lasts: true });
    await scene.grant("meetings");
    await scene.grant("a-grant-with-the-longest-name-that-anybody-may-give-it-012345678");
    await scene.ask("POST /v1/grants/waiting/authorizations", { body: { integration: "recorder" } });
  });

  test.each([
    [360, "light", "de"],
    [1280, "dark", "en"],
    [3840, "light", "en"],
  ] as const)(
    "%i px, %s, %s: every page fits and has nothing for axe",
    async (width, colorScheme, language) => {
      const visitor = await visit(open(), scene, { width, colorScheme, language });
      const { page } = visitor;
      for (const path of PAGES) {
        await page.goto(`${scene.url}${path}`);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await page
          .getByText(/^(Loading|Lädt)/)
          .first()
          .waitFor({ state: "detached" });
        await expectFit(page, `${path} ${width} ${colorScheme} ${language}`);
      }
      expect(await page.evaluate("document.documentElement.lang")).toBe(language);
      expectNoComplaint(visitor);
    },
  );

  test("every page says in German whatever the console says", async () => {
    const visitor = await visit(open(), scene, { language: "de" });
    const { page } = visitor;
    const english = /\b(the|and|grant|grants|refresh|consent|token set|with|every|until|nothing)\b/i;
    for (const path of PAGES) {
      await page.goto(`${scene.url}${path}`);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page
        .getByText(/^Lädt/)
        .first()
        .waitFor({ state: "detached" });
      // What the service says is English, and marked so; codes, names and facts are what they are.
      const said = await page.evaluate<string[]>(
        `[...document.querySelectorAll("body *")]
           .filter((element) => !element.closest("[lang=en], code, pre, dl.event-facts, option, script, noscript"))
           .flatMap((element) => [...element.childNodes].filter(({ nodeType }) => nodeType === 3))
           .map(({ textContent }) => textContent.trim()).filter(Boolean)`,
      );
      const names = /a-grant-with|^Grantkeeper|^meetings$|^waiting$/;
      expect(said.filter((text) => english.test(text) && !names.test(text))).toEqual([]);
      expect(said.length).toBeGreaterThan(10);
    }
    await page.getByLabel("Sprache").selectOption("en");
    await page.getByRole("heading", { name: "Events" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Events" }).waitFor();
    expectNoComplaint(visitor);
  });

  test("the keyboard reaches the content, the pages and their buttons", async () => {
    const visitor = await visit(open(), scene);
    const { page } = visitor;
    await page.goto(`${scene.url}/grants`);
    await page.getByRole("link", { name: "meetings" }).waitFor();
    const skip = page.getByRole("link", { name: "Skip to content" });
    await skip.focus();
    expect((await skip.boundingBox())?.y).toBeGreaterThan(0);
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("content");
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press("Tab");
      if ((await page.evaluate("document.activeElement.textContent")) === "meetings") break;
    }
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "meetings" }).waitFor();
    // A new page is read from its title on.
    expect(await page.evaluate("document.activeElement.tagName")).toBe("H1");
    expectNoComplaint(visitor);
  });

  test("a lost connection is said, and heals by itself", async () => {
    const port = await freePort();
    const own = await openScene({ isWatched: false, config: { port } });
    await own.grant("meetings");
    const { page } = await visit(open(), own);
    await page.getByText("Everything is well").waitFor();
    await own.service.stop();
    await page.getByText("Connection lost.").waitFor();
    await expectFit(page, "lost");
    const env = { GRANTKEEPER_HOME: own.home };
    const config = { ...(await readServeConfig(env)), port };
    const nothing = (): void => undefined;
    const again = await serve({ env, config, version: "0", onError: nothing, onHeld: nothing });
    try {
      await page.getByText("Connection lost.").waitFor({ state: "detached" });
      await own.grant("arrived-later");
      await page.goto(`${own.url}/grants`);
      await page.getByRole("link", { name: "arrived-later" }).waitFor();
    } finally {
      await again.stop();
    }
  });

  test("ten thousand grants: all are found, few are in the page, the last is reached", async () => {
    const own = await openScene();
    const { store } = own.other.ports;
    await own.grant("template");
    const template = await store.grant("template");
    if (template === null) throw new Error("no template");
    const names = Array.from({ length: 10_000 }, (_, i) => `grant-${String(i).padStart(5, "0")}`);
    await Promise.all(names.map((name) => store.addGrant({ ...template, id: name, name }, [])));
    const visitor = await visit(open(), own);
    const { page } = visitor;
    await page.goto(`${own.url}/grants?sort=name`);
    await page.getByText("10001 grants", { exact: true }).waitFor();
    expect(await page.locator(".row").count()).toBeLessThan(60);
    await page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)");
    await page.getByRole("link", { name: "template" }).waitFor();
    expect(await page.locator(".row").count()).toBeLessThan(60);
    await page.getByRole("searchbox").fill("grant-04242");
    await page.getByText("1 of 10001 grants").waitFor();
    await page.getByRole("link", { name: "grant-04242" }).waitFor();
    expectNoComplaint(visitor);
  });
});
