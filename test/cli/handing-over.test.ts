import { describe, expect, test } from "vitest";
import { begin, connectedHome, consent, registeredHome } from "./connected.ts";
import { documentOf, folder, given, json, run, start, startProgram } from "./support.ts";

describe("handoff", () => {
  test("text, json and env name each field and where each secret is, and hold none", async () => {
    const { home, client, emulator } = await connectedHome();
    const host = new URL(emulator.url).host;
    const text = await run(["handoff", "meetings"], { home });
    expect(text.exitCode).toBe(0);
    for (const part of [
      "Adapter Name",
      "without < > $ & ' \"",
      client.clientId,
      "grantkeeper reveal meetings refresh_token",
      "API Server Address",
      host,
      `${host}/v1/access_token`,
      "Startup Type",
      "Polling frequency",
      "Refresh token until",
      "Access token until",
    ])
      expect(text.stdout).toContain(part);
    const document = await json(["handoff", "meetings"], { home });
    expect(document).toMatchObject({
      grant: "meetings",
      client_id: client.clientId,
      redirect_uri: client.redirectUri,
      api_server: host,
      token_url: `${emulator.baseUrl}/access_token`,
      generation: 1,
      refresh_token: { fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/), expires_at: expect.any(String) },
    });
    const asFormat = await run(["handoff", "meetings", "--format", "json"], { home });
    expect(documentOf(asFormat)).toEqual(document);
    const env = await run(["handoff", "meetings", "--format", "env"], { home });
    const file = given("hand-off.env", env.stdout);
    const shell = startProgram("/bin/sh", ["-c", `. '${file}'; echo "$OAUTH_TOKEN_URL|$OAUTH_SCOPE"`], {
      home,
    });
    expect((await shell.ended).stdout).toBe(
      `${String(document["token_url"])}|${String(document["scope"])}\n`,
    );
  });

  test("for the real Webex the form has its addresses", async () => {
    const { home } = await connectedHome();
    const words = [
      "integration",
      "add",
      "real",
      "--client-id",
      `C${"1".repeat(64)}`,
      "--client-secret-stdin",
    ];
    await run([...words, "--preset", "meetings-capture"], { home, input: "2".repeat(64) });
    await run(["authorization-url", "real", "--integration", "real"], { home });
    const { stdout } = await run(["handoff", "real"], { home });
    expect(stdout).toContain("webexapis.com/v1/access_token");
    expect(stdout).toContain("api.zoom.us here, by mistake");
  });

  test.each(["sh", "bash"])(
    "--format curl, run for real by %s: code and refresh, as they should be",
    async (shell) => {
      const place = await registeredHome({
        redirectUri: "https://oauth.example.com/cb?from=a%20b&x=$HOME'`id`",
      });
      const { home, client, emulator } = place;
      await consent(place);
      const script = await run(["handoff", "meetings", "--format", "curl"], { home });
      const { stdout } = await run(["reveal", "meetings", "refresh_token"], { home });
      // A code that was obtained by hand, without PKCE.
      const address = new URL((await begin(place, "other")).address);
      for (const name of ["code_challenge", "code_challenge_method", "state"])
        address.searchParams.delete(name);
      const code = new URL(await emulator.approve(address.href)).searchParams.get("code") ?? "";
      const env = { CLIENT_SECRET: client.clientSecret, CODE: code, REFRESH_TOKEN: stdout.trim() };
      const from = emulator.requests().length;
      const file = given("by-hand.sh", script.stdout);
      const may = ["access_token", "refresh_token"] as const;
      const ended = await startProgram(shell, [file], { home, env }, may).ended;
      expect(ended.exitCode, ended.stderr).toBe(0);
      const [exchange, refresh, ...more] = emulator.requests().slice(from);
      expect(more).toEqual([]);
      expect(exchange).toMatchObject({ endpoint: "code", status: 200, path: "/v1/access_token" });
      expect(Object.keys(exchange?.form ?? {}).toSorted()).toEqual([
        "client_id",
        "client_secret",
        "code",
        "grant_type",
        "redirect_uri",
      ]);
      expect(exchange?.form["redirect_uri"]).toBe(client.redirectUri);
      expect(refresh).toMatchObject({ endpoint: "refresh", status: 200, path: "/v1/access_token" });
      expect(Object.keys(refresh?.form ?? {}).toSorted()).toEqual([
        "client_id",
        "client_secret",
        "grant_type",
        "refresh_token",
      ]);
      expect(ended.stdout.match(/"access_token"/g)).toHaveLength(2);
      const unset = await startProgram(shell, [file], { home, env: {} }).ended;
      expect(unset.exitCode).not.toBe(0);
      expect(unset.stderr).toContain("CLIENT_SECRET");
    },
  );
});

