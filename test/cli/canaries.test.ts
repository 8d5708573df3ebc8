import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { formsOf, leaksIn } from "./canaries.ts";
import { connectedHome } from "./connected.ts";
import {
  addSecret,
  findLeaks,
  folder,
  forgetEvidence,
  json,
  newHome,
  run,
  startProgram,
  textAt,
} from "./support.ts";

const SECRET = `${randomBytes(48).toString("base64")}_P0A1_"/ü`;
const CANARY = [{ kind: "access_token", value: SECRET }] as const;

describe("the scanner itself", () => {
  test("finds a secret in each coat, in the middle of a text", () => {
    for (const [name, form] of formsOf(SECRET)) {
      const found = leaksIn([{ where: "here", text: `before ${form} after` }], CANARY);
      expect(found, name).toContain(`here: access_token, ${name}`);
    }
  });

  test.each([0, 1, 2, 3, 4, 5])("finds it in the base64 of a longer text, %i bytes in", (n) => {
    const text = Buffer.from(`${"x".repeat(n)}${SECRET}yyyyy`);
    expect(leaksIn([{ where: "a", text: text.toString("base64") }], CANARY)).not.toEqual([]);
    expect(leaksIn([{ where: "a", text: text.toString("base64url") }], CANARY)).not.toEqual([]);
  });

  test("finds nothing where nothing is, and what may be there is left out", () => {
    expect(leaksIn([{ where: "a", text: "b".repeat(1000) }], CANARY)).toEqual([]);
    expect(leaksIn([{ where: "a", text: SECRET, may: ["access_token"] }], CANARY)).toEqual([]);
  });
});

describe("the watch over a run", () => {
  test("sees outputs, the home's files and temporary files", async () => {
    const { home } = await connectedHome();
    await run(["token", "meetings"], { home });
    expect(findLeaks()).toEqual([]);
    expect(findLeaks(false)).toContain("stdout of token meetings: access_token, raw");
    const planted = textAt(await json(["token", "meetings"], { home }), "access_token");
    for (const [path, where] of [
      [join(home, "grantkeeper.log"), "home1/grantkeeper.log"],
      [join(folder(), "tmp", "left-over"), "tmp/left-over"],
    ] as const) {
      writeFileSync(path, Buffer.from(planted).toString("hex"), { mode: 0o600 });
      expect(findLeaks()).toContain(`${where}: access_token, hex`);
      writeFileSync(path, "");
    }
  });

  test.runIf(process.platform === "linux")("sees the argument lists of children's children", async () => {
    const value = randomBytes(24).toString("hex");
    addSecret("client_secret", value);
    // The shell itself has the secret in its environment; only what it starts has it as an argument.
    const options = { home: newHome(), env: { S: value } };
    const shell = startProgram("/bin/sh", ["-c", "cat - $S 2>/dev/null; true"], options);
    await vi.waitFor(() => expect(findLeaks().join()).toContain("arguments of /bin/sh"), { timeout: 5000 });
    shell.child.stdin?.end("\n");
    await shell.ended;
    forgetEvidence();
  });
});
