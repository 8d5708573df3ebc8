/** What the pages show and do, one by one; each is looked at by axe, dialogs too. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { addDataSource, addDelivery } from "../../src/keeper/data-sources.ts";
import { refreshNow, remove, suspend } from "../../src/keeper/manage.ts";
import { startPlace } from "../delivery/places.ts";
import { hasBrowser } from "../browser/browser.ts";
import { expectFit, expectNoComplaint, openScene, PEOPLE, type Scene, useBrowser, visit } from "./stage.ts";

describe.skipIf(!hasBrowser)("the pages", () => {
  const { open } = useBrowser();
  let scene: Scene;

  beforeAll(async () => {
    scene = await openScene({ lasts: true, emulator: { users: PEOPLE } });
    for (const name of ["meetings", "board", "sales"]) await scene.grant(name);
  });

  test("what happens elsewhere appears without a reload", async () => {
    const visitor = await visit(open(), scene);
    const { page } = visitor;
    await page.goto(`${scene.url}/grants/meetings`);
    await page.getByRole("heading", { name: "Generation 1" }).waitFor();
    await refreshNow(scene.other.ports, "meetings");
    await page.getByRole("heading", { name: "Generation 2" }).waitFor();
    await suspend(scene.other.ports, "meetings");
    await page.getByText("Held by a person").waitFor();
    const key = await scene.key(["tokens:read"]);
    await page.getByRole("button", { name: "Release" }).click();
    await expectFit(page, "release");
    await page.getByRole("dialog").getByRole("button", { name: "Release" }).click();
    await page.getByText("Held by a person").waitFor({ state: "detached" });
    await scene.ask("GET /v1/grants/meetings/token", { key });
    await page.getByRole("cell", { name: /^key-/ }).waitFor();
    expectNoComplaint(visitor);
  });

  test("where a grant's tokens are put, and what keeps them from it, stands on its page", async () => {
    const { ports } = scene.other;
    const place = await startPlace((_, response) => void response.writeHead(isAway ? 503 : 204).end());
    let isAway = true;
    await addDataSource(ports, { name: "recorder", grant: "sales" });
    const visitor = await visit(open(), scene);
    const { page } = visitor;
    await page.goto(`${scene.url}/grants/sales`);
    await page.getByRole("heading", { name: "Generation 1" }).waitFor();
    expect(await page.getByText("Where its tokens are put").count()).toBe(0);
    const target = { kind: "webhook", url: place.url } as const;
    await addDelivery(ports, { name: "hook", dataSource: "recorder", target, addressFrom: "operator" });
    const table = page.locator("section", { hasText: "Where its tokens are put" });
    await table.getByText("failing").waitFor();
    await table.getByText("status 503").waitFor();
    await expectFit(page, "a delivery that fails");
    isAway = false;
    await table.getByText("delivered", { exact: true }).waitFor({ timeout: 20_000 });
    await page.getByRole("cell", { name: "delivery hook" }).waitFor();
    await expectFit(page, "a delivery");
    expectNoComplaint(visitor);
  });

  test("a refresh and its failure are told where they were asked for", async () => {
    const visitor = await visit(open(), scene);
    const { page } = visitor;
    await page.goto(`${scene.url}/grants/board`);
    await page.getByRole("button", { name: "Refresh now" }).click();
    await page.getByText("Refreshed.").waitFor();
    // For as long as it is looked at: the service tries again by itself.
    const outage = scene.emulator.fault({
      on: "refresh",
      kind: "answer",
      status: 503,
      body: "",
      times: "always",
    });
    await page.getByRole("button", { name: "Refresh now" }).click();
    await page.getByRole("dialog").getByRole("alert").waitFor();
    await expectFit(page, "a refresh that failed");
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByText("Refreshing fails; the token is still good.").waitFor();
    await expectFit(page, "a grant that fails");
    await page.goto(scene.url);
    await page.getByRole("heading", { name: "Needs attention" }).waitFor();
    await expectFit(page, "overview");
    outage.remove();
    await refreshNow(scene.other.ports, "board");
    await page.getByText("Everything is well").waitFor();
    expectNoComplaint(visitor);
  });

  test("revoked while the provider is away: said so, and told when asked to once it is back", async () => {
    await scene.grant("leaving");
    const visitor = await visit(open(), scene);
    const { page } = visitor;
    await page.goto(`${scene.url}/grants/leaving`);
    const outage = scene.emulator.fault({ on: "revoke", kind: "status", status: 503, times: "always" });
    await page.getByRole("button", { name: "Revoke" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel(/Type leaving/).fill("leaving");
    await dialog.getByRole("button", { name: "Revoke" }).click();
    const waits = page.getByText("has not been told yet");
    await waits.waitFor();
    const tellNow = page.getByRole("button", { name: "Tell the provider now" });
    await tellNow.click();
    await page.getByText("Tried: it is still away.").waitFor();
    await expectFit(page, "a revocation that waits");
    outage.remove();
    await tellNow.click();
    await waits.waitFor({ state: "detached" });
    expect(await tellNow.count()).toBe(0);
    expectNoComplaint(visitor);
    await remove(scene.other.ports, "leaving");
  });

  test("what breaks something asks first: with the name typed, and not without", async () => {
    await scene.grant("doomed");
    const visitor = await visit(open(), scene);
    const { page } = visitor;
    await page.goto(`${scene.url}/grants/doomed`);
    await page.getByRole("button", { name: "Revoke" }).click();
    const dialog = page.getByRole("dialog");
    const revoke = dialog.getByRole("button", { name: "Revoke" });
    expect(await revoke.isDisabled()).toBe(true);
    await expectFit(page, "revoke");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    // Focus is back where it was.
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Revoke");
    await page.getByRole("button", { name: "Revoke" }).click();
    await dialog.getByLabel(/Type doomed/).fill("doomed");
    await revoke.click();
    await page.locator(".badge").getByText("revoked").waitFor();
    expect((await scene.ask("GET /v1/grants/doomed")).body["state"]).toBe("revoked");
    await page.getByRole("button", { name: "Remove" }).click();
    await dialog.getByLabel(/Type doomed/).fill("doomed");
    await dialog.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("heading", { name: "Grants" }).waitFor();
    expect((await scene.ask("GET /v1/grants/doomed")).status).toBe(404);
    expectNoComplaint(visitor);
  });

  test("hand-over: revealed on purpose, hidden again, on record; the sheet has no secret", async () => {
    const visitor = await visit(open(), scene);
    const { page } = visitor;
    const { refresh_token: token } = await scene.grant("handed");
    await page.clock.install();
    await page.goto(`${scene.url}/grants/handed/hand-over`);
    await page.getByText("API Server Address").waitFor();
    expect(await page.getByText(token).count()).toBe(0);
    await expectFit(page, "hand-over");
    await page.getByRole("button", { name: "Reveal" }).click();
    await expectFit(page, "reveal");
    await page.getByRole("dialog").getByRole("button", { name: "Reveal" }).click();
    await page.getByText(token).waitFor();
    const events = await scene.other.ports.store.events({ limit: 500 });
    expect(events.at(-1)).toMatchObject({ type: "refresh_token_revealed", actor: "console:ada" });
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: /Download the sheet/ }).click();
    const file = await download;
    const sheet = readFileSync(await file.path(), "utf8");
    expect(file.suggestedFilename()).toBe("hand-over-handed.txt");
    expect(sheet).toContain(scene.client.clientId);
    expect(sheet).toContain("Refresh Token: ____");
    for (const secret of [token, scene.client.clientSecret]) expect(sheet).not.toContain(secret);
    await page.clock.fastForward(31_000);
    await page.getByText(token).waitFor({ state: "detached" });
    expect(await page.content()).not.toContain(token);
    expectNoComplaint(visitor);
  });

  test("a key is made, shown once, used, and revoked", async () => {
    const visitor = await visit(open(), scene);
    const { page } = visitor;
    await page.goto(`${scene.url}/api-keys?grant=sales`);
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("reporter");
    await expectFit(page, "a new key");
    await dialog.getByRole("button", { name: "Make the key" }).click();
    await dialog.getByText("It is shown this once").waitFor();
    await expectFit(page, "a key that was made");
    const key = String(await dialog.locator("code").first().textContent());
    // Escape would lose it.
    await page.keyboard.press("Escape");
    expect(await dialog.isVisible()).toBe(true);
    const asked = (name: string) => scene.ask(`GET /v1/grants/${name}/token`, { key });
    expect([(await asked("sales")).status, (await asked("board")).status]).toEqual([200, 403]);
    await dialog.getByRole("button", { name: "I have kept it" }).click();
    expect(await page.content()).not.toContain(key);
    const card = page.getByRole("listitem").filter({ hasText: "reporter" });
    await card.getByRole("button", { name: "Revoke" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await card.waitFor({ state: "detached" });
    expect((await asked("sales")).status).toBe(401);
    await page.getByLabel("Show revoked and ended ones").check();
    await card.waitFor();
    await expectFit(page, "keys");
    expectNoComplaint(visitor);
  });

  test("a client secret is replaced without breaking a grant", async () => {
    const visitor = await visit(open(), scene);
    const { page } = visitor;
    await page.goto(`${scene.url}/integrations`);
    await expectFit(page, "integrations");
    await page.getByRole("link", { name: "recorder" }).click();
    await page.getByRole("heading", { name: "New client secret" }).waitFor();
    await expectFit(page, "integration");
    const fresh = scene.emulator.registerClient({ redirectUris: [`${scene.url}/oauth/callback`] });
    await page.getByLabel("Client secret").fill(fresh.clientSecret);
    await page.getByRole("button", { name: "Save" }).first().click();
    await page.getByText("The next refresh uses it.").waitFor();
    // It is another client's: the provider says so, the integration has an incident, and no grant dies.
    await scene.ask("POST /v1/grants/board/refresh-now");
    await page.getByText("The provider refuses this integration.").waitFor();
    await expectFit(page, "an incident");
    await page.getByLabel("Client secret").fill(scene.client.clientSecret);
    await page.getByRole("button", { name: "Save" }).first().click();
    await page.getByText("The provider refuses this integration.").waitFor({ state: "detached" });
    const answer = await scene.ask("POST /v1/grants/board/refresh-now");
    expect([answer.status, answer.body["state"]]).toEqual([200, "active"]);
    expectNoComplaint(visitor);
  });

  test("events: filtered, live, exported", async () => {
    const visitor = await visit(open(), scene);
    const { page } = visitor;
    await page.goto(`${scene.url}/events`);
    await page.getByText("a person signed in to the console").first().waitFor();
    await expectFit(page, "events");
    await page.getByRole("combobox", { name: "What" }).selectOption("refreshed");
    await page.getByRole("combobox", { name: "Grant" }).selectOption("sales");
    await page.getByText("No event fits.").waitFor();
    await refreshNow(scene.other.ports, "sales");
    await page.getByText("the token set was replaced").waitFor();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export" }).click();
    const lines = readFileSync(await (await download).path(), "utf8")
      .trim()
      .split("\n");
    const documents = lines.map((line) => JSON.parse(line) as { type: string; grant: string });
    expect(documents.map(({ type, grant }) => [type, grant])).toEqual([["refreshed", "sales"]]);
    expectNoComplaint(visitor);
  });

  test("the calendar has each consent in its month", async () => {
    const visitor = await visit(open(), scene);
    const { page } = visitor;
    await page.goto(`${scene.url}/calendar`);
    const end = String((await scene.ask("GET /v1/grants/sales")).body["reconsent_by"]);
    const month = new Intl.DateTimeFormat("en", { month: "long", year: "numeric" }).format(Date.parse(end));
    const section = page.locator(".month").filter({ hasText: month });
    await section.getByRole("link", { name: "sales" }).waitFor();
    await expectFit(page, "calendar");
    expectNoComplaint(visitor);
  });

  test("a viewer sees, and is offered nothing else", async () => {
    const visitor = await visit(open(), scene, { role: "viewer" });
    const { page } = visitor;
    await page.goto(`${scene.url}/grants/sales`);
    await page.getByRole("link", { name: "Hand over" }).waitFor();
    for (const name of ["Refresh now", "Hold", "Revoke", "Remove"])
      expect(await page.getByRole("button", { name }).count()).toBe(0);
    await page.getByRole("link", { name: "Hand over" }).click();
    await page.getByText("Your role may not see it.").waitFor();
    expect(await page.getByRole("link", { name: "API keys" }).count()).toBe(0);
    for (const path of ["/connect", "/api-keys"]) {
      await page.goto(`${scene.url}${path}`);
      await page.getByText("Your role does not allow this.").waitFor();
    }
    expectNoComplaint(visitor);
  });

  test("signed out is signed out: also for a page that is still open, and for the way back", async () => {
    const visitor = await visit(open(), scene);
    const { page, context } = visitor;
    const second = await context.newPage();
    await second.goto(`${scene.url}/grants/sales`);
    await second.getByRole("heading", { name: "sales" }).waitFor();
    await page.goto(`${scene.url}/grants/board`);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    // Its stream ends, and what it asks next is refused.
    await second.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.goBack();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    expectNoComplaint(visitor);
  });
});
