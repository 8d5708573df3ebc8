import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import type { Rotation } from "../../src/core/refresh-rules.ts";
import { refreshGrant } from "../../src/keeper/refresh.ts";
import { answerText } from "../../src/oauth/answer-text.ts";
import type { Send } from "../../src/oauth/send.ts";
import { readTokenAnswer } from "../../src/oauth/token-response.ts";
import { webex, webexGov } from "../../src/providers/webex.ts";
import { openRig, START } from "../keeper/rig.ts";
import { type AnswerBytes, judge } from "./answer-oracle.ts";
import { generateAnswer } from "./generated-answers.ts";

const isLong = process.env["GRANTKEEPER_LONG"] === "1";
const COUNT = isLong ? 100_000 : 2000;
/** So many go through the engine with each rotation model: each costs two commits. */
const ENGINE_COUNT = isLong ? 3000 : 150;
/** With `GRANTKEEPER_ANSWER_SEED` that one answer alone; else a run of seeds, at length another each time. */
const ALONE = process.env["GRANTKEEPER_ANSWER_SEED"];
const FIRST = ALONE === undefined ? (isLong ? Math.floor(Date.now() / 1000) % 2 ** 30 : 1) : Number(ALONE);
const SEEDS = ALONE === undefined ? COUNT : 1;

const REFRESH_TOKEN = "canaryRefreshToken+with/odd=chars&0123456789";
const CLIENT_SECRET = "canary:client+secret%with&odd=é-0123456789";
const SECRETS: readonly [string, string] = [REFRESH_TOKEN, CLIENT_SECRET];
const plain = { ...webex, id: "plain", refusals: [] };

const LARGEST = 1024 * 1024;

/** As the transport hands it on. */
function received({ status, headers, bytes }: AnswerBytes) {
  const isCut = bytes.length > LARGEST;
  return {
    kind: "answer",
    status,
    headers,
    ...answerText(bytes.subarray(0, LARGEST), headers, isCut),
  } as const;
}

/** Runs something for every seed; a failure names the seed that shows it again. */
async function forEachSeed(count: number, check: (seed: number) => Promise<void> | void): Promise<void> {
  for (let seed = FIRST; seed < FIRST + Math.min(count, SEEDS); seed++) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one after another is what is tried
      await check(seed);
    } catch (error) {
      throw new Error(`answer ${seed}: GRANTKEEPER_ANSWER_SEED=${seed} shows it again`, { cause: error });
    }
  }
}

/** So many characters of a secret in a row are more than chance. */
const PIECE = 12;

function piecesOf(secrets: readonly string[]): Set<string> {
  const forms = secrets.flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ "": secret }).toString().slice(1),
    Buffer.from(secret).toString("base64"),
  ]);
  return new Set(forms.flatMap((form) => pieces(form)));
}

function pieces(text: string): string[] {
  return Array.from({ length: Math.max(0, text.length - PIECE + 1) }, (_, i) => text.slice(i, i + PIECE));
}

