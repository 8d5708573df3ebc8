import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { getToken } from "../../../src/keeper/get-token.ts";
import type { Ports } from "../../../src/keeper/ports.ts";
import { refreshGrant } from "../../../src/keeper/refresh.ts";
import { integrityOf } from "../bench.ts";
import { type CuttingProxy, startCuttingProxy } from "./cutting-proxy.ts";
import {
  consentAtGlewlwyd,
  GLEWLWYD_CLIENT,
  type GlewlwydMode,
  type GlewlwydServer,
  IS_GLEWLWYD_INSTALLED,
  startGlewlwyd,
} from "./glewlwyd-server.ts";
import {
  askTogether,
  connectAll,
  type Keepers,
  openKeepers,
  plainProfile,
  report,
  runCycles,
} from "./keepers.ts";
import { isRunHere } from "./server-process.ts";

/** Glewlwyd, a server in C from Debian. Its own database and its log of security events are the witness. */

const GRANTS = 10;
const TURNS = 100;
const ROUNDS = 20;
const CALLERS = 12;

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Scene {
  readonly server: GlewlwydServer;
  readonly proxy: CuttingProxy;
  readonly tokenPath: string;
  readonly keepers: Keepers;
  readonly first: Ports;
}

async function begin(mode: GlewlwydMode): Promise<Scene> {
  const server = await startGlewlwyd();
  closing.push(server.close);
  const proxy = await startCuttingProxy(server.port);
  closing.push(proxy.close);
  const profile = plainProfile({
    endpoints: (base) => ({
      authorization: `${base}/auth`,
      token: `${base}/token`,
      deviceAuthorization: null,
      deviceToken: null,
      revocation: null,
    }),
    rotation: mode === "rolling" ? "rolling" : "strict",
    clientAuthentication: "client_secret_post",
  });
  const path = server.pathOf(mode);
  const baseUrl = `${proxy.origin}${path}`;
  const keepers = await openKeepers({ ...GLEWLWYD_CLIENT, profile, baseUrl, consent: consentAtGlewlwyd }, 4);
  closing.push(keepers.close);
  return { server, proxy, tokenPath: `${path}/token`, keepers, first: keepers.first };
}

describe.runIf(isRunHere("Glewlwyd", IS_GLEWLWYD_INSTALLED, "glewlwyd"))(
  "Glewlwyd",
  { timeout: 600_000 },
  () => {
    it.each(["rolling", "one-use"] as const)(
      `${GRANTS * TURNS} refreshes of ${GRANTS} grants by four keepers (%s): none lost, none spent twice`,
      async (mode) => {
        const { server, keepers, first } = await begin(mode);
        const names = await connectAll(keepers, GRANTS);
        const firstTokens = await Promise.all(names.map(keepers.refreshToken));
        const cycled = await runCycles(keepers, names, TURNS);
        const ledger = server.ledger(mode);
        const refused = server.refused();
        report(`Glewlwyd ${mode}`, cycled, { ...ledger, refused });
        const { cycles } = cycled;
        expect(cycled).toMatchObject({ cycles: GRANTS * TURNS, failed: 0 });
        expect(refused).toBe(0);
        expect(ledger).toEqual({
          accessTokens: GRANTS + cycles,
          refreshTokens: mode === "rolling" ? GRANTS : GRANTS + cycles,
          enabledRefreshTokens: GRANTS,
          deadChains: 0,
        });
        const lastTokens = await Promise.all(names.map(keepers.refreshToken));
        const kept = lastTokens.filter((token) => firstTokens.includes(token));
        expect(kept).toHaveLength(mode === "rolling" ? GRANTS : 0);
        for (const name of names) {
          expect((await keepers.grant(name)).state).toBe("active");
          const refreshed = (await keepers.history(name)).filter((type) => type === "refreshed");
          expect(refreshed).toHaveLength(TURNS);
          expect((await refreshGrant(first, await keepers.grant(name), "person")).error).toBeNull();
        }
        expect(integrityOf(join(keepers.home, "grantkeeper.db"))).toBe("ok");
      },
    );

    it(`one-use, ${CALLERS} callers of four keepers, ${ROUNDS} rounds: one refresh each, one token for all`, async () => {
      const { server, keepers } = await begin("one-use");
      for (let round = 1; round <= ROUNDS; round++) {
        const name = `round-${round}`;
        await keepers.connect(name);
        await keepers.expire(name);
        const answers = await askTogether(keepers, name, CALLERS);
        expect(new Set(answers.map(({ access_token }) => access_token)).size).toBe(1);
        expect(server.ledger("one-use")).toEqual({
          accessTokens: 2 * round,
          refreshTokens: 2 * round,
          enabledRefreshTokens: round,
          deadChains: 0,
        });
      }
      expect(server.refused()).toBe(0);
    });

    it(`rolling, the answer lost ${ROUNDS} times: sent once more at once, labelled, and nothing is lost`, async () => {
      const { server, proxy, tokenPath, keepers, first } = await begin("rolling");
      await keepers.connect("rolling");
      for (let round = 1; round <= ROUNDS; round++) {
        proxy.cutNext(tokenPath, "answer");
        expect((await refreshGrant(first, await keepers.grant("rolling"), "person")).error).toBeNull();
        expect(server.ledger("rolling")).toMatchObject({ accessTokens: 1 + 2 * round });
      }
      const types = await keepers.history("rolling");
      expect(types.filter((type) => type === "outcome_unknown")).toHaveLength(ROUNDS);
      expect(types.filter((type) => type === "refreshed")).toHaveLength(ROUNDS);
      expect(server.refused()).toBe(0);
    });

    it(`one-use, the answers of ${ROUNDS} grants lost: labelled, nothing sent again by itself`, async () => {
      const { server, proxy, tokenPath, keepers, first } = await begin("one-use");
      const names = await connectAll(keepers, ROUNDS);
      for (const name of names) {
        proxy.cutNext(tokenPath, "answer");
        const { error } = await refreshGrant(first, await keepers.grant(name), "person");
        expect(error?.code).toBe("provider_unreachable");
        const grant = await keepers.grant(name);
        expect(grant).toMatchObject({ state: "active", refreshStatus: "outcome_unknown" });
        expect((await keepers.history(name)).at(-1)).toBe("outcome_unknown");
        expect((await getToken(first, name, 7200)).warning).toContain("Refreshing is failing");
      }
      // Each refresh took place, once: a second would be refused, and end its chain.
      expect(server.ledger("one-use")).toMatchObject({ accessTokens: 2 * ROUNDS, deadChains: 0 });
      expect(server.refused()).toBe(0);
    });

    it("one-use, the witness sees a reuse: its chain has nothing good left", async () => {
      const { server, proxy, tokenPath, keepers, first } = await begin("one-use");
      await keepers.connect("reused");
      proxy.cutNext(tokenPath, "answer");
      await refreshGrant(first, await keepers.grant("reused"), "person");
      const { error } = await refreshGrant(first, await keepers.grant("reused"), "person");
      // It refuses with 400 and an empty body, which tells nobody what is wrong: that is no verdict on the grant.
      expect(error).toMatchObject({ code: "provider_refused", provider: { status: 400, error: null } });
      expect(server.refused()).toBe(1);
      expect(server.ledger("one-use")).toMatchObject({ enabledRefreshTokens: 0, deadChains: 1 });
      const grant = await keepers.grant("reused");
      expect(grant).toMatchObject({ state: "active", refreshStatus: "outcome_unknown" });
    });
  },
);
