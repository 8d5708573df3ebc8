import {
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Webhook } from "standardwebhooks";
import { deliverDue, deliverNow } from "../../src/keeper/deliver.ts";
import { addDataSource, findDelivery } from "../../src/keeper/data-sources.ts";
import { importTokens } from "../../src/keeper/import.ts";
import { keepSupplied } from "../../src/keeper/keep-supplied.ts";
import { refreshNow, remove, suspend } from "../../src/keeper/manage.ts";
import { asDocument } from "../keeper/rig.ts";
import { folder, openSupply, startPlace, startSecretStore } from "./places.ts";

const file = (path: string, mode = "0600") => ({ kind: "file", path, mode }) as const;

/** A program that writes what it gets, and of what it is started with, to a file. */
const RECORDER = `
  let input = "";
  process.stdin.setEncoding("utf8").on("data", (text) => (input += text)).on("end", () => {
    const seen = { input, env: process.env, argv: process.argv.slice(1) };
    require("node:fs").writeFileSync(process.argv[1], JSON.stringify(seen));
  });`;

describe("a file", () => {
  test("has the token, whole, for its owner alone, and the next one after a refresh", async () => {
    const { rig, ports, deliver, add } = await openSupply({ rotation: "strict" });
    const path = join(folder(), "token");
    await add("to-file", file(path));
    expect(await deliverDue(ports, deliver)).toMatchObject([{ error: null }]);
    expect(readFileSync(path, "utf8")).toBe(rig.tokens.access_token);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await deliverDue(ports, deliver)).toEqual([]);
    await refreshNow(ports, "g");
    expect(await deliverDue(ports, deliver)).toMatchObject([{ error: null }]);
    expect(readFileSync(path, "utf8")).toBe(await rig.accessToken());
    expect(readFileSync(path, "utf8")).not.toBe(rig.tokens.access_token);
    const { data } = (await rig.events("delivered")).at(-1) ?? {};
    const { accessFingerprint } = await rig.grant();
    expect(data).toMatchObject({ delivery: "to-file", kind: "file", fingerprint: accessFingerprint });
    // Who held what, when: a place is a consumer like any other, and was written down before it had the token.
    const handed = await rig.events("token_handed_out");
    expect(handed.map((event) => [event.generation, event.data["consumer"]])).toEqual([
      [1, "delivery:to-file"],
      [2, "delivery:to-file"],
    ]);
    expect(readdirSync(join(path, ".."))).toEqual(["token"]);
  });

  test.each([
    ["text", (token: string) => token],
    ["env", (token: string) => `ACCESS_TOKEN=${token}\nEXPIRES_AT=2026-12-07T11:59:59.000Z\nGENERATION=1\n`],
  ] as const)("as %s", async (format, expected) => {
    const { rig, ports, deliver, add } = await openSupply();
    const path = join(folder(), "token");
    await add("to-file", file(path, "0640"), { format });
    await deliverDue(ports, deliver);
    expect(readFileSync(path, "utf8")).toBe(expected(rig.tokens.access_token));
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  test("the refresh token as JSON, with what a data source's form asks for; the audit says who was shown it", async () => {
    const { rig, ports, deliver, add } = await openSupply();
    const path = join(folder(), "token");
    await add("to-file", file(path), { format: "json", token: "refresh_token" });
    await deliverDue(ports, deliver);
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({
      data_source: "recorder",
      grant: "g",
      client_id: rig.client.clientId,
      refresh_token: rig.tokens.refresh_token,
      generation: 1,
    });
    expect(await rig.events("refresh_token_revealed")).toMatchObject([{ actor: "delivery:to-file" }]);
    // Webex gives the same refresh token again: its place has it already.
    await refreshNow(ports, "g");
    expect(await deliverDue(ports, deliver)).toEqual([]);
  });

  test.runIf(process.geteuid?.() === 0)(
    "keeps its group; one that somebody else made there is not theirs any more",
    async () => {
      const { ports, deliver, add } = await openSupply();
      const place = folder();
      for (const [name, uid] of [
        ["ours", 0],
        ["theirs", 65_534],
      ] as const) {
        writeFileSync(join(place, name), "old");
        chownSync(join(place, name), uid, 65_534);
        await add(name, file(join(place, name), "0640"));
      }
      await deliverDue(ports, deliver);
      const ownersOf = (name: string) => [statSync(join(place, name)).uid, statSync(join(place, name)).gid];
      expect(ownersOf("ours")).toEqual([0, 65_534]);
      expect(ownersOf("theirs")).toEqual([0, process.getegid?.()]);
    },
  );

  test("behind a link is replaced, and the link stays", async () => {
    const { rig, ports, deliver, add } = await openSupply();
    const place = folder();
    mkdirSync(join(place, "real"));
    writeFileSync(join(place, "real/token"), "old");
    symlinkSync(join(place, "real/token"), join(place, "token"));
    await add("to-file", file(join(place, "token")));
    await deliverDue(ports, deliver);
    expect(readFileSync(join(place, "real/token"), "utf8")).toBe(rig.tokens.access_token);
    expect(readdirSync(join(place, "real"))).toEqual(["token"]);
  });

  test("in a folder that is not there fails in words, is tried again later, and is made good", async () => {
    const { rig, ports, deliver, add } = await openSupply();
    const place = join(folder(), "later");
    await add("to-file", file(join(place, "token")));
    const [failed] = await deliverDue(ports, deliver);
    expect(failed?.error).toMatchObject({
      code: "delivery_failed",
      message: expect.stringContaining("ENOENT"),
      remedy: expect.stringContaining(place),
    });
    expect(await findDelivery(ports, "to-file")).toMatchObject({ attempts: 1, deliveredAt: null });
    expect(await deliverDue(ports, deliver)).toEqual([]);
    mkdirSync(place);
    rig.clock.advance(5000);
    expect(await deliverDue(ports, deliver)).toMatchObject([{ error: null }]);
    expect(await findDelivery(ports, "to-file")).toMatchObject({ attempts: 0, lastError: null });
    expect((await rig.events("delivered"))[0]?.data).toMatchObject({ failed_before: 1 });
    expect(await rig.events("delivery_failing")).toHaveLength(1);
  });

  test("that cannot be written stays as it was, with nothing beside it", async () => {
    const { ports, deliver, add } = await openSupply();
    const place = folder();
    mkdirSync(join(place, "token"));
    await add("to-file", file(join(place, "token")));
    expect((await deliverDue(ports, deliver))[0]?.error).toMatchObject({
      message: expect.stringContaining("EISDIR"),
    });
    expect(readdirSync(place)).toEqual(["token"]);
  });
});

test("a path that is not a whole one, or has a byte that no path has, is refused", async () => {
  const { add } = await openSupply();
  for (const path of ["token", "../token", "", "/a\0b", `/${"x".repeat(3000)}`])
    await expect(add("to-file", file(path))).rejects.toMatchObject({ code: "invalid_request" });
  const commands = [[], [""], ["a", "b\0"], Array<string>(200).fill("a")];
  for (const command of commands)
    await expect(add("x", { kind: "command", command })).rejects.toMatchObject({ code: "invalid_request" });
});

describe("a program", () => {
  test("gets the token on standard input, and nothing of the keeper's secrets in its environment", async () => {
    const { rig, ports, deliver, add } = await openSupply();
    const seenIn = join(folder(), "seen.json");
    await add("to-program", { kind: "command", command: [process.execPath, "-e", RECORDER, seenIn] });
    expect(await deliverDue(ports, deliver)).toMatchObject([{ error: null }]);
    const seen = JSON.parse(readFileSync(seenIn, "utf8")) as { input: string; env: Record<string, string> };
    expect(seen.input).toBe(rig.tokens.access_token);
    expect(seen.env).toMatchObject({
      DELIVERY: "to-program",
      DELIVERY_DATA_SOURCE: "recorder",
      DELIVERY_GRANT: "g",
      DELIVERY_GENERATION: "1",
      DELIVERY_TOKEN: "access_token",
    });
    expect(JSON.stringify([seen.env, process.argv])).not.toContain(rig.tokens.access_token);
    expect(Object.keys(seen.env).filter((name) => name.startsWith("GRANTKEEPER"))).toEqual([]);
  });

  test("that fails says why, without the token that it may have printed", async () => {
    const { rig, ports, deliver, add } = await openSupply();
    const script = `process.stdin.on("data", (text) => process.stderr.write("first\\nno place for " + text))
      .on("end", () => process.exit(3));`;
    await add("to-program", { kind: "command", command: [process.execPath, "-e", script] });
    await deliverDue(ports, deliver);
    const { lastError } = await findDelivery(ports, "to-program");
    expect(lastError?.message).toMatch(/ended with 3: no place for \[hidden\]/);
    expect(JSON.stringify(await rig.events())).not.toContain(rig.tokens.access_token);
  });

  test("that is not there, or reads nothing", async () => {
    const { ports, deliver, add } = await openSupply();
    await add("absent", { kind: "command", command: ["/no/such/program"] });
    await add("deaf", { kind: "command", command: [process.execPath, "-e", "process.stdin.destroy()"] });
    await deliverDue(ports, deliver);
    expect((await findDelivery(ports, "absent")).lastError?.message).toContain(
      "could not be started (ENOENT)",
    );
    expect(await findDelivery(ports, "deaf")).toMatchObject({ lastError: null, deliveredGeneration: 1 });
  });
});

describe("a webhook", () => {
  test("is signed so that an independent library believes it, and only with the secret that was shown", async () => {
    const { rig, ports, deliver, add } = await openSupply();
    const place = await startPlace();
    const { madeSecret } = await add("hook", { kind: "webhook", url: `${place.url}/token?from=keeper` });
    expect(await deliverDue(ports, deliver)).toMatchObject([{ error: null }]);
    const [received] = place.received;
    expect(received).toMatchObject({ method: "POST", path: "/token?from=keeper" });
    const { body = "", headers = {} } = received ?? {};
    expect(JSON.parse(body)).toMatchObject({ access_token: rig.tokens.access_token, delivery: "hook" });
    expect(isBelieved(madeSecret ?? "", body, headers, rig.clock.now())).toBe(true);
    expect(isBelieved(madeSecret ?? "", body.replace('"g"', '"h"'), headers, rig.clock.now())).toBe(false);
    const other = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
    expect(isBelieved(other, body, headers, rig.clock.now())).toBe(false);
    expect((await findDelivery(ports, "hook")).secret).not.toContain(madeSecret);
  });

  test("a post that is tried again has the same id; a redirect is not followed", async () => {
    const { rig, ports, deliver, add } = await openSupply();
    const answers = [500, 302, 200];
    const place = await startPlace((_, response) => {
      response.writeHead(answers.shift() ?? 200, { location: "/elsewhere" }).end("too busy");
    });
    await add("hook", { kind: "webhook", url: place.url });
    for (let tries = 0; tries < 3; tries++) {
      await deliverDue(ports, deliver);
      rig.clock.advance(600_000);
    }
    expect(place.received.map(({ path }) => path)).toEqual(["/", "/", "/"]);
    expect(new Set(place.received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    const [first] = await rig.events("delivery_failing");
    expect(first?.data["message"]).toContain("status 500: too busy");
    expect(await rig.events("delivery_failing")).toHaveLength(1);
    expect(await findDelivery(ports, "hook")).toMatchObject({ deliveredGeneration: 1, lastError: null });
  });

  test("nobody there, and an answer that repeats the token", async () => {
    const { rig, ports, deliver, add } = await openSupply();
    const place = await startPlace(({ body }, response) => {
      response.writeHead(400).end(body);
    });
    await add("hook", { kind: "webhook", url: place.url });
    await add("nobody", { kind: "webhook", url: "http://127.0.0.1:1/" });
    await deliverDue(ports, deliver);
    const { lastError } = await findDelivery(ports, "nobody");
    expect(lastError?.message).toContain("127.0.0.1:1 was not reached");
    const { lastError: echoed } = await findDelivery(ports, "hook");
    expect(echoed?.message).toContain("status 400");
    expect(JSON.stringify(echoed)).not.toContain(rig.tokens.access_token);
  });
});

/** The library judges by the clock of this machine; what is under test goes by a test's. */
function isBelieved(
  secret: string,
  body: string,
  headers: Readonly<Record<string, unknown>>,
  now: number,
): boolean {
  const real = Date.now;
  Date.now = () => now;
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  } finally {
    Date.now = real;
  }
}

describe("a secret store", () => {
  const TOKEN = "hvs.not-a-real-one-but-as-long-as-one";

  test("has a new version, and is read again before it counts", async () => {
    const { rig, ports, deliver, add } = await openSupply({ rotation: "strict" });
    const store = await startSecretStore(TOKEN);
    const url = `${store.url}/v1/secret/data/recorder`;
    await add("vault", { kind: "secret_store", url }, { secret: TOKEN, token: "refresh_token" });
    await deliverDue(ports, deliver);
    await refreshNow(ports, "g");
    expect(await deliverDue(ports, deliver)).toMatchObject([{ error: null }]);
    expect(store.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /v1/secret/data/recorder",
      "GET /v1/secret/data/recorder",
      "POST /v1/secret/data/recorder",
      "GET /v1/secret/data/recorder",
    ]);
    const written = JSON.parse(store.received[2]?.body ?? "") as { data: Record<string, unknown> };
    expect(written.data).toMatchObject({ refresh_token: await rig.refreshToken(), generation: 2 });
  });

  test("that refuses, or does not keep what it took, has not got it", async () => {
    const { ports, deliver, add } = await openSupply();
    const store = await startSecretStore("another token than we have");
    const forgetful = await startPlace((_, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end('{"data":{"data":{}}}');
    });
    await add("refuses", { kind: "secret_store", url: `${store.url}/v1/secret/data/a` }, { secret: TOKEN });
    await add("forgets", { kind: "secret_store", url: `${forgetful.url}/v1/kv/a` }, { secret: TOKEN });
    await deliverDue(ports, deliver);
    const { lastError } = await findDelivery(ports, "refuses");
    expect(lastError?.message).toContain("status 403");
    expect(lastError?.remedy).toContain("the delivery's secret");
    expect((await findDelivery(ports, "forgets")).lastError?.message).toContain("does not hold it now");
  });
});

describe("whatever the place", () => {
  test("a refresh token that is tried again and again is in the audit once, and nothing leaves without that", async () => {
    const { rig, ports, deliver, add } = await openSupply();
    const path = join(folder(), "absent", "token");
    await add("to-file", file(path), { token: "refresh_token" });
    for (let tries = 0; tries < 4; tries++) {
      await deliverDue(ports, deliver);
      rig.clock.advance(600_000);
    }
    expect((await findDelivery(ports, "to-file")).attempts).toBe(4);
    expect(await rig.events("refresh_token_revealed")).toHaveLength(1);
    mkdirSync(join(path, ".."));
    const recordHandOut = () => Promise.reject(new Error("the store is away"));
    await deliverDue({ ...ports, store: { ...ports.store, recordHandOut } }, deliver);
    expect(() => statSync(path)).toThrow("ENOENT");
  });

  test("a grant that is held supplies nobody, and says so to a person who asks", async () => {
    const { ports, deliver, add } = await openSupply();
    const path = join(folder(), "token");
    const { delivery } = await add("to-file", file(path));
    await suspend(ports, "g");
    expect(await deliverDue(ports, deliver)).toEqual([]);
    await expect(deliverNow(ports, deliver, delivery)).rejects.toMatchObject({ code: "suspended" });
    expect(() => statSync(path)).toThrow("ENOENT");
  });

  test("where the audit cannot be written, nothing leaves", async () => {
    const { rig, ports, deliver, add } = await openSupply();
    const path = join(folder(), "token");
    await add("to-file", file(path));
    const recordHandOut = () => Promise.reject(new Error("the store is away"));
    await deliverDue({ ...ports, store: { ...ports.store, recordHandOut } }, deliver);
    expect(() => statSync(path)).toThrow("ENOENT");
    expect(await rig.events("delivery_failing")).toHaveLength(1);
  });

  test("a token that has run out is put nowhere; a person hears why", async () => {
    const { rig, ports, deliver, add } = await openSupply();
    const { delivery } = await add("to-file", file(join(folder(), "token")));
    rig.clock.advance(400 * 24 * 3_600_000);
    expect(await deliverDue(ports, deliver)).toEqual([]);
    await expect(deliverNow(ports, deliver, delivery)).rejects.toMatchObject({
      code: "delivery_failed",
      message: expect.stringContaining("has run out"),
    });
  });

  test("one that fails keeps no other from its turn, however many there are", async () => {
    const { ports, deliver, add } = await openSupply();
    const place = folder();
    for (let i = 0; i < 40; i++) {
      const path = i % 3 === 0 ? join(place, "absent", `${i}`) : join(place, `${i}`);
      await add(`to-file-${i}`, file(path));
    }
    const attempts = await deliverDue(ports, deliver);
    expect(attempts.filter(({ error }) => error !== null)).toHaveLength(14);
    expect(readdirSync(place)).toHaveLength(26);
  });

  test.each([
    ["target", JSON.stringify({ kind: "command", command: ["sh", "-c", "cat > stolen"] })],
    ["target", JSON.stringify({ kind: "file", path: "/tmp/grantkeeper-stolen", mode: "0600" })],
    ["address_from", "program"],
    ["token", "refresh_token"],
    ["format", "json"],
    ["secret", "1.0.0"],
    ["data_source", "of-another"],
  ])("a row whose %s was written past Grantkeeper gets nothing", async (column, value) => {
    const { rig, ports, deliver, add } = await openSupply();
    await importTokens(ports, "other", "recorder", asDocument(rig.tokens), rig.clock.now());
    await addDataSource(ports, { name: "of-another", grant: "other" });
    const path = join(folder(), "token");
    await add("to-file", file(path));
    const database = rig.connect();
    await database.write(({ query }) => query(`update deliveries set ${column} = $1`, [value]));
    const [made] = await deliverDue(ports, deliver);
    expect(made?.error).toMatchObject({
      code: "forbidden",
      remedy: expect.stringContaining("write to the store"),
    });
    expect(() => statSync(path)).toThrow("ENOENT");
    expect(await rig.events("token_handed_out")).toEqual([]);
  });

  test("a grant's data source that was led to another grant past Grantkeeper gets nothing", async () => {
    const { rig, ports, deliver, add } = await openSupply();
    await importTokens(ports, "other", "recorder", asDocument(rig.tokens), rig.clock.now());
    await add("to-file", file(join(folder(), "token")));
    const database = rig.connect();
    await database.write(({ query }) => query("update data_sources set grant_name = 'other'"));
    expect((await deliverDue(ports, deliver))[0]?.error).toMatchObject({ code: "forbidden" });
  });

  test("a place that takes its time keeps no other waiting; the end waits for it", async () => {
    const { rig, ports, deliver, add } = await openSupply({ rotation: "strict" });
    let release = (): void => undefined;
    const slow = await startPlace((_, response) => {
      release = () => void response.writeHead(204).end();
    });
    const path = join(folder(), "token");
    await add("slow", { kind: "webhook", url: slow.url });
    await add("to-file", file(path));
    const clock = { ...rig.clock, alarm: realAlarm };
    const stopping = new AbortController();
    const faults: unknown[] = [];
    const options = { signal: stopping.signal, onError: (error: unknown) => void faults.push(error) };
    const supplied = keepSupplied({ ...ports, clock }, deliver, options);
    await expect.poll(() => slow.received.length).toBe(1);
    await refreshNow(ports, "g");
    const current = await rig.accessToken();
    await expect.poll(() => readFileSync(path, "utf8"), { timeout: 10_000 }).toBe(current);
    expect((await findDelivery(ports, "slow")).deliveredAt).toBeNull();
    stopping.abort();
    release();
    await supplied;
    expect(faults).toEqual([]);
    expect((await findDelivery(ports, "slow")).deliveredGeneration).toBe(1);
  });

  test("another keeper's attempt is waited for, and a person hears of it", async () => {
    const { ports, deliver, add } = await openSupply();
    const { delivery } = await add("to-file", file(join(folder(), "token")));
    expect(await ports.store.claimDelivery(delivery, ports.clock.now() + 1)).toBe(true);
    await expect(deliverNow(ports, deliver, delivery)).rejects.toMatchObject({ code: "conflict" });
    await remove(ports, "g");
    await expect(deliverNow(ports, deliver, delivery)).rejects.toMatchObject({ code: "not_found" });
  });
});

function realAlarm(ms: number, work: () => void): () => void {
  const timer = setTimeout(work, ms);
  return () => clearTimeout(timer);
}