/** Every text in a value, as a person or a log would be shown it. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

function expectNoPiece(value: unknown, secret: ReadonlySet<string>): void {
  for (const text of textsIn(value)) {
    if (pieces(text).some((piece) => secret.has(piece))) expect.fail(`a secret is in: ${text}`);
  }
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

async function heapInUse(): Promise<number> {
  // What ends with this turn of the loop is no leak.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

describe(`generated answers, seeds from ${FIRST}`, () => {
  test(
    `${COUNT}: read as a second opinion reads them, and nothing said that was secret`,
    { timeout: 1_800_000 },
    async () => {
      const prototype = Object.getOwnPropertyNames(Object.prototype).join();
      const secret = piecesOf(SECRETS);
      const kinds = new Map<string, number>();
      let slowest = 0;
      await forEachSeed(COUNT, (seed) => {
        const answer = generateAnswer(seed, SECRETS);
        const judged = judge(answer);
        const before = process.cpuUsage();
        const reading = { request: "refresh", now: START, secrets: SECRETS } as const;
        const raw = received(answer);
        const outcome = readTokenAnswer(raw, { ...reading, profile: plain });
        const { user, system } = process.cpuUsage(before);
        slowest = Math.max(slowest, user + system);
        const tokens = outcome.kind === "refreshed" ? outcome.answer : null;
        const found = {
          kind: outcome.kind,
          accessToken: tokens?.accessToken ?? null,
          refreshToken: tokens?.refreshToken ?? null,
        };
        expect(found).toEqual(judged);
        const table = seed % 2 === 0 ? webex : webexGov;
        const byTable = readTokenAnswer(raw, { ...reading, profile: table });
        // A table may explain a refusal otherwise; it makes no delivery of one, and no refusal of a delivery.
        expect(byTable.kind === "refreshed").toBe(tokens !== null);
        if (tokens === null) {
          expectNoPiece([outcome, byTable], secret);
          expect(JSON.stringify(outcome).length).toBeLessThan(2500);
        }
        kinds.set(outcome.kind, (kinds.get(outcome.kind) ?? 0) + 1);
      });
      expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(prototype);
      // Not a matter of speed but of growth: nothing that is read takes seconds of computing.
      expect(slowest).toBeLessThan(2_000_000);
      if (ALONE !== undefined) return;
      // The generator makes enough of everything for the rest to mean something.
      for (const kind of ["refreshed", "unavailable", "in_doubt", "grant_rejected", "integration_rejected"]) {
        expect(kinds.get(kind) ?? 0, kind).toBeGreaterThan(COUNT / 100);
      }
    },
  );

  test(
    "leave nothing behind: the heap is as it was, however many were read",
    { timeout: 600_000 },
    async () => {
      const answers = Array.from({ length: 400 }, (_, i) => generateAnswer(FIRST + i, SECRETS));
      const readAll = (): void => {
        for (const answer of answers) {
          const reading = { request: "refresh", now: START, secrets: SECRETS, profile: webex } as const;
          readTokenAnswer(received(answer), reading);
        }
      };
      for (let round = 0; round < 10; round++) readAll();
      const before = await heapInUse();
      for (let round = 0; round < COUNT / 400; round++) readAll();
      expect((await heapInUse()) - before).toBeLessThan(4 * 1024 * 1024);
    },
  );

  test.each(["rolling", "grace", "strict"] as const)(
    `${ENGINE_COUNT} through the engine, %s: the stored refresh token is always the last that a valid answer brought`,
    { timeout: 1_800_000 },
    (rotation) => throughTheEngine(rotation, ENGINE_COUNT),
  );
});

async function throughTheEngine(rotation: Rotation, count: number): Promise<void> {
  let answer: AnswerBytes | null = null;
  const send: Send = ({ body }) => {
    if (answer === null) throw new Error("nothing was to be sent");
    expect(new URLSearchParams(body ?? "").get("refresh_token")).toBe(held);
    return Promise.resolve(received(answer));
  };
  const profile = () => ({ ...plain, id: "webex", rotation });
  const rig = await openRig({ rotation, replace: () => ({ send, profile }) });
  let held = rig.tokens.refresh_token;
  let after = (await rig.events()).at(-1)?.seq ?? 0;
  let generation = 1;
  await forEachSeed(count, async (seed) => {
    answer = generateAnswer(seed, [held, rig.client.clientSecret]);
    const judged = judge(answer);
    const sent = held;
    const { error } = await refreshGrant(rig.ports, await rig.grant(), "person");
    if (judged.kind === "refreshed") {
      held = judged.refreshToken ?? held;
      generation++;
    }
    const grant = await rig.grant();
    expect([await rig.refreshToken(), grant.generation]).toEqual([held, generation]);
    expect(error === null).toBe(judged.kind === "refreshed");
    const isOver = grant.refreshExpiresAt !== null && grant.refreshExpiresAt <= rig.clock.now();
    if (!isOver) expect(grant.state).toBe("active");
    const events = await rig.ports.store.events({ after, limit: 10 });
    after = events.at(-1)?.seq ?? after;
    expect(events.length).toBeLessThan(10);
    // A token of a few letters stands in many a word.
    const secrets = [sent, held, rig.client.clientSecret].filter((secret) => secret.length >= PIECE);
    const words = piecesOf(secrets.map((secret) => secret.slice(0, 4000)));
    expectNoPiece([error, grant.lastError, events.map(({ data }) => data)], words);
  });
  expect(rig.spooled()).toEqual([]);
  expect(await rig.parked()).toEqual([]);
}
