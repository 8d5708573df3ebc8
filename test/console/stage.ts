/** The real console in a real browser, before the real service with the emulator behind it. */
import axe from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import type { Role } from "../../src/core/session.ts";
import type { EmulatorUser } from "../../src/emulator/index.ts";
import { makeSignInLink } from "../../src/keeper/sessions.ts";
import { launchBrowser } from "../browser/browser.ts";
import { openWatchedScene as openScene, type Scene } from "../http/scene.ts";

/** A page of somebody who is signed in, and everything that its browser complains of. */
export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly complaints: string[];
}

export interface VisitOptions {
  readonly role?: Role;
  readonly width?: number;
  readonly language?: string;
  readonly colorScheme?: "light" | "dark";
  /** Not signed in. */
  readonly isOut?: boolean;
}

/** One browser for all tests of a file. */
export function useBrowser(args: readonly string[] = []): { readonly open: () => Browser } {
  let browser: Browser | null = null;
  beforeAll(async () => {
    browser = await launchBrowser(args);
  });
  afterAll(() => browser?.close());
  return {
    open: () => {
      if (browser === null) throw new Error("the browser is not there yet");
      return browser;
    },
  };
}

/** An address at which somebody signs in. */
export async function linkFor(scene: Scene, role: Role = "admin"): Promise<string> {
  const { code } = await makeSignInLink(scene.other.ports, { person: "ada", role });
  return `${scene.url}/sign-in#${code}`;
}

/** Opens the console in a browser of its own: its cookies are nobody else's. */
export async function visit(browser: Browser, scene: Scene, options: VisitOptions = {}): Promise<Visit> {
  const { role, width = 1280, language = "en-GB", colorScheme = "light", isOut = false } = options;
  const viewport = { width, height: 800 };
  const context = await browser.newContext({ viewport, locale: language, colorScheme });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    // Pages of others have their own faults.
    const { url } = message.location();
    const isOurs = url === "" || url.startsWith(scene.url);
    if (isOurs && ["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.exposeFunction("complain", (text: string) => complaints.push(text));
  await page.addInitScript(
    'window.addEventListener("securitypolicyviolation", (event) => complain(`${event.violatedDirective} ${event.blockedURI}`));',
  );
  if (!isOut) {
    await page.goto(await linkFor(scene, role));
    await page.locator("#content").waitFor();
  }
  return { page, context, complaints };
}

/** What a browser says by itself of an answer that is no 2xx. */
const OF_THE_BROWSER = /^Failed to load resource: the server responded/;

/** Nothing was reported: no error, no violation of the policy. */
export function expectNoComplaint({ complaints }: Visit): void {
  expect(complaints.filter((text) => !OF_THE_BROWSER.test(text))).toEqual([]);
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
}

/** What is the same on every page: nothing for axe to find, nothing wider than the window. */
export async function expectFit(page: Page, where: string): Promise<void> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResult>("axe.run(document, { resultTypes: ['violations'] })");
  const found = violations.map(({ id, nodes }) => [where, id, nodes.map(({ html }) => html.slice(0, 200))]);
  expect(found).toEqual([]);
  const [inner, outer] = await page.evaluate<[number, number]>(
    "[document.documentElement.scrollWidth, window.innerWidth]",
  );
  expect([where, inner > outer ? `${inner} in ${outer}` : "fits"]).toEqual([where, "fits"]);
}

/** At the emulator's pages: signs in as somebody, and decides. */
export async function decide(
  page: Page,
  decision: "Approve" | "Deny" = "Approve",
  who: RegExp = /Ada Administrator/,
): Promise<void> {
  const person = page.getByRole("button", { name: who });
  const button = page.getByRole("button", { name: decision });
  const another = page.getByRole("button", { name: "Use another account" });
  await person.or(button).first().waitFor();
  if (await another.isVisible()) {
    await another.click();
    await person.waitFor();
  }
  await person.click();
  await button.click();
}

/** Whoever consents, by default and otherwise. */
export const PEOPLE: readonly EmulatorUser[] = [
  {
    id: "0a8f6f0e-2f6c-4d2a-9d5c-6a1c1c7b9a01",
    email: "admin@example.com",
    displayName: "Ada Administrator",
    orgId: "0a8f6f0e-2f6c-4d2a-9d5c-6a1c1c7b9a02",
    roles: ["full_admin"],
  },
  {
    id: "0a8f6f0e-2f6c-4d2a-9d5c-6a1c1c7b9a03",
    email: "uma@example.com",
    displayName: `Uma <img src=x onerror="document.title='owned'">`,
    orgId: "0a8f6f0e-2f6c-4d2a-9d5c-6a1c1c7b9a02",
    roles: ["full_admin"],
  },
];

export { openScene, type Scene };
