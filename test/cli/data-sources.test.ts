/** Data sources and deliveries from the command line: added, supplied by the service, in trouble, forgotten. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startPlace } from "../delivery/places.ts";
import { connectedHome } from "./connected.ts";
import { documentOf, folder, given, json, run, start, textAt } from "./support.ts";

test("a file is supplied by the service, now and after a refresh, and is forgotten", async () => {
  const { home } = await connectedHome();
  const path = join(folder(), "given", "token");
  const added = await run(["data-source", "add", "recorder", "--grant", "meetings"], { home });
  expect([added.exitCode, added.stdout]).toEqual([0, "recorder is added.\n"]);
  expect(added.stderr).toContain("grantkeeper delivery add NAME --data-source recorder");
  const file = ["--file", path, "--format", "json"];
  const words = ["delivery", "add", "to-file", "--data-source", "recorder", ...file];
  expect(await json(words, { home })).toMatchObject({ state: "waiting", has_secret: false });
  const service = start(["serve", "--port", "0", "--json"], { home, ceiling: 60_000 });
  await service.until("stdout", /"url"/);
  const generation = () =>
    existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as { generation: number }).generation : 0;
  await expect.poll(generation, { timeout: 15_000 }).toBe(1);
  await json(["refresh", "meetings"], { home });
  await expect.poll(generation, { timeout: 15_000 }).toBe(2);
  expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({
    access_token: (await run(["token", "meetings"], { home })).stdout.trim(),
  });
  await expect
    .poll(async () => (await json(["delivery", "show", "to-file"], { home }))["delivered"])
    .toMatchObject({ generation: 2 });
  service.child.kill("SIGTERM");
  expect((await service.ended).exitCode).toBe(0);
  const list = await run(["data-source", "list"], { home });
  expect(list.stdout).toMatch(/recorder\s+meetings\s+1 delivered/);
  const shown = await run(["data-source", "show", "recorder"], { home });
  expect(shown.stdout).toMatch(/Grant\s+meetings[\s\S]*Delivery\s+to-file[\s\S]*generation 2/);
  expect(await json(["data-source", "remove", "recorder"], { home })).toEqual({ removed: "recorder" });
  expect(await json(["delivery", "list"], { home })).toEqual({ deliveries: [] });
  expect(existsSync(path)).toBe(true);
});

test("run --once supplies what is due, and tells of what fails", async () => {
  const { home } = await connectedHome();
  const place = await startPlace();
  await run(["data-source", "add", "recorder", "--grant", "meetings"], { home });
  const hook = ["delivery", "add", "hook", "--data-source", "recorder", "--webhook", `${place.url}/token`];
  const added = await run(hook, { home });
  expect(added.stdout).toMatch(/^whsec_\S+\n$/);
  expect(added.stderr).toContain("what its posts are signed with");
  const absent = join(folder(), "given", "no", "such");
  await run(["delivery", "add", "lost", "--data-source", "recorder", "--file", absent], { home });
  const once = await run(["run", "--once"], { home });
  expect(place.received).toHaveLength(1);
  expect(once.stderr).toContain("delivery_failed");
  expect(once.stderr).toContain("ENOENT");
  const rows = (await run(["delivery", "list"], { home })).stdout;
  expect(rows).toMatch(/hook\s+recorder\s+delivered/);
  expect(rows).toMatch(/lost\s+recorder\s+failing/);
  const shown = await run(["delivery", "show", "lost"], { home });
  expect(shown.stdout.replace(/\s+/g, " ")).toMatch(/Trouble The file .* could not be written .* Make the /);
});

test("send puts it there at once, and fails with 6 where the place does not take it", async () => {
  const { home } = await connectedHome();
  await run(["data-source", "add", "recorder", "--grant", "meetings"], { home });
  const source = ["--data-source", "recorder"];
  const script = given("take.sh", 'cat > "$1"\n');
  const path = join(folder(), "given", "taken");
  await run(["delivery", "add", "good", ...source, "--", "sh", script, path], { home });
  await run(["delivery", "add", "bad", ...source, "--", "sh", "-c", "echo full >&2; exit 9"], { home });
  const sent = await run(["delivery", "send", "good"], { home });
  expect([sent.exitCode, sent.stdout]).toEqual([0, `sh ${script} ${path} has the token.\n`]);
  expect(readFileSync(path, "utf8")).toBe((await run(["token", "meetings"], { home })).stdout.trim());
  const failed = await run(["delivery", "send", "bad", "--json"], { home });
  expect(failed.exitCode).toBe(6);
  expect(textAt(documentOf(failed), "error", "code")).toBe("delivery_failed");
  expect(textAt(documentOf(failed), "error", "message")).toContain("ended with 9: full");
});

test("whoever holds, ends or removes a grant hears what that leaves without a token", async () => {
  const { home } = await connectedHome();
  await run(["data-source", "add", "recorder", "--grant", "meetings"], { home });
  const path = join(folder(), "given", "token");
  await run(["delivery", "add", "d", "--data-source", "recorder", "--file", path], { home });
  for (const command of ["suspend", "revoke", "remove"]) {
    const ended = await run([command, "meetings"], { home });
    expect([command, ended.exitCode, ended.stderr.replace(/\s+/g, " ")]).toEqual([
      command,
      0,
      expect.stringContaining("data source recorder will get no new token"),
    ]);
  }
  const sent = await run(["delivery", "send", "d", "--json"], { home });
  expect([sent.exitCode, textAt(documentOf(sent), "error", "code")]).toEqual([3, "not_found"]);
});

const SOURCE = ["--data-source", "recorder"];

test("a file in the keeper's own home is refused: the master key is not written over", async () => {
  const { home } = await connectedHome();
  await run(["data-source", "add", "recorder", "--grant", "meetings"], { home });
  const path = join(home, "..", join(home, "master.key").slice(join(home, "..").length));
  const words = ["delivery", "add", "d", "--data-source", "recorder", "--file", path];
  const refused = await run(words, { home });
  expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining("Grantkeeper's own home")]);
});

test.each([
  [["data-source", "add", "x", "--grant", "nobody"], 3, "There is no grant"],
  [["data-source", "add", "not a name", "--grant", "meetings"], 2, "is not a name for a data source"],
  [["data-source", "show", "nobody"], 3, "There is no data source"],
  [["delivery", "add", "d", "--data-source", "nobody", "--file", "/x"], 3, "There is no data source"],
  [["delivery", "add", "d", ...SOURCE], 2, "No place was given"],
  [["delivery", "add", "d", ...SOURCE, "--file", "/x", "--webhook", "https://a.example"], 2, "More than one"],
  [["delivery", "add", "d", ...SOURCE, "--file", "/etc/"], 2, "names a directory"],
  [["delivery", "add", "d", ...SOURCE, "--file", "/x", "--mode", "0644"], 2, "are not permissions"],
  [["delivery", "add", "d", ...SOURCE, "--webhook", "https://a.example", "--mode", "0600"], 2, "for files"],
  [["delivery", "add", "d", ...SOURCE, "--webhook", "http://a.example/x"], 2, "plain http"],
  [["delivery", "add", "d", ...SOURCE, "--webhook", "https://u:p@a.example/x"], 2, "a user, a password"],
  [
    ["delivery", "add", "d", ...SOURCE, "--webhook", "https://a.example", "--format", "env"],
    2,
    "is sent JSON",
  ],
  [
    ["delivery", "add", "d", ...SOURCE, "--secret-store", "https://a.example/v1/s/data/x"],
    2,
    "needs a token",
  ],
  [["delivery", "show", "nobody"], 3, "There is no delivery"],
  [["delivery", "remove", "nobody"], 3, "There is no delivery"],
] as const)("%j is refused with %i, in words", async (words, exitCode, message) => {
  const { home } = await connectedHome();
  await run(["data-source", "add", "recorder", "--grant", "meetings"], { home });
  const refused = await run(words, { home });
  expect([refused.exitCode, refused.stderr.replace(/\s+/g, " ")]).toEqual([
    exitCode,
    expect.stringContaining(message),
  ]);
  expect((await json(["delivery", "list"], { home }))["deliveries"]).toEqual([]);
});
