import { describe, expect, test } from "vitest";
import { connectedHome, PRESET, registerAt, registeredHome, tokenRequests } from "./connected.ts";
import { addSecret, json, newHome, run, textAt, withEmulator } from "./support.ts";
import { atTerminal, CTRL_C, CTRL_D, ENTER, hasTerminal, type Session } from "./terminal.ts";

const FAR = "https://oauth.example.com/v1/callback";
const DOWN = "\u001b[B";

async function addressOn(session: Session): Promise<string> {
  const [address] = await session.shows(/http:\S+response_type=code\S+(?=\s)/);
  addSecret("state", new URL(address).searchParams.get("state") ?? "");
  return address;
}

describe.runIf(hasTerminal)("integration add, at a terminal", () => {
  test("asks for what is missing, each with a line on where it stands; the secret is not shown", async () => {
    const home = newHome();
    const client = await registerAt(await withEmulator());
    const session = atTerminal(["integration", "add", "recorder"], { home });
    await session.answer(/Which provider\?[^]*Cisco Webex/, ENTER);
    await session.answer(/Client id[^]*developer\.webex\.com/, `${client.clientId}${ENTER}`);
    await session.answer(/Client secret[^]*shown once/, `${client.clientSecret}${ENTER}`);
    await session.answer(/Redirect URI[^]*letter by letter[^]*8700/, ENTER);
    await session.answer(/Which scopes\?[^]*full administrator/, `${DOWN}${ENTER}`);
    const { exitCode, screen } = await session.ended;
    expect(exitCode, screen).toBe(0);
    expect(screen).toContain("recorder is registered.");
    expect(await json(["integration", "show", "recorder"], { home })).toMatchObject({
      client_id: client.clientId,
      has_client_secret: true,
      redirect_uri: "http://127.0.0.1:8700/oauth/callback",
      scopes: expect.arrayContaining(["spark:people_read"]),
    });
  });

  test.each([
    ["Ctrl-C at the first question", CTRL_C, false],
    ["Ctrl-D at the first question", CTRL_D, false],
    ["Ctrl-C at the secret", CTRL_C, true],
    ["Ctrl-D at the secret", CTRL_D, true],
  ] as const)("%s: exit 130, nothing is stored, the terminal is as before", async (_, key, isAtSecret) => {
    const home = newHome();
    const more = isAtSecret ? ["--provider", "webex", "--client-id", `C${"5".repeat(64)}`] : [];
    const session = atTerminal(["integration", "add", "recorder", ...more], { home });
    await session.answer(isAtSecret ? /Client secret/ : /Which provider/, key);
    const { exitCode, screen, raw } = await session.ended;
    expect(exitCode, screen).toBe(130);
    expect(screen).toContain("Stopped. Nothing was stored.");
    expect(raw.lastIndexOf("\u001b[?25h"), "the cursor is shown again").toBeGreaterThan(
      raw.lastIndexOf("\u001b[?25l"),
    );
    expect(await json(["integration", "list"], { home })).toEqual({ integrations: [] });
  });
});

describe.runIf(hasTerminal)("connect, where the redirect URI is not of this machine", () => {
  test("the redirected address is pasted; what is wrong with a paste is said, and it is asked again", async () => {
    const place = await registeredHome({ redirectUri: FAR });
    const session = atTerminal(["connect", "meetings", "--no-browser"], place, ["state", "code"]);
    const address = await addressOn(session);
    const location = await place.emulator.approve(address);
    await session.answer(/Paste that whole address here/, `${address}${ENTER}`);
    await session.answer(/This is the authorization address/, `https://elsewhere.example/cb?code=1${ENTER}`);
    await session.answer(/This address is not the redirect URI/, `  <${location}>  ${ENTER}`);
    const { exitCode, screen } = await session.ended;
    expect(exitCode, screen).toBe(0);
    expect(screen).toContain("meetings is connected.");
    expect(await json(["status", "meetings"], place)).toMatchObject({ state: "active", generation: 1 });
  });

  test.each([
    ["Ctrl-C", CTRL_C],
    ["Ctrl-D", CTRL_D],
  ] as const)("%s at the paste: exit 130, nothing is stored or sent", async (_, key) => {
    const place = await registeredHome({ redirectUri: FAR });
    const session = atTerminal(["connect", "meetings", "--no-browser"], place, ["state"]);
    await session.answer(/Paste that whole address here/, key);
    const { exitCode, screen } = await session.ended;
    expect(exitCode, screen).toBe(130);
    expect(await json(["status"], place)).toEqual({ grants: [] });
    expect(tokenRequests(place)).toBe(0);
  });

  test("a redirected address of another request ends it without a request", async () => {
    const place = await registeredHome({ redirectUri: FAR });
    const session = atTerminal(["connect", "meetings", "--no-browser"], place, ["state", "code"]);
    const address = new URL(await addressOn(session));
    address.searchParams.set("state", "B".repeat(43));
    const location = await place.emulator.approve(address.href);
    await session.answer(/Paste that whole address here/, `${location}${ENTER}`);
    const { exitCode, screen } = await session.ended;
    expect(exitCode, screen).toBe(2);
    expect(screen).toContain("not one that was handed out here");
    expect(tokenRequests(place)).toBe(0);
    expect(await json(["status"], place)).toEqual({ grants: [] });
  });

  test("nobody pastes: exit 6 after the time allowed", async () => {
    const place = await registeredHome({ redirectUri: FAR });
    const words = ["connect", "meetings", "--no-browser", "--timeout", "400ms"];
    const { exitCode, screen } = await atTerminal(words, place, ["state"]).ended;
    expect(exitCode, screen).toBe(6);
    expect(screen).toContain("Nobody consented within");
    expect(await json(["status"], place)).toEqual({ grants: [] });
  });
});

