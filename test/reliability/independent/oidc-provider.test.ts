import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Ports } from "../../../src/keeper/ports.ts";
import { getToken } from "../../../src/keeper/get-token.ts";
import { refreshGrant } from "../../../src/keeper/refresh.ts";
import { refreshTokens } from "../../../src/oauth/token-request.ts";
import type { ProviderProfile } from "../../../src/providers/profile.ts";
import { webex } from "../../../src/providers/webex.ts";
import { IS_LONG, integrityOf, ROOT, start } from "../bench.ts";
import { type CuttingProxy, startCuttingProxy } from "./cutting-proxy.ts";
import {
  askTogether,
  connectAll,
  type Keepers,
  openKeepers,
  plainProfile,
  report,
  runCycles,
} from "./keepers.ts";
import {
  CLIENT_ID,
  CLIENT_SECRET,
  consent,
  type OidcServer,
  REDIRECT_URI,
  SCOPES,
  startOidcServer,
} from "./oidc-provider-server.ts";

/** oidc-provider: a certified server, strict with rotation, rolling without. Its events are the witness. */

const GRANTS = 10;
const TURNS = IS_LONG ? 100 : 4;
const CALLERS = 12;
const MINUTE = 60_000;

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Scene {
  readonly server: OidcServer;
  readonly proxy: CuttingProxy;
  readonly keepers: Keepers;
  readonly first: Ports;
  readonly profile: ProviderProfile;
}

async function begin(rotation: "strict" | "rolling", keepersCount = 2): Promise<Scene> {
  const server = await startOidcServer({ rotate: rotation === "strict" });
  closing.push(server.close);
  const proxy = await startCuttingProxy(server.port);
  closing.push(proxy.close);
  const endpoints = (base: string) => ({ ...webex.endpoints(base), revocation: null });
  const plain = plainProfile({ endpoints, rotation, clientAuthentication: "client_secret_post" });
  // Named as the built command line knows it: processes share the store with the keepers here.
  const profile = { ...plain, id: webex.id };
  const client = { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, redirectUri: REDIRECT_URI };
  const counterpart = { ...client, profile, baseUrl: proxy.origin, scopes: SCOPES, consent };
  const keepers = await openKeepers(counterpart, keepersCount);
  closing.push(keepers.close);
  return { server, proxy, keepers, first: keepers.first, profile };
}

/** Presents a refresh token behind the keeper's back, as a thief or a second keeper would. */
function present({ profile, first, server }: Scene, refreshToken: string) {
  const client = {
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    redirectUri: REDIRECT_URI,
    baseUrl: server.origin,
  };
  return refreshTokens({ profile, client, send: first.send, now: first.clock.now, refreshToken });
}

describe("cycles", { timeout: 600_000 }, () => {
  it.each(["strict", "rolling"] as const)(
    `${GRANTS * TURNS} refreshes of ${GRANTS} grants by two keepers (%s): none lost, none spent twice`,
    async (rotation) => {
      const { server, keepers } = await begin(rotation);
      const names = await connectAll(keepers, GRANTS);
      const cycled = await runCycles(keepers, names, TURNS);
      report(`oidc-provider ${rotation}`, cycled, { ...server.seen });
      const { cycles } = cycled;
      expect(cycled).toMatchObject({ cycles: GRANTS * TURNS, failed: 0, accessTokens: cycles });
      const consumed = rotation === "strict" ? cycles : 0;
      expect(server.seen).toEqual({ refreshes: cycles, consumed, revoked: 0, refused: 0 });
      for (const name of names) {
        expect(server.worth(await keepers.refreshToken(name))).toBe("good");
        expect((await keepers.grant(name)).state).toBe("active");
        const refreshed = (await keepers.history(name)).filter((type) => type === "refreshed");
        expect(refreshed).toHaveLength(TURNS);
      }
      expect(integrityOf(join(keepers.home, "grantkeeper.db"))).toBe("ok");
    },
  );

  it("the witness sees a reuse: a spent refresh token presented once more ends its grant alone", async () => {
    const scene = await begin("strict");
    const { server, keepers, first } = scene;
    const [struck = "", other = ""] = await connectAll(keepers, 2);
    const old = await keepers.refreshToken(struck);
    await refreshGrant(first, await keepers.grant(struck), "person");
    expect((await present(scene, old)).kind).toBe("grant_rejected");
    expect(server.seen).toMatchObject({ revoked: 1, refused: 1 });
    expect(server.worth(await keepers.refreshToken(struck))).toBe("unknown");
    const { error } = await refreshGrant(first, await keepers.grant(struck), "person");
    expect(error?.code).toBe("reauthorization_required");
    expect(await keepers.history(struck)).toContain("suspect");
    expect((await refreshGrant(first, await keepers.grant(other), "person")).error).toBeNull();
  });
});

