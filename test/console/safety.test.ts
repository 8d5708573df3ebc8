/** What pages of others can do through a browser in which somebody is signed in: nothing. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../browser/browser.ts";
import { openScene, type Scene, useBrowser, visit } from "./stage.ts";

describe.skipIf(!hasBrowser)("pages of others", () => {
  // Names of others lead to this machine, as they do after DNS rebinding.
  const { open } = useBrowser(["--host-resolver-rules=MAP *.example 127.0.0.1"]);
  let scene: Scene;
  let other: Server;
  let otherPort: number;

  beforeAll(async () => {
    scene = await openScene({ lasts: true });
    await scene.grant("g");
    other = createServer((_, response) => {
      response.setHeader("content-type", "text/html");
      response.end("<!doctype html><html lang=en><title>Other</title><h1>Other</h1><iframe></iframe>");
    });
    await new Promise<void>((resolve) => {
      other.listen(0, "127.0.0.1", resolve);
    });
    otherPort = (other.address() as AddressInfo).port;
  });
  afterAll(() => {
    other.closeAllConnections();
    other.close();
  });

  test.each([
    ["another site", "http://evil.example"],
    ["another port of this machine", "http://127.0.0.1"],
  ])("%s: no write of any kind is let in, and no answer is read", async (_, origin) => {
    const { page } = await visit(open(), scene);
    await page.goto(`${origin}:${otherPort}/`);
    const before = await scene.other.ports.store.lastEvent();
    const outcomes = await page.evaluate<string[]>(`(async () => {
      const target = ${JSON.stringify(scene.url)};
      const said = [];
      const send = async (path, options) => {
        try {
          const answer = await fetch(target + path, { credentials: "include", ...options });
          said.push(answer.type + " " + answer.status);
        } catch { said.push("failed"); }
      };
      const json = { "content-type": "application/json" };
      await send("/v1/grants/g/suspend", { method: "POST" });
      await send("/v1/grants/g/suspend", { method: "POST", mode: "no-cors" });
      await send("/v1/grants/g/suspend", { method: "POST", headers: json, body: "{}" });
      await send("/v1/grants/g/suspend", { method: "POST", headers: { "x-grantkeeper-console": "person" } });
      await send("/v1/grants/g", { method: "DELETE" });
      await send("/v1/grants/g/suspend", { method: "POST", mode: "no-cors", body: "{}", headers: { "content-type": "text/plain" } });
      await send("/v1/session", { method: "POST", mode: "no-cors", body: '{"code":"x"}', headers: { "content-type": "text/plain" } });
      await send("/v1/grants", {});
      await send("/v1/grants", { mode: "no-cors" });
      return said;
    })()`);
    expect(outcomes.every((outcome) => outcome === "failed" || outcome === "opaque 0")).toBe(true);
    for (const [action, method] of [
      ["/v1/grants/g/suspend", "post"],
      ["/v1/grants/g/revoke", "post"],
      ["/v1/session", "post"],
    ]) {
      const answered = page.waitForResponse((response) => response.url().startsWith(scene.url));
      await page.evaluate(`(() => {
        const form = document.createElement("form");
        form.action = ${JSON.stringify(`${scene.url}${action}`)};
        form.method = ${JSON.stringify(method)};
        form.enctype = "text/plain";
        const field = document.createElement("input");
        field.name = '{"x":"';
        field.value = '"}';
        form.append(field);
        document.body.append(form);
        form.submit();
      })()`);
      expect((await answered).status()).toBeGreaterThanOrEqual(400);
      await page.waitForURL(`${scene.url}/**`);
      await page.goto(`${origin}:${otherPort}/`);
    }
    expect(await scene.other.ports.store.lastEvent()).toBe(before);
    expect((await scene.ask("GET /v1/grants/g")).body["state"]).toBe("active");
  });

  test("a name that was made to lead here gets nothing, signed in or not", async () => {
    const { page } = await visit(open(), scene);
    for (const path of ["/", "/grants", "/v1/grants", "/livez", "/v1/session"]) {
      const answer = await page.goto(`http://evil.example:${scene.port}${path}`);
      expect([path, answer?.status()]).toEqual([path, 403]);
      expect(await answer?.text()).not.toMatch(/<script|recorder/);
    }
  });

  test("the console cannot be framed, and runs nothing that is not its own", async () => {
    const { page, complaints } = await visit(open(), scene);
    const own = await page.goto(`${scene.url}/grants`);
    const policy = own?.headers()["content-security-policy"] ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("require-trusted-types-for 'script'; trusted-types 'none'");
    await page.getByRole("heading", { name: "Grants" }).waitFor();
    const said = await page.evaluate<string[]>(`(() => {
      const said = [];
      const attempt = (what) => { try { what(); said.push("let in"); } catch (error) { said.push(error.name); } };
      attempt(() => { document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.owned = 1'>"); });
      attempt(() => { document.createElement("div").innerHTML = "<b>x</b>"; });
      attempt(() => { new DOMParser().parseFromString("<b>x</b>", "text/html"); });
      const script = document.createElement("script");
      attempt(() => { script.text = "window.owned = 1"; });
      attempt(() => { document.body.setAttribute("onclick", "window.owned = 1"); });
      return [...said, String(window.owned)];
    })()`);
    expect(said).toEqual([...Array<string>(5).fill("TypeError"), "undefined"]);
    // Each of them was reported: the net that the other tests rely on catches.
    expect(complaints.length).toBeGreaterThanOrEqual(5);
    await page.goto(`http://127.0.0.1:${otherPort}/`);
    await page.evaluate(`document.querySelector("iframe").src = ${JSON.stringify(`${scene.url}/grants`)}`);
    const frame = page.frames().at(-1);
    await page.waitForFunction("window.frames.length === 1");
    await frame?.waitForLoadState();
    expect(frame?.url()).toMatch(/^chrome-error:/);
  });
});