describe.runIf(hasTerminal)("connect, where this machine listens and a person sits at it", () => {
  test("ends when the browser has come back, although the terminal stays open", async () => {
    const place = await registeredHome();
    const session = atTerminal(["connect", "meetings", "--no-browser"], place, ["state"]);
    const address = await addressOn(session);
    await session.shows(/paste the address it ends at here/);
    const page = await fetch(await place.emulator.approve(address));
    expect(await page.text()).toContain("meetings is connected");
    const { exitCode, screen } = await session.ended;
    expect(exitCode, screen).toBe(0);
  });

  test("takes a pasted address, where the browser is on another machine", async () => {
    const place = await registeredHome();
    const session = atTerminal(["connect", "meetings", "--no-browser"], place, ["state", "code"]);
    const location = await place.emulator.approve(await addressOn(session));
    await session.answer(/paste the address it ends at here/, `${location}${ENTER}`);
    const { exitCode, screen } = await session.ended;
    expect(exitCode, screen).toBe(0);
  });

  test("Ctrl-C there: exit 130, nothing is stored", async () => {
    const place = await registeredHome();
    const session = atTerminal(["connect", "meetings", "--no-browser"], place, ["state"]);
    await session.answer(/paste the address it ends at here/, CTRL_C);
    const { exitCode, screen } = await session.ended;
    expect(exitCode, screen).toBe(130);
    expect(await json(["status"], place)).toEqual({ grants: [] });
  });

  test("makes the first integration on the way", async () => {
    const home = newHome();
    const emulator = await withEmulator();
    const client = await registerAt(emulator);
    const session = atTerminal(["connect", "meetings", "--no-browser", "--timeout", "2s"], { home }, [
      "state",
    ]);
    await session.answer(/A name for it/, ENTER);
    await session.answer(/Which provider/, ENTER);
    await session.answer(/Client id/, `${client.clientId}${ENTER}`);
    await session.answer(/Client secret/, `${client.clientSecret}${ENTER}`);
    await session.answer(/Redirect URI/, CTRL_C);
    expect((await session.ended).exitCode).toBe(130);
    expect(await json(["integration", "list"], { home })).toEqual({ integrations: [] });
  });

  test("colours are there, and not with NO_COLOR", async () => {
    const place = await connectedHome();
    const coloured = await atTerminal(["status"], place).ended;
    const plain = await atTerminal(["status"], { ...place, env: { NO_COLOR: "1" } }).ended;
    expect(coloured.raw).toContain("\u001b[32mactive");
    expect(plain.raw).not.toContain("\u001b[");
    expect(coloured.screen).toBe(plain.screen);
  });
});

describe("connect without a terminal", () => {
  test("where the redirect URI is not of this machine says how it is done instead", async () => {
    const place = await registeredHome({ redirectUri: FAR, preset: PRESET });
    const { exitCode, stderr } = await run(["connect", "meetings"], place);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("authorization-url and exchange --redirected-url");
    expect(textAt(await json(["integration", "show", "recorder"], place), "redirect_uri")).toBe(FAR);
    expect(await json(["status"], place)).toEqual({ grants: [] });
  });
});
