/** What the audit has before a token leaves, and what counts at once in the process that it went through. */
import { describe, expect, test } from "vitest";
import { GrantkeeperError } from "../../src/core/errors.ts";
import type { Store } from "../../src/keeper/ports.ts";
import { DAY, HOUR } from "../keeper/rig.ts";
import { openWired, type Wired } from "./wired.ts";

const TOKEN = "GET /v1/grants/g/token";

async function handOuts({ rig }: Wired): Promise<string[]> {
  const events = await rig.events("token_handed_out");
  return events.map(({ generation, data }) => `${generation} ${String(data["consumer"])}`);
}

async function counted({ rig, service }: Wired): Promise<number[]> {
  await service.counts.flush();
  const rows = await rig.connect().read(({ query }) => query("select times from hand_outs order by times"));
  return rows.map((row) => Number(row["times"]));
}

describe("the audit before the token", () => {
  test("a store that cannot take the first hand-out: no token leaves, from memory neither", async () => {
    const state = { isFailing: false };
    const wired = await openWired((store): Partial<Store> => ({
      recordHandOut: async (handOut) => {
        if (state.isFailing) throw new GrantkeeperError("storage_unavailable", "The disk is full.");
        return store.recordHandOut(handOut);
      },
    }));
    const [one, two] = [await wired.key(["tokens:read"]), await wired.key(["tokens:read"])];
    state.isFailing = true;
    const refused = await wired.ask(TOKEN, one);
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(refused.body).not.toContain(wired.rig.tokens.access_token);
    expect(await handOuts(wired)).toEqual([]);
    state.isFailing = false;
    expect((await wired.ask(TOKEN, one)).status).toBe(200);
    state.isFailing = true;
    // It is in memory now, and served to whom the audit names; to nobody else, whose key may be in memory too.
    expect((await wired.ask(TOKEN, one)).status).toBe(200);
    expect((await wired.ask("GET /v1/grants/g", two)).status).toBe(403);
    const second = await wired.ask(TOKEN, two);
    expect([second.status, second.body.includes(wired.rig.tokens.access_token)]).toEqual([503, false]);
    expect(await handOuts(wired)).toHaveLength(1);
    expect(wired.faults).toEqual([]);
  });

  test("the answer waits until the entry is written", async () => {
    let write = (): void => undefined;
    let begun = (): void => undefined;
    const isWriting = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const wired = await openWired((store) => ({
      recordHandOut: async (handOut) => {
        begun();
        await new Promise<void>((resolve) => {
          write = resolve;
        });
        return store.recordHandOut(handOut);
      },
    }));
    const key = await wired.key(["tokens:read"]);
    let isAnswered = false;
    const asked = wired.ask(TOKEN, key).then((answer) => {
      isAnswered = true;
      return answer;
    });
    await isWriting;
    // Another request makes the whole way there and back meanwhile.
    expect((await wired.ask("GET /v1/grants/g", key)).status).toBe(403);
    expect(isAnswered).toBe(false);
    write();
    expect((await asked).status).toBe(200);
  });

  test("each generation once to each consumer; what follows is counted, whoever served it", async () => {
    const wired = await openWired();
    const [one, two] = [await wired.key(["tokens:read"]), await wired.key(["tokens:read"])];
    const ids = [one, two].map((key) => key.slice(3, 13));
    for (let i = 0; i < 5; i++) await wired.ask(TOKEN, one);
    for (let i = 0; i < 3; i++) await wired.ask(`${TOKEN}?min_ttl=60`, two);
    expect(await handOuts(wired)).toEqual(ids.map((id) => `1 api_key:${id}`));
    expect(await counted(wired)).toEqual([3, 5]);
    wired.rig.pass(DAY);
    expect((await wired.ask("POST /v1/grants/g/refresh", one)).status).toBe(200);
    for (let i = 0; i < 4; i++) await wired.ask(TOKEN, two);
    expect(await handOuts(wired)).toEqual([1, 2].flatMap((at) => ids.map((id) => `${at} api_key:${id}`)));
    // The answer to the refresh was the first hand-out to the one, the next four went to the other.
    expect(await counted(wired)).toEqual([1, 3, 4, 5]);
  });
});

describe("through this process, at once", () => {
  const ends = [
    ["suspended", "POST /v1/grants/g/suspend", 200, 409],
    ["revoked", "POST /v1/grants/g/revoke", 200, 409],
    ["removed", "DELETE /v1/grants/g", 204, 404],
  ] as const;
  test.each(ends)("a grant that is %s is served no more", async (_, what, done, after) => {
    const wired = await openWired();
    const [admin, reader] = [await wired.key(["admin"]), await wired.key(["tokens:read"])];
    for (let i = 0; i < 2; i++) expect((await wired.ask(TOKEN, reader)).status).toBe(200);
    expect(wired.service.tokens.get("g")).not.toBeNull();
    expect((await wired.ask(what, admin)).status).toBe(done);
    expect((await wired.ask(TOKEN, reader)).status).toBe(after);
  });

  test("a key that is revoked opens nothing more", async () => {
    const wired = await openWired();
    const [admin, reader] = [await wired.key(["admin"]), await wired.key(["tokens:read"])];
    for (let i = 0; i < 2; i++) expect((await wired.ask(TOKEN, reader)).status).toBe(200);
    expect((await wired.ask(`DELETE /v1/api-keys/${reader.slice(3, 13)}`, admin)).status).toBe(204);
    expect((await wired.ask(TOKEN, reader)).status).toBe(401);
    expect((await wired.ask(TOKEN, admin)).status).toBe(200);
  });

  test("a refreshed token takes the place of the one in memory", async () => {
    const wired = await openWired();
    const reader = await wired.key(["tokens:read"]);
    const first = await wired.ask(TOKEN, reader);
    wired.rig.pass(DAY);
    const refreshed = await wired.ask("POST /v1/grants/g/refresh", reader);
    const next = await wired.ask(TOKEN, reader);
    const tokenOf = ({ body }: { body: string }) =>
      (JSON.parse(body) as { access_token: string }).access_token;
    expect(tokenOf(next)).toBe(tokenOf(refreshed));
    expect(tokenOf(next)).not.toBe(tokenOf(first));
  });
});

describe("time, in memory too", () => {
  test("a key that ends is refused, and a token with too little life is not what is served", async () => {
    const wired = await openWired();
    const [short, long] = [await wired.key(["tokens:read"], HOUR), await wired.key(["tokens:read"])];
    for (const key of [short, long, short, long]) expect((await wired.ask(TOKEN, key)).status).toBe(200);
    wired.rig.pass(HOUR);
    expect((await wired.ask(TOKEN, short)).status).toBe(401);
    expect((await wired.ask(TOKEN, long)).status).toBe(200);
    expect(wired.rig.refreshes()).toBe(0);
    wired.rig.pass(wired.rig.tokens.expires_in * 1000 - HOUR - 299_000);
    const answer = JSON.parse((await wired.ask(TOKEN, long)).body) as {
      generation: number;
      expires_in: number;
    };
    expect(answer.generation).toBe(2);
    expect(answer.expires_in).toBeGreaterThan(300);
  });

  test("seconds left are counted anew for each answer", async () => {
    const wired = await openWired();
    const key = await wired.key(["tokens:read"]);
    const left: number[] = [];
    for (let i = 0; i < 3; i++) {
      left.push((JSON.parse((await wired.ask(TOKEN, key)).body) as { expires_in: number }).expires_in);
      wired.rig.pass(HOUR);
    }
    expect(left).toEqual([0, 3600, 7200].map((gone) => wired.rig.tokens.expires_in - gone));
  });
});
