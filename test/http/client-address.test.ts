import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { clientAddress, isTrusted } from "../../src/http/client-address.ts";
import { openScene } from "./scene.ts";
import { ask } from "./wire.ts";

const asked = (peer: string | undefined, forwarded?: string) =>
  ({
    socket: { remoteAddress: peer },
    headers: { "x-forwarded-for": forwarded },
  }) as unknown as IncomingMessage;

const PROXIES = ["10.0.0.0/8", "127.0.0.1", "fd00::/8"];

describe("who asks", () => {
  test.each([
    ["nobody is trusted", [], "127.0.0.1", "1.2.3.4", "127.0.0.1"],
    ["no field", PROXIES, "127.0.0.1", undefined, "127.0.0.1"],
    ["a stranger's field", PROXIES, "9.9.9.9", "1.2.3.4", "9.9.9.9"],
    ["a proxy's field", PROXIES, "127.0.0.1", "1.2.3.4", "1.2.3.4"],
    ["a forged beginning", PROXIES, "127.0.0.1", "8.8.8.8, 1.2.3.4", "1.2.3.4"],
    ["a chain of proxies", PROXIES, "127.0.0.1", "8.8.8.8, 1.2.3.4, 10.1.1.1", "1.2.3.4"],
    ["proxies alone", PROXIES, "127.0.0.1", "10.1.1.1, 10.2.2.2", "127.0.0.1"],
    ["nonsense at the end", PROXIES, "127.0.0.1", "1.2.3.4, evil", "127.0.0.1"],
    ["nonsense behind a proxy", PROXIES, "127.0.0.1", "evil, 10.1.1.1", "127.0.0.1"],
    ["an empty hop", PROXIES, "127.0.0.1", "1.2.3.4,", "127.0.0.1"],
    ["a port", PROXIES, "127.0.0.1", "1.2.3.4:5678", "127.0.0.1"],
    ["IPv6", PROXIES, "fd00::7", "2001:db8::1", "2001:db8::1"],
    ["a mapped peer", PROXIES, "::ffff:127.0.0.1", "1.2.3.4", "1.2.3.4"],
    ["no peer any more", PROXIES, undefined, "1.2.3.4", "unknown"],
  ])("%s", (_, proxies, peer, forwarded, expected) => {
    expect(clientAddress(asked(peer, forwarded), proxies)).toBe(expected);
  });

  test.each([
    ["10.255.0.1", true],
    ["11.0.0.1", false],
    ["127.0.0.2", false],
    ["::ffff:10.1.1.1", true],
    ["fdff::1", true],
    ["fe80::1", false],
    ["", false],
    ["10.0.0.1.example", false],
  ])("%s is one of them: %s", (address, expected) => {
    expect(isTrusted(address, PROXIES)).toBe(expected);
  });
});

describe("how often keys may be wrong", () => {
  const WRONG = 130;
  const statuses = async (port: number, field: (i: number) => Record<string, string>): Promise<number[]> => {
    const seen: number[] = [];
    for (let i = 0; i < WRONG; i++) {
      const headers = { authorization: `Bearer guess-${i}`, ...field(i) };
      const answer = await ask(port, "GET", "/v1/grants", headers);
      seen.push(answer.status);
      if (answer.status === 429) expect(answer.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    }
    return seen;
  };

  test("counts by address; a forged field makes nobody another", async () => {
    const scene = await openScene();
    await scene.grant("g");
    const seen = await statuses(scene.port, (i) => ({
      "x-forwarded-for": `10.0.0.${i}`,
      forwarded: `for=10.0.0.${i}`,
    }));
    expect(seen.slice(0, 100).every((status) => status === 401)).toBe(true);
    expect(seen.at(-1)).toBe(429);
    // Who has a good key is served from the same address, from the store and from memory.
    for (let i = 0; i < 3; i++) expect((await scene.ask("GET /v1/grants/g/token")).status).toBe(200);
    // Whoever shows no key has guessed nothing.
    expect((await scene.ask("GET /v1/grants", { key: null })).status).toBe(401);
  });

  test("behind a trusted proxy each client has a count of its own", async () => {
    const scene = await openScene({ config: { trustedProxies: ["127.0.0.1"] } });
    const attacker = await statuses(scene.port, (i) => ({ "x-forwarded-for": `10.0.0.${i}, 9.9.9.9` }));
    expect(attacker.at(-1)).toBe(429);
    const others = await statuses(scene.port, (i) => ({ "x-forwarded-for": `9.9.8.${i}` }));
    expect(new Set(others)).toEqual(new Set([401]));
  });
});

test("a key's limit counts tokens from memory too, and no other key's", async () => {
  const scene = await openScene({ config: { rateLimit: 3 } });
  await scene.grant("g");
  const [one, two] = [await scene.key(["tokens:read"]), await scene.key(["tokens:read"])];
  expect((await scene.ask("GET /v1/grants/g/token", { key: one })).status).toBe(200);
  // Sixty at once: six are free, and three more for each second that they take.
  const many = Array.from({ length: 60 }, () => scene.ask("GET /v1/grants/g/token", { key: one }));
  const seen = (await Promise.all(many)).map(({ status }) => status);
  expect(seen.filter((status) => status === 200).length).toBeGreaterThanOrEqual(5);
  expect(seen).toContain(429);
  expect((await scene.ask("GET /v1/grants/g/token", { key: two })).status).toBe(200);
});
