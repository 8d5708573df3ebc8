/** Every state of a grant × every verb of the API, warm and cold. */
import { beforeAll, describe, expect, test } from "vitest";
import { openWatchedScene as openScene, type Scene } from "./scene.ts";

const STATES = ["pending", "active", "suspended", "dead with life", "dead", "revoked"] as const;

const NO_TOKEN = "409 reauthorization_required";
const HELD = "409 suspended";

/** What each verb answers in each of the states above. Those that end something come last. */
const VERBS: readonly (readonly [verb: string, body: object | undefined, answers: readonly string[]])[] = [
  ["GET", undefined, ["200", "200", "200", "200", "200", "200"]],
  ["GET /token", undefined, [NO_TOKEN, "200", HELD, "200", NO_TOKEN, NO_TOKEN]],
  ["GET /token?min_ttl=0", undefined, [NO_TOKEN, "200", HELD, "200", NO_TOKEN, NO_TOKEN]],
  ["POST /reveal", undefined, [NO_TOKEN, "200", "200", "200", "200", NO_TOKEN]],
  ["POST /exchange", { code: "unknown" }, Array<string>(6).fill("422 provider_refused")],
  ["POST /resume", undefined, ["200", "200", "200", "200", "200", "200"]],
  ["POST /suspend", undefined, ["200", "200", "200", "200", "200", "409 conflict"]],
  ["POST /revoke", undefined, ["200", "200", "200", "200", "200", "200"]],
  ["DELETE", undefined, ["204", "204", "204", "204", "204", "204"]],
];

/** Of a verb that changes the state, the state is made anew. */
const CHANGES = new Set(["POST /resume", "POST /suspend", "POST /revoke", "DELETE"]);

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ lasts: true });
});

let made = 0;

async function grantIn(state: (typeof STATES)[number]): Promise<string> {
  const name = `g${made++}`;
  const { store } = scene.other.ports;
  if (state === "pending") {
    await scene.ask(`POST /v1/grants/${name}/authorizations`, { body: { integration: "recorder" } });
    return name;
  }
  const tokens = await scene.grant(name);
  if (state === "suspended" || state === "revoked")
    await scene.ask(`POST /v1/grants/${name}/${state === "revoked" ? "revoke" : "suspend"}`);
  if (!state.startsWith("dead")) return name;
  const grant = await store.grant(name);
  const cause = { code: "invalid_grant", message: "It is dead.", remedy: "Consent again.", at: Date.now() };
  await store.changeGrant({
    id: grant?.id ?? "",
    expect: { generation: 1 },
    change: {
      state: "reauthorization_required",
      cause,
      ...(state === "dead" && { accessExpiresAt: Date.now() - 1 }),
    },
    events: [],
  });
  expect(tokens.expires_in).toBeGreaterThan(0);
  return name;
}

describe.each(STATES)("%s", (state) => {
  const at = STATES.indexOf(state);
  test.each(VERBS.map(([verb, body, answers]) => [verb, answers[at] ?? "", body] as const))(
    "%s: %s",
    async (verb, expected, body) => {
      const name = await grantIn(state);
      const [method = "", path = ""] = verb.split(" ");
      const rounds = CHANGES.has(verb) ? 1 : 3;
      for (let round = 0; round < rounds; round++) {
        const answer = await scene.ask(`${method} /v1/grants/${name}${path}`, { body });
        const code = answer.status < 400 ? "" : ` ${answer.body["code"] as string}`;
        expect(`${answer.status}${code}`).toBe(expected);
        if (answer.status >= 400) expect(answer.text).not.toContain("access_token");
      }
    },
  );
});

test("a token that is served though its grant is dead says so", async () => {
  const name = await grantIn("dead with life");
  for (let i = 0; i < 2; i++) {
    const answer = await scene.ask(`GET /v1/grants/${name}/token`);
    expect(answer.body["warning"]).toContain("A person has to consent again");
  }
});

test("nothing else that is asked of a grant that is not there is found", async () => {
  for (const [verb, body] of VERBS) {
    const [method = "", path = ""] = verb.split(" ");
    if (path === "/exchange") continue;
    const answer = await scene.ask(`${method} /v1/grants/absent${path}`, { body });
    expect([verb, answer.status, answer.body["code"]]).toEqual([verb, 404, "not_found"]);
  }
  expect(scene.faults).toEqual([]);
});
