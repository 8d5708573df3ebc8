import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Emulator, RegisteredClient } from "../../src/emulator/index.ts";
import { authorizationUrl, exchange, post, setUp } from "./support.ts";
import { hasBrowser, launchBrowser } from "../browser/browser.ts";

/** Set to keep a picture of each page. */
const pictures = process.env["EMULATOR_PICTURES"];

const looks = [
  { width: 360, colorScheme: "dark" },
  { width: 1280, colorScheme: "light" },
] as const;

describe.skipIf(!hasBrowser)("in a browser", () => {
  let browser: Browser;
  let receiver: Server;
  let redirectUri: string;

  beforeAll(async () => {
    browser = await launchBrowser();
    receiver = createServer((_, response) => {
      response.setHeader("content-type", "text/html");
      response.end("<!doctype html><html lang=en><title>Received</title><h1>Received</h1>");
    });
    await new Promise<void>((resolve) => {
      receiver.listen(0, "127.0.0.1", resolve);
    });
    // eslint-disable-next-line typescript/no-unsafe-type-assertion -- a listening TCP server has one
    redirectUri = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/oauth/callback`;
  });

  afterAll(async () => {
    await browser.close();
    receiver.closeAllConnections();
    receiver.close();
  });

  for (const look of looks) {
    const name = `${look.width}px ${look.colorScheme}`;

    async function visit(): Promise<Visit> {
      const { emulator } = await setUp();
      const client = emulator.registerClient({ name: "Meetings capture", redirectUris: [redirectUri] });
      const context = await browser.newContext({
        viewport: { width: look.width, height: 800 },
        colorScheme: look.colorScheme,
      });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(error.message));
      const url = authorizationUrl(emulator, client, {
        redirect_uri: redirectUri,
        scope: client.scopes.join(" "),
        login_hint: "someone@example.com",
      });
      return { emulator, client, page, complaints, url };
    }

    async function inspect(page: Page, title: string): Promise<void> {
      if (pictures !== undefined) {
        await page.screenshot({
          path: `${pictures}/${title}-${look.width}-${look.colorScheme}.png`,
          fullPage: true,
        });
      }
      expect(await page.getByText("Emulator – not Webex.").isVisible()).toBe(true);
      expect(await page.getByRole("heading", { level: 1 }).count()).toBe(1);
      const widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]";
      const [content, room] = await page.evaluate<[number, number]>(widths);
      expect(content).toBeLessThanOrEqual(room);
      const unnamed = await page.evaluate<number>(
        `[...document.querySelectorAll("input:not([type=hidden])")].filter((input) => input.labels.length === 0).length`,
      );
      expect(unnamed).toBe(0);
    }

    test(`approve (${name})`, async () => {
      const { emulator, client, page, complaints, url } = await visit();
      await page.goto(url);
      await inspect(page, "sign-in");
      expect(await page.getByLabel("E-mail address").inputValue()).toBe("someone@example.com");
      await page.getByRole("button", { name: "Continue" }).click();
      await inspect(page, "sign-in-unknown");
      await page.getByRole("button", { name: /Ada Administrator/ }).click();
      await inspect(page, "consent");
      await page.getByRole("button", { name: "Approve" }).click();
      await page.getByRole("heading", { name: "Received" }).waitFor();
      const parameters = new URL(page.url()).searchParams;
      expect(parameters.get("state")).toBe("s1");
      const code = parameters.get("code") ?? "";
      expect((await exchange(emulator, client, code, { redirect_uri: redirectUri })).status).toBe(200);
      expect(complaints.filter((text) => !text.includes("400 (Bad Request)"))).toEqual([]);
      await page.context().close();
    });

    test(`deny, as another user (${name})`, async () => {
      const { page, complaints, url } = await visit();
      await page.goto(url);
      await page.getByRole("button", { name: /Ada Administrator/ }).click();
      await page.getByRole("button", { name: "Use another account" }).click();
      await page.getByLabel("E-mail address").fill("user@example.com");
      await page.keyboard.press("Enter");
      await page.getByText("not a full administrator").waitFor();
      await inspect(page, "consent-powerless");
      await page.getByRole("button", { name: "Deny" }).click();
      await page.getByRole("heading", { name: "Received" }).waitFor();
      expect(new URL(page.url()).searchParams.get("error")).toBe("access_denied");
      expect(complaints).toEqual([]);
      await page.context().close();
    });

    test(`device, refusal and error (${name})`, async () => {
      const { emulator, client, page, complaints, url } = await visit();
      const { json } = await post(`${emulator.baseUrl}/device/authorize`, {
        client_id: client.clientId,
        scope: "spark:people_read",
      });
      await page.goto(`${emulator.url}/verify`);
      await inspect(page, "device");
      await page.getByLabel("Code").fill(String(json["user_code"]));
      await page.getByRole("button", { name: "Continue" }).click();
      await page.getByRole("button", { name: /Uma User/ }).click();
      await page.getByRole("button", { name: "Approve" }).click();
      await page.getByRole("heading", { name: "Device connected" }).waitFor();
      await inspect(page, "device-done");
      expect(complaints).toEqual([]);

      emulator.configure({ organizationDenies: true });
      await page.goto(url);
      await page.getByRole("button", { name: /Ada Administrator/ }).click();
      await page.getByRole("heading", { name: "Access denied" }).waitFor();
      await inspect(page, "denied");
      await page.goto(`${url}&redirect_uri=x`);
      await page.goto(url.replace("callback", "elsewhere"));
      await page.getByRole("heading", { name: "Redirect URI not registered" }).waitFor();
      await inspect(page, "unusable");
      expect(complaints.filter((text) => !/the server responded with a status of 40/.test(text))).toEqual([]);
      await page.context().close();
    });
  }
});

interface Visit {
  emulator: Emulator;
  client: RegisteredClient;
  page: Page;
  complaints: string[];
  url: string;
}
