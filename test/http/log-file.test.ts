import { closeSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLogFile } from "../../src/http/log-file.ts";
import { openScene } from "./scene.ts";

/** A device that is always full. */
const FULL = "/dev/full";
const hasFull = (() => {
  try {
    closeSync(openSync(FULL, "a"));
    return true;
  } catch {
    return false;
  }
})();
const clock = { monotonic: () => 0 };
const fail = (error: unknown): void => expect(error).toBeUndefined();

test.skipIf(!hasFull)(
  "a log on a full disk is told of, and the service goes on and ends in order",
  async () => {
    const scene = await openScene({ config: { accessLog: FULL } });
    await scene.grant("meetings");
    for (let i = 0; i < 5; i++) expect((await scene.ask("GET /v1/grants")).status).toBe(200);
    await expect.poll(() => scene.faults.length).toBeGreaterThan(0);
    expect(scene.faults[0]).toMatchObject({ code: "ENOSPC" });
    expect((await scene.ask("GET /v1/grants/meetings/token")).status).toBe(200);
    await scene.service.stop();
  },
);

test("a log that cannot be opened is refused with its place", () => {
  expect(() => openLogFile("/no/such/folder/access.log", clock, fail)).toThrow("/no/such/folder/access.log");
});

test("a file that was moved away is opened anew, and nothing is lost", async () => {
  const folder = mkdtempSync(join(tmpdir(), "grantkeeper-log-"));
  const file = join(folder, "access.log");
  const log = openLogFile(file, clock, fail);
  log.write("one\n");
  await expect.poll(() => readFileSync(file, "utf8")).toBe("one\n");
  renameSync(file, `${file}.1`);
  log.write("two\n");
  log.reopen();
  log.write("three\n");
  await log.close();
  await expect.poll(() => readFileSync(`${file}.1`, "utf8")).toBe("one\ntwo\n");
  expect(readFileSync(file, "utf8")).toBe("three\n");
  rmSync(folder, { recursive: true });
});
