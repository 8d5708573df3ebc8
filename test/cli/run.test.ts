import { describe, expect, test } from "vitest";
import { agedGrant, type Place, registeredHome, tokenRequests } from "./connected.ts";
import { documentOf, json, run, start, textAt } from "./support.ts";

const generationOf = async (place: Place, name: string): Promise<unknown> =>
  (await json(["status", name], place))["generation"];

/** A home with grants whose access tokens have run out. */
async function overdue(names: readonly string[]): Promise<Place> {
  const place = await registeredHome();
  for (const name of names) await agedGrant(place, 15, name);
  return place;
}

async function nextRefresh({ emulator }: Place, after = 0): Promise<number> {
  const { seq } = await emulator.waitFor(({ endpoint }) => endpoint === "refresh", { after });
  return seq;
}

describe("run", () => {
  test("says when it is ready and what it does, refreshes what is due, and ends in order at SIGTERM", async () => {
    const place = await overdue(["one", "two", "three"]);
    const keeper = start(["run"], place);
    await keeper.until("stderr", /^Ready: keeping grants alive; 3 are due now\. Stop with Ctrl-C\.$/m);
    await place.emulator.waitFor(() => tokenRequests(place) === 3);
    keeper.child.kill("SIGTERM");
    const ended = await keeper.ended;
    expect(ended.exitCode).toBe(0);
    expect(ended.stderr).toContain("Stopping: waiting for answers that are under way.");
    expect(ended.stderr).toContain("3 grants refreshed.");
    expect(ended.stdout).toBe("Stopped. Refreshes begun: 3.\n");
    for (const name of ["one", "two", "three"]) expect(await generationOf(place, name)).toBe(2);
  });

  test("SIGTERM while the provider holds the answer: it is waited for and saved, exit 0", async () => {
    const place = await overdue(["one"]);
    const hold = place.emulator.fault({ on: "refresh", kind: "hold" });
    const keeper = start(["run", "--json"], place);
    await nextRefresh(place);
    keeper.child.kill("SIGTERM");
    await keeper.until("stderr", /Stopping/);
    hold.release();
    const ended = await keeper.ended;
    expect(ended.exitCode).toBe(0);
    expect(documentOf(ended)).toEqual({ ticks: 1, started: 1, spooled: 0, failures: 0 });
    expect(await generationOf(place, "one")).toBe(2);
    expect(tokenRequests(place)).toBe(1);
  });

  test("a second signal ends it at once, and the next one takes up what that left", async () => {
    const place = await overdue(["one"]);
    const hold = place.emulator.fault({ on: "refresh", kind: "hold" });
    const keeper = start(["run"], place);
    const seq = await nextRefresh(place);
    keeper.child.kill("SIGINT");
    await keeper.until("stderr", /Stopping/);
    keeper.child.kill("SIGINT");
    expect((await keeper.ended).exitCode).toBe(130);
    hold.release();
    const next = start(["run"], place);
    await nextRefresh(place, seq);
    await next.until("stderr", /grant refreshed/);
    next.child.kill("SIGTERM");
    const ended = await next.ended;
    expect(ended.exitCode).toBe(0);
    expect(ended.stderr).toContain("outcome_unknown one");
    expect(await generationOf(place, "one")).toBe(2);
  });

  test("kill -9 and started again: taken over at once, not when the lease runs out", async () => {
    const place = await overdue(["one", "two"]);
    const hold = place.emulator.fault({ on: "refresh", kind: "hold", times: 2 });
    const killed = start(["run"], place);
    await place.emulator.waitFor(() => hold.hits() === 2);
    killed.child.kill("SIGKILL");
    await killed.ended;
    hold.release();
    const began = performance.now();
    const ended = await run(["run", "--once"], place);
    // The lease is 90 seconds long.
    expect(performance.now() - began).toBeLessThan(30_000);
    expect(ended.exitCode).toBe(0);
    expect(ended.stderr).toContain("2 grants refreshed.");
    expect(tokenRequests(place)).toBe(4);
    for (const name of ["one", "two"]) expect(await generationOf(place, name)).toBe(2);
  });

  test("--once does what is due and ends; with nothing due it sends nothing", async () => {
    const place = await overdue(["one", "two"]);
    const first = await run(["run", "--once"], place);
    expect([first.exitCode, first.stdout]).toEqual([0, "Done. Refreshes begun: 2.\n"]);
    expect(first.stderr).toContain("2 grants are due.");
    expect(await json(["run", "--once"], place)).toEqual({ ticks: 1, started: 0, spooled: 0, failures: 0 });
    // From cron: not a word where there was nothing to do.
    expect((await run(["run", "--once"], place)).stderr).toBe("");
    expect(tokenRequests(place)).toBe(2);
  });

  test("what goes wrong is told by name, in lines that fit 80 columns", async () => {
    const place = await overdue(["meetings-of-the-whole-organisation"]);
    place.emulator.fault({
      on: "refresh",
      kind: "answer",
      status: 400,
      body: '{"error":"invalid_grant","error_description":"no"}',
      headers: { "content-type": "application/json" },
    });
    const ended = await run(["run", "--once"], place);
    expect(ended.exitCode).toBe(0);
    expect(ended.stderr).toMatch(/suspect +meetings-of-the-whole-organisation/);
    for (const line of ended.stderr.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("a store that is not there ends it with its code, and no tick", async () => {
    const { home } = await registeredHome();
    const ended = await run(["run", "--once", "--json"], {
      home,
      env: { GRANTKEEPER_MASTER_KEY: Buffer.alloc(32, 7).toString("base64") },
    });
    expect(ended.exitCode).toBe(7);
    expect(textAt(documentOf(ended), "error", "code")).toBe("master_key_unusable");
  });
});

describe("refresh --if-fingerprint", () => {
  test("of the current token: once; of the old one, then, nothing is sent", async () => {
    const place = await overdue(["one"]);
    const status = await json(["status", "one"], place);
    const fingerprint = textAt(status, "access_token", "fingerprint");
    const words = ["refresh", "one", "--if-fingerprint", fingerprint];
    expect(await json(words, place)).toMatchObject({ generation: 2, warning: null });
    const again = await run(words, place);
    expect([again.exitCode, again.stderr]).toEqual([0, ""]);
    expect(again.stdout).toMatch(/^Not refreshed one: generation 2, /);
    expect(tokenRequests(place)).toBe(1);
    const now = textAt(await json(["status", "one"], place), "access_token", "fingerprint");
    const tooSoon = await json(["refresh", "one", "--if-fingerprint", now], place);
    expect(textAt(tooSoon, "warning")).toContain("not refreshed again before");
    const said = await run(["refresh", "one", "--if-fingerprint", now], place);
    expect([said.exitCode, said.stderr]).toEqual([
      0,
      expect.stringMatching(/^Warning: The token was refreshed/),
    ]);
    expect(tokenRequests(place)).toBe(1);
  });

  test("what is no fingerprint is wrong usage", async () => {
    const place = await overdue(["one"]);
    const ended = await run(["refresh", "one", "--if-fingerprint", "meetings"], place);
    expect([ended.exitCode, tokenRequests(place)]).toEqual([2, 0]);
    expect(ended.stderr).toContain("16 hex digits");
  });
});
