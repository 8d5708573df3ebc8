import { describe, expect, test } from "vitest";
import type { Rotation } from "../../src/core/refresh-rules.ts";
import { importTokens } from "../../src/keeper/import.ts";
import { refreshGrant } from "../../src/keeper/refresh.ts";
import { openToken } from "../../src/keeper/secrets.ts";
import { answerText } from "../../src/oauth/answer-text.ts";
import type { Send } from "../../src/oauth/send.ts";
import type { Delivery, Failing, WireAnswer } from "../oauth/answers/answer.ts";
import { echoes } from "../oauth/answers/echoes.ts";
import { DELIVERIES, FAILURES } from "../oauth/answers/index.ts";
import { openRig, type Rig, START } from "./rig.ts";

/** Long, odd and easily found again. */
const secretOf = (name: string) => `canaryRefresh-${name}+with/odd=chars&0123456789`;

interface Case {
  readonly name: string;
  readonly answer: Delivery | Failing;
}

function cases(): Case[] {
  const refreshes = FAILURES.filter(({ request }) => request === "refresh");
  const answers = [...DELIVERIES, ...refreshes];
  const plain = answers.map((answer, i) => ({ name: `g${i}`, answer }));
  const count = echoes("").length;
  const echoing = Array.from({ length: count }, (_, i) => {
    const name = `echo${i}`;
    return { name, answer: echoes(secretOf(name))[i] };
  });
  return [...plain, ...echoing.flatMap(({ name, answer }) => (answer ? [{ name, answer }] : []))];
}

const LARGEST = 1024 * 1024;

function received({ status, headers, body }: WireAnswer) {
  const bytes = Buffer.from(body);
  const isCut = bytes.length > LARGEST;
  return {
    kind: "answer",
    status,
    headers,
    ...answerText(bytes.subarray(0, LARGEST), headers, isCut),
  } as const;
}

/** A rig whose provider answers each grant, told by its refresh token, with an answer of its own. */
async function openAnswering(rotation: Rotation, all: readonly Case[]) {
  const sent = new Map<string, number>();
  const bySecret = new Map(all.map((one) => [secretOf(one.name), one]));
  const send: Send = ({ body }) => {
    const one = bySecret.get(new URLSearchParams(body ?? "").get("refresh_token") ?? "");
    if (one === undefined) throw new Error("a refresh token that was never given out");
    sent.set(one.name, (sent.get(one.name) ?? 0) + 1);
    return Promise.resolve(received(one.answer));
  };
  const rig = await openRig({ rotation, replace: () => ({ send }) });
  return { rig, timesSent: (name: string) => sent.get(name) ?? 0 };
}

async function importGrant(rig: Rig, name: string, refreshTokenExpiresIn: number) {
  const answer = {
    accessToken: "A0",
    refreshToken: secretOf(name),
    tokenType: "Bearer",
    scopes: ["a", "b"],
    expiresIn: 1209599,
    refreshTokenExpiresIn,
  };
  await importTokens(rig.ports, name, "recorder", { answer, notices: [] }, START);
}

async function refresh(rig: Rig, name: string) {
  const before = await rig.ports.store.grant(name);
  if (before === null) throw new Error("the grant is gone");
  const { error } = await refreshGrant(rig.ports, before, "person");
  const grant = await rig.ports.store.grant(name);
  if (grant === null) throw new Error("the grant is gone");
  const events = await rig.ports.store.events({ grantId: grant.id, limit: 100 });
  const { sealer } = rig.ports;
  return {
    grant,
    error,
    events,
    accessToken: openToken(sealer, grant, "access_token"),
    refreshToken: openToken(sealer, grant, "refresh_token"),
    row: JSON.stringify(grant),
    said: JSON.stringify([error, grant.lastError, grant.scopes, events]),
  };
}

const STANDING = {
  unavailable: "retrying",
  integration_rejected: "retrying",
  in_doubt: "outcome_unknown",
  grant_rejected: "suspect",
};

/** What the store has to hold after one answer. */
function expected({ name, answer }: Case, rotation: Rotation) {
  if ("reads" in answer) {
    const { accessToken, refreshToken } = answer.reads;
    const stored = refreshToken ?? secretOf(name);
    return {
      accessToken,
      refreshToken: stored,
      generation: 2,
      refreshStatus: "idle",
      failed: false,
      sent: 1,
    };
  }
  const kind = answer.verdict.split(" ")[0] as keyof typeof STANDING;
  const again = kind === "in_doubt" && rotation !== "strict";
  const kept = { accessToken: "A0", refreshToken: secretOf(name), generation: 1 };
  return { ...kept, refreshStatus: STANDING[kind], failed: true, sent: again ? 2 : 1 };
}

describe("one answer of every kind, through the engine", () => {
  test.each(["rolling", "grace", "strict"] as const)(
    "%s: only a valid answer changes the stored refresh token, and none ends a grant",
    { timeout: 120_000 },
    async (rotation) => {
      const all = cases();
      expect(all.length).toBeGreaterThanOrEqual(250);
      const { rig, timesSent } = await openAnswering(rotation, all);
      for (const one of all) {
        const { title } = one.answer;
        await importGrant(rig, one.name, 7775999);
        const { grant, error, row, said, accessToken, refreshToken } = await refresh(rig, one.name);
        const found = {
          accessToken,
          refreshToken,
          generation: grant.generation,
          refreshStatus: grant.refreshStatus,
          failed: error !== null,
          sent: timesSent(one.name),
        };
        expect({ title, state: grant.state, ...found }).toEqual({
          title,
          state: "active",
          ...expected(one, rotation),
        });
        expect(row + said, title).not.toMatch(/canary/i);
        expect(row + said, title).not.toContain(rig.client.clientSecret);
        expect(said.length, title).toBeLessThan(10_000);
      }
      const integration = await rig.ports.store.integration("recorder");
      expect(JSON.stringify(integration?.incident)).not.toMatch(/canary/i);
      expect(await rig.parked()).toEqual([]);
      expect(rig.spooled()).toEqual([]);
    },
  );

  test("a refresh token past its stated end: one rejection that says so ends the grant, nothing else does", async () => {
    const all = cases().filter(({ answer }) => "verdict" in answer);
    const { rig } = await openAnswering("rolling", all);
    for (const { name } of all) await importGrant(rig, name, 60);
    rig.clock.advance(61_000);
    for (const { name, answer } of all) {
      const { grant, refreshToken } = await refresh(rig, name);
      const hasEnded = "verdict" in answer && answer.verdict === "grant_rejected refresh_token_expired";
      const state = hasEnded ? "reauthorization_required" : "active";
      expect([answer.title, grant.state, refreshToken]).toEqual([answer.title, state, secretOf(name)]);
    }
  });
});