describe("races for one expired token, strict", { timeout: 600_000 }, () => {
  const rounds = IS_LONG ? 100 : 5;
  const processRounds = IS_LONG ? 100 : 2;

  it(`${CALLERS} callers of four keepers, ${rounds} rounds: one refresh each, one token for all`, async () => {
    const { server, keepers } = await begin("strict", 4);
    for (let round = 1; round <= rounds; round++) {
      const name = `round-${round}`;
      await keepers.connect(name);
      await keepers.expire(name);
      const answers = await askTogether(keepers, name, CALLERS);
      expect(new Set(answers.map(({ access_token }) => access_token)).size).toBe(1);
      expect(answers.map(({ warning }) => warning)).toEqual(answers.map(() => null));
      expect(server.seen).toEqual({ refreshes: round, consumed: round, revoked: 0, refused: 0 });
      expect(server.worth(await keepers.refreshToken(name))).toBe("good");
    }
  });

  it(
    `${CALLERS} processes of the command line, ${processRounds} rounds: one refresh each, one token for all`,
    { timeout: 30 * MINUTE },
    async () => {
      const { server, keepers } = await begin("strict", 1);
      const env = { GRANTKEEPER_HOME: keepers.home };
      const main = join(ROOT, "dist/cli/main.js");
      for (let round = 1; round <= processRounds; round++) {
        const name = `round-${round}`;
        await keepers.connect(name);
        await keepers.expire(name);
        const answers = await Promise.all(
          Array.from({ length: CALLERS }, () => start(process.execPath, [main, "token", name], env).ended),
        );
        expect(answers.map(({ code, stderr }) => [code, stderr])).toEqual(answers.map(() => [0, ""]));
        expect(new Set(answers.map(({ stdout }) => stdout)).size).toBe(1);
        expect(server.seen).toEqual({ refreshes: round, consumed: round, revoked: 0, refused: 0 });
        expect(server.worth(await keepers.refreshToken(name))).toBe("good");
      }
    },
  );
});

describe("an answer that is lost on the way", { timeout: 600_000 }, () => {
  const rounds = IS_LONG ? 50 : 3;

  it.each(["answer", "half_answer"] as const)(
    `strict, %s, ${rounds} grants: labelled, the old access token served, nothing sent again by itself`,
    async (cut) => {
      const { server, proxy, keepers, first } = await begin("strict");
      const names = await connectAll(keepers, rounds);
      for (const [before, name] of names.entries()) {
        const { accessFingerprint } = await keepers.grant(name);
        proxy.cutNext("/access_token", cut);
        const { error } = await refreshGrant(first, await keepers.grant(name), "person");
        expect(error?.code).toBe("provider_unreachable");
        expect(server.seen).toEqual({
          refreshes: before + 1,
          consumed: before + 1,
          revoked: 0,
          refused: 0,
        });
        const after = await keepers.grant(name);
        expect(after).toMatchObject({ state: "active", refreshStatus: "outcome_unknown" });
        expect((await keepers.history(name)).at(-1)).toBe("outcome_unknown");
        const served = await getToken(first, name, 7200);
        expect(served).toMatchObject({ fingerprint: accessFingerprint });
        expect(served.warning).toContain("Refreshing is failing");
        expect(server.worth(await keepers.refreshToken(name))).toBe("spent");
        expect(server.seen.refreshes).toBe(before + 1);
      }
      expect(proxy.cuts()).toBe(rounds);
    },
  );

  it("strict: what was lost is confirmed over a quarter of an hour, and its cause named", async () => {
    const { server, proxy, keepers, first } = await begin("strict");
    await keepers.connect("lost");
    proxy.cutNext("/access_token", "answer");
    await refreshGrant(first, await keepers.grant("lost"), "person");
    for (const later of [0, 8 * MINUTE, 16 * MINUTE]) {
      const clock = { ...first.clock, now: () => first.clock.now() + later };
      await refreshGrant({ ...first, clock }, await keepers.grant("lost"), "person");
    }
    expect(await keepers.grant("lost")).toMatchObject({
      state: "reauthorization_required",
      cause: { code: "answer_lost" },
    });
    expect(server.seen).toMatchObject({ refreshes: 1, consumed: 1, revoked: 1 });
    const types = await keepers.history("lost");
    expect(types.filter((type) => type === "outcome_unknown")).toHaveLength(1);
    expect(types.at(-1)).toBe("reauthorization_required");
  });

  it("strict, lost before the server saw it: labelled, and the next refresh rescues the grant", async () => {
    const { server, proxy, keepers, first } = await begin("strict");
    await keepers.connect("unseen");
    for (let round = 1; round <= rounds; round++) {
      proxy.cutNext("/access_token", "request");
      expect((await refreshGrant(first, await keepers.grant("unseen"), "person")).error).not.toBeNull();
      expect((await keepers.grant("unseen")).refreshStatus).toBe("outcome_unknown");
      expect((await refreshGrant(first, await keepers.grant("unseen"), "person")).error).toBeNull();
      expect(server.seen).toEqual({ refreshes: round, consumed: round, revoked: 0, refused: 0 });
    }
    expect((await keepers.history("unseen")).slice(-3)).toEqual([
      "outcome_unknown",
      "refreshed",
      "recovered",
    ]);
  });

  it.each(["request", "answer", "half_answer"] as const)(
    `rolling, %s, ${rounds} times: sent once more at once, labelled, and nothing is lost`,
    async (cut) => {
      const { server, proxy, keepers, first } = await begin("rolling");
      await keepers.connect("rolling");
      for (let round = 1; round <= rounds; round++) {
        proxy.cutNext("/access_token", cut);
        expect((await refreshGrant(first, await keepers.grant("rolling"), "person")).error).toBeNull();
        const acted = cut === "request" ? round : 2 * round;
        expect(server.seen).toEqual({ refreshes: acted, consumed: 0, revoked: 0, refused: 0 });
        expect(server.worth(await keepers.refreshToken("rolling"))).toBe("good");
      }
      const types = await keepers.history("rolling");
      expect(types.filter((type) => type === "outcome_unknown")).toHaveLength(rounds);
      expect(types.filter((type) => type === "refreshed")).toHaveLength(rounds);
    },
  );
});