describe("exec", () => {
  test("the child has the token in its variable, and nothing has it as an argument", async () => {
    const { home, emulator } = await connectedHome();
    const script = 'printf "%s" "$ACCESS_TOKEN"';
    const ended = await run(["exec", "meetings", "--", "/bin/sh", "-c", script], { home });
    expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
    expect(emulator.ledger().some(({ value }) => value === ended.stdout)).toBe(true);
    const words = ["exec", "meetings", "--env", "MY_TOKEN", "--", "/bin/sh", "-c"];
    const named = await run([...words, 'printf "%s|%s" "$MY_TOKEN" "$ACCESS_TOKEN"'], { home });
    expect(named.stdout).toBe(`${ended.stdout}|`);
  });

  test("exit codes, arguments, standard input and signals are the child's own", async () => {
    const { home } = await connectedHome();
    const exec = (...command: readonly string[]) => run(["exec", "meetings", "--", ...command], { home });
    expect((await exec("/bin/sh", "-c", "exit 7")).exitCode).toBe(7);
    expect((await exec("/bin/sh", "-c", "kill -TERM $$")).exitCode).toBe(143);
    const echoed = await exec("/bin/echo", "--json", "--help", "--", "a b", "$HOME", "*");
    expect(echoed.stdout).toBe("--json --help -- a b $HOME *\n");
    const piped = await run(["exec", "meetings", "--", "/bin/cat"], { home, input: "from outside" });
    expect(piped.stdout).toBe("from outside");
    const missing = await run(["exec", "meetings", "--json", "--", "./no-such-program"], { home });
    expect(missing.exitCode).toBe(2);
    expect(documentOf(missing)).toMatchObject({
      error: { message: expect.stringContaining("is not found") },
    });
    const running = start(["exec", "meetings", "--", "/bin/sh", "-c", "echo up; read x"], { home });
    await running.until("stdout", /up/);
    running.child.kill("SIGTERM");
    expect((await running.ended).exitCode).toBe(143);
  });

  test("no token, no run", async () => {
    const { home } = await connectedHome();
    await run(["suspend", "meetings"], { home });
    const mark = `${folder()}/given/ran`;
    expect((await run(["exec", "meetings", "--", "touch", mark], { home })).exitCode).toBe(8);
    expect((await run(["exec", "nosuch", "--", "touch", mark], { home })).exitCode).toBe(3);
    expect((await startProgram("ls", [mark], { home }).ended).exitCode).not.toBe(0);
  });
});

describe("reveal --copy", () => {
  test("through a program: the token is on its standard input alone", async () => {
    const { home } = await connectedHome();
    const bin = `${folder()}/given`;
    given("wl-copy", `#!/bin/sh\ncat > "${bin}/clipboard"\n`);
    await startProgram("chmod", ["755", `${bin}/wl-copy`], { home }).ended;
    const env = { PATH: `${bin}:${process.env["PATH"] ?? ""}` };
    const ended = await run(["reveal", "meetings", "refresh_token", "--copy", "--json"], { home, env });
    expect(documentOf(ended)).toEqual({ copied: true, through: "wl-copy" });
    const { stdout: token } = await run(["reveal", "meetings", "refresh_token"], { home });
    const pasted = await startProgram("cat", [`${bin}/clipboard`], { home }, ["refresh_token"]).ended;
    expect(pasted.stdout).toBe(token.trim());
    expect(ended.stdout).not.toContain(token.trim());
  });

  test("without a clipboard: exit 2, and the token is printed nowhere", async () => {
    const { home } = await connectedHome();
    const env = { PATH: "/nonexistent" };
    const ended = await run(["reveal", "meetings", "refresh_token", "--copy"], { home, env });
    expect(ended).toMatchObject({ exitCode: 2, stdout: "" });
    expect(ended.stderr).toContain("no clipboard here");
  });
});
