/**
 * Takes pictures of every page of the console, at two widths, light and dark, into `.cache/screenshots`, out
 * of a service with a stand-in for the provider. They are for a person to look at: nothing is compared.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { ROOT } from "./tools.mjs";

const FOLDER = join(ROOT, ".cache/screenshots");
const WIDTHS = [360, 1280];
const THEMES = ["light", "dark"];
const HOUR = 3600 * 1000;

const home = mkdtempSync(join(tmpdir(), "grantkeeper-screenshots-"));
rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
const service = spawn(process.execPath, ["dist/cli/main.js", "serve", "--json", "--port", "0"], {
  cwd: ROOT,
  env: { ...process.env, GRANTKEEPER_HOME: home },
  stdio: ["ignore", "pipe", "ignore"],
});
const browser = await chromium.launch({
  executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
});
try {
  const { url, sign_in_link: link } = JSON.parse(await firstDocument(service));
  const context = await browser.newContext();
  const page = await context.newPage();
  await shoot(page, "sign-in", `${url}/sign-in`);
  await page.goto(link);
  await page.getByRole("button", { name: /rehearse/i }).waitFor();
  await shoot(page, "first-run");
  await page
    .getByRole("button", { name: /new integration at cisco webex /i })
    .first()
    .click();
  await page.getByLabel("Client ID").fill("a".repeat(64));
  await page.getByLabel("Client secret").fill(`C${"b".repeat(64)}`);
  await page.getByRole("button", { name: "Swap the two" }).waitFor();
  await shoot(page, "register");
  await consent(page, url, "meetings");
  await page.getByText("Granted by").first().waitFor();
  await shoot(page, "connected");
  for (const name of ["board", "sales-emea", "town-hall"]) await consent(page, url, name);
  await ask(page, "POST", "/v1/grants/town-hall/suspend");
  await ask(page, "POST", "/v1/grants/pending-one/authorizations", { integration: "rehearsal" });
  const { key } = await ask(page, "POST", "/v1/api-keys", {
    name: "recorder",
    scopes: ["tokens:read"],
    grants: ["meetings"],
    expires_at: new Date(Date.now() + 90 * 24 * HOUR).toISOString(),
  });
  await fetch(`${url}/v1/grants/meetings/token`, { headers: { authorization: `Bearer ${key}` } });
  await ask(page, "POST", "/v1/grants/meetings/refresh-now");
  for (const grant of ["meetings", "board"])
    await ask(page, "POST", "/v1/data-sources", { name: `hall-${grant}`, grant });
  await ask(page, "POST", "/v1/deliveries", {
    name: "hall-4-recorder",
    data_source: "hall-meetings",
    target: { kind: "webhook", url: "https://recorder.invalid/webex/token" },
  });
  // A grant that needs fifteen minutes to die is shown dead by changing what the page is told.
  await context.route("**/v1/grants?*", killBoard);
  await context.route("**/v1/grants/board", killBoard);
  await shoot(page, "overview", `${url}/`);
  await shoot(page, "grants", `${url}/grants`);
  await shoot(page, "grant", `${url}/grants/meetings`);
  await shoot(page, "grant-dead", `${url}/grants/board`);
  await page.goto(`${url}/grants/meetings`);
  await page.getByRole("button", { name: "Revoke" }).click();
  await shoot(page, "grant-revoke");
  await page.goto(`${url}/grants/meetings/hand-over`);
  await page.getByRole("button", { name: "Reveal" }).waitFor();
  await shoot(page, "hand-over");
  await shoot(page, "calendar", `${url}/calendar`);
  await shoot(page, "connect", `${url}/connect`);
  await shoot(page, "consent", `${url}/connect?integration=rehearsal`);
  await shoot(page, "integrations", `${url}/integrations`);
  await shoot(page, "integration", `${url}/integrations/rehearsal`);
  await shoot(page, "api-keys", `${url}/api-keys`);
  await page.getByRole("button", { name: "New key" }).click();
  await shoot(page, "api-key-new");
  await page.getByLabel("Name").fill("reporter");
  await page.getByRole("button", { name: "Make the key" }).click();
  await page.getByText("shown this once").waitFor();
  await shoot(page, "api-key-made");
  await shoot(page, "events", `${url}/events`);
  await page.getByLabel("Language").selectOption("de");
  await shoot(page, "overview-german", `${url}/`);
  await shoot(page, "grant-german", `${url}/grants/meetings`);
  console.log(`Pictures are in ${FOLDER}.`);
} finally {
  await browser.close();
  service.kill();
  rmSync(home, { recursive: true, force: true });
}

/** Consents in the browser, as a person does. */
async function consent(page, url, name) {
  await page.goto(`${url}/connect`);
  await page.getByRole("button", { name: /rehearse/i }).click();
  await page.getByLabel("Name of the grant").fill(name);
  await page.getByRole("button", { name: /and consent/ }).click();
  const who = page.getByRole("button", { name: /Ada Administrator/ });
  const approve = page.getByRole("button", { name: "Approve" });
  await who.or(approve).first().waitFor();
  if (await who.isVisible()) await who.click();
  await approve.click();
  await page.waitForURL(`${url}/grants/${name}*`);
}

/** Asks the API as the person who is signed in. */
function ask(page, method, path, body) {
  return page.evaluate(
    async ([how, where, what]) => {
      const headers = { "x-grantkeeper-console": "person", "content-type": "application/json" };
      const answer = await fetch(where, {
        method: how,
        headers,
        ...(what && { body: JSON.stringify(what) }),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${how} ${where}: ${text}`);
      return text === "" ? null : JSON.parse(text);
    },
    [method, path, body],
  );
}

async function killBoard(route) {
  const answer = await route.fetch();
  const document = await answer.json();
  for (const grant of document.items ?? [document]) {
    if (grant.name !== "board") continue;
    Object.assign(grant, {
      state: "reauthorization_required",
      cause: "The provider says that the refresh token is no longer good: the consent was withdrawn.",
      remedy: "Let the administrator consent again.",
    });
  }
  await route.fulfill({ response: answer, json: document });
}

/** The page as it is, or as it is at an address, in both widths and themes. */
async function shoot(page, name, address) {
  if (address !== undefined) await page.goto(address);
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of THEMES) {
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(250);
      const hasDialog = (await page.locator("dialog[open]").count()) > 0;
      await page.screenshot({
        path: join(FOLDER, `${name}-${width}-${colorScheme}.png`),
        fullPage: !hasDialog,
      });
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 });
}

/** What `--json` prints first. */
function firstDocument(child) {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part) => {
      text += part;
      try {
        JSON.parse(text);
      } catch {
        return;
      }
      resolve(text);
    });
    child.once("close", () => reject(new Error("the service ended")));
  });
}
