/** The one page that people see, and the one GET that changes something. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { beginAuthorization } from "../../src/keeper/authorize.ts";
import { openWatchedScene as openScene, type Scene } from "./scene.ts";
import { ask } from "./wire.ts";
import { hasBrowser, launchBrowser } from "../browser/browser.ts";

const MARKUP = `<img src=x onerror="document.title='owned'"> & "Zoë" <script>document.title='owned'</script>`;
const PERSON = {
  id: "0a8f6f0e-2f6c-4d2a-9d5c-6a1c1c7b9a01",
  email: "admin@example.com",
  displayName: MARKUP,
  orgId: "0a8f6f0e-2f6c-4d2a-9d5c-6a1c1c7b9a02",
  roles: ["full_admin"],
};

async function begin(scene: Scene, name: string, body: object = {}): Promise<string> {
  const answer = await scene.ask(`POST /v1/grants/${name}/authorizations`, {
    body: { integration: "recorder", ...body },
  });
  expect(answer.status).toBe(201);
  return String(answer.body["authorization_url"]);
}

const pathOf = (scene: Scene, address: string): string => address.replace(scene.url, "");
const exchanges = (scene: Scene): number =>
  scene.emulator.requests().filter(({ endpoint }) => endpoint === "code").length;

describe("what is no answer to a question of ours", () => {
  test("is refused in plain words, and nothing is sent for it", async () => {
    const scene = await openScene();
    const good = pathOf(scene, await scene.emulator.approve(await begin(scene, "g")));
    const state = new URL(good, scene.url).searchParams.get("state") ?? "";
    const { ports } = scene.other;
    const long = { ...ports, clock: { ...ports.clock, now: () => Date.now() - 11 * 60_000 } };
    const late = await beginAuthorization(long, "late", "recorder", null);
    const forged = `${state.slice(0, -1)}${state.endsWith("A") ? "B" : "A"}`;
    const addresses = [
      "/oauth/callback",
      "/oauth/callback?",
      "/oauth/callback?code=abc",
      "/oauth/callback?state=",
      "/oauth/callback?code=abc&state=",
      "/oauth/callback?code=abc&state=unknown",
      `/oauth/callback?code=abc&state=${forged}`,
      `/oauth/callback?code=abc&state=${state.toLowerCase()}`,
      `/oauth/callback?code=abc&state=${state}%00`,
      `/oauth/callback?code=abc&state=${state}&state=${state}`,
      `/oauth/callback?code=abc&code=abd&state=${state}`,
      `/oauth/callback?code=&state=${late.state}`,
      `/oauth/callback?code=abc&state=${late.state}`,
      `/oauth/callback?code=${"a".repeat(7000)}&state=unknown`,
      "/oauth/callback?error=access_denied&state=unknown",
      `/oauth/callback?error=${encodeURIComponent(MARKUP)}&error_description=${encodeURIComponent(MARKUP)}`,
      `/oauth/callback?code=${encodeURIComponent(MARKUP)}&state=${encodeURIComponent(MARKUP)}`,
      "/oauth/callback?code=%ff%fe&state=%ff",
    ];
    for (const address of addresses) {
      const answer = await ask(scene.port, "GET", address);
      expect([address, answer.status]).toEqual([address, 400]);
      expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
      expect(answer.body).toContain("It did not work");
      expect(answer.body).not.toMatch(/<img|<script|onerror="/);
      expect(answer.headers.has("location")).toBe(false);
    }
    expect(exchanges(scene)).toBe(0);
    // None of them has used the real one up.
    const host = { host: "evil.example" };
    expect((await ask(scene.port, "GET", good, host)).status).toBe(403);
    expect((await ask(scene.port, "GET", good)).status).toBe(200);
    expect((await ask(scene.port, "GET", good)).status).toBe(400);
    expect(exchanges(scene)).toBe(1);
    expect(scene.faults).toEqual([]);
  });

  test("of ten browsers that come with one state, one is let in", async () => {
    const scene = await openScene();
    const address = pathOf(scene, await scene.emulator.approve(await begin(scene, "g")));
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(scene.port, "GET", address)));
    const statuses = answers.map(({ status }) => String(status)).toSorted();
    expect(statuses).toEqual(["200", ...Array<string>(9).fill("400")]);
    expect(exchanges(scene)).toBe(1);
  });

  test("a provider that fails or refuses is told of without its secrets or ours", async () => {
    const scene = await openScene();
    const address = pathOf(scene, await scene.emulator.approve(await begin(scene, "g")));
    const code = new URL(address, scene.url).searchParams.get("code") ?? "";
    const description = `no: ${code} ${scene.client.clientSecret} ${MARKUP}`;
    const body = JSON.stringify({ error: "invalid_grant", error_description: description });
    scene.emulator.fault({ on: "code", kind: "answer", status: 400, body });
    const answer = await ask(scene.port, "GET", address);
    expect(answer.status).toBe(422);
    expect(answer.body).not.toContain(code);
    expect(answer.body).not.toContain(scene.client.clientSecret);
    expect(answer.body).not.toMatch(/<img|<script/);
  });
});

describe.skipIf(!hasBrowser)("in a browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  /** A page, and everything that its browser complains of. */
  async function visit(): Promise<{ page: Page; complaints: string[] }> {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("dialog", (dialog) => complaints.push(dialog.message()));
    await page.exposeFunction("complain", (text: string) => complaints.push(text));
    await page.addInitScript(
      'document.addEventListener("securitypolicyviolation", (event) => complain(event.violatedDirective));',
    );
    return { page, complaints };
  }

  test("names are text, the style is ours and allowed, and nothing is reported", async () => {
    const scene = await openScene({ emulator: { users: [PERSON] } });
    const { page, complaints } = await visit();
    await page.goto(await scene.emulator.approve(await begin(scene, "meetings")));
    expect(await page.textContent("h1")).toBe("meetings is connected");
    expect(await page.textContent("main")).toContain(`Granted by ${MARKUP}`);
    expect(await page.locator("img, script").count()).toBe(0);
    expect(await page.title()).toBe("meetings is connected – Grantkeeper");
    const width = await page.evaluate('getComputedStyle(document.querySelector("main")).maxWidth');
    expect(width).toBe("544px");
    await page.goto(await scene.emulator.approve(await begin(scene, "third"), { decision: "deny" }));
    expect(await page.textContent("h1")).toBe("It did not work");
    // The browser says so of each answer that is no 2xx, and of the icon that it looks for by itself.
    const own = complaints.filter(
      (text) => !text.startsWith("Failed to load resource: the server responded"),
    );
    expect(own).toEqual([]);
  });

  test("a script that got in would not run, and would be reported", async () => {
    const scene = await openScene();
    const { page, complaints } = await visit();
    await page.goto(`${scene.url}/oauth/callback`);
    await page.evaluate(
      'const script = document.createElement("script"); script.textContent = "document.title = `owned`"; document.body.append(script);',
    );
    expect(await page.title()).not.toBe("owned");
    expect(complaints.some((text) => text.includes("script-src"))).toBe(true);
  });

  test("afterwards the browser goes where it was to go, on this service", async () => {
    const scene = await openScene();
    const { page } = await visit();
    await page.goto(
      await scene.emulator.approve(await begin(scene, "g", { return_to: "/livez?from=consent" })),
    );
    expect(page.url()).toBe(`${scene.url}/livez?from=consent`);
  });
});
