import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { getToken } from "../../../src/keeper/get-token.ts";
import type { Ports } from "../../../src/keeper/ports.ts";
import { refreshGrant } from "../../../src/keeper/refresh.ts";
import { integrityOf } from "../bench.ts";
import { type CuttingProxy, startCuttingProxy } from "./cutting-proxy.ts";
import {
  consentAtDjango,
  DJANGO_CLIENT,
  type DjangoServer,
  IS_DJANGO_INSTALLED,
  startDjango,
} from "./django-server.ts";
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

/** django-oauth-toolkit, from Debian: rotation with a grace. Its own database and its log are the witness. */

const GRANTS = 10;
const TURNS = 100;
const ROUNDS = 20;
const CALLERS = 12;
const GRACE = 60;

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Scene {
  readonly server: DjangoServer;
  readonly proxy: CuttingProxy;
  readonly keepers: Keepers;
  readonly first: Ports;
}

async function begin(grace: number): Promise<Scene> {
  const server = await startDjango(grace);
  closing.push(server.close);
  const proxy = await startCuttingProxy(server.port);
  closing.push(proxy.close);
  const profile = plainProfile({
    endpoints: (base) => ({
      authorization: `${base}/o/authorize/`,
      token: `${base}/o/token/`,
      deviceAuthorization: null,
      deviceToken: null,
      revocation: null,
    }),
    rotation: "grace",
    clientAuthentication: "client_secret_basic",
  });
  const counterpart = { ...DJANGO_CLIENT, profile, baseUrl: proxy.origin, consent: consentAtDjango };
  const keepers = await openKeepers(counterpart, 4);
  closing.push(keepers.close);
  return { server, proxy, keepers, first: keepers.first };
}

const isHere = isRunHere("django-oauth-toolkit", IS_DJANGO_INSTALLED, "python3-django-oauth-toolkit");

describe.runIf(isHere)("django-oauth-toolkit", { timeout: 600_000 }, () => {
  it(`${GRANTS * TURNS} refreshes of ${GRANTS} grants by four keepers: none lost, none spent twice`, async () => {
    const { server, keepers, first } = await begin(GRACE);
    const names = await connectAll(keepers, GRANTS);
    const cycled = await runCycles(keepers, names, TURNS);
    const ledger = server.ledger();
    const seen = { ...ledger, answered: server.answered(200), refused: server.answered(400) };
    report("django-oauth-toolkit grace", cycled, seen);
    const { cycles } = cycled;
    const made = GRANTS + cycles;
    expect(cycled).toMatchObject({ cycles: GRANTS * TURNS, failed: 0, accessTokens: cycles });
    // As many answers as refresh tokens made: none was presented twice, grace or no grace.
    expect(seen).toMatchObject({ refreshTokens: made, good: GRANTS, answered: made, refused: 0 });
    for (const name of names) {
      expect((await keepers.grant(name)).state).toBe("active");
      const refreshed = (await keepers.history(name)).filter((type) => type === "refreshed");
      expect(refreshed).toHaveLength(TURNS);
      expect((await refreshGrant(first, await keepers.grant(name), "person")).error).toBeNull();
    }
    expect(integrityOf(join(keepers.home, "grantkeeper.db"))).toBe("ok");
  });

  it(`${CALLERS} callers of four keepers, ${ROUNDS} rounds: one refresh each, one token for all`, async () => {
    const { server, keepers } = await begin(GRACE);
    for (let round = 1; round <= ROUNDS; round++) {
      const name = `round-${round}`;
      await keepers.connect(name);
      await keepers.expire(name);
      const answers = await askTogether(keepers, name, CALLERS);
      expect(new Set(answers.map(({ access_token }) => access_token)).size).toBe(1);
      expect(server.ledger()).toMatchObject({ refreshTokens: 2 * round, good: round });
      expect(server.answered(200)).toBe(2 * round);
    }
    expect(server.answered(400)).toBe(0);
  });

  it.each(["request", "answer", "half_answer"] as const)(
    `%s lost ${ROUNDS} times: the retry at once, within the grace, brings what was lost`,
    async (cut) => {
      const { server, proxy, keepers, first } = await begin(GRACE);
      await keepers.connect("rescued");
      for (let round = 1; round <= ROUNDS; round++) {
        proxy.cutNext("/o/token/", cut);
        expect((await refreshGrant(first, await keepers.grant("rescued"), "person")).error).toBeNull();
        expect(server.ledger()).toMatchObject({ refreshTokens: 1 + round, good: 1 });
      }
      expect(proxy.cuts()).toBe(ROUNDS);
      expect(server.answered(200)).toBe(1 + (cut === "request" ? ROUNDS : 2 * ROUNDS));
      expect(server.answered(400)).toBe(0);
      const types = await keepers.history("rescued");
      expect(types.filter((type) => type === "outcome_unknown")).toHaveLength(ROUNDS);
      expect(types.filter((type) => type === "refreshed")).toHaveLength(ROUNDS);
    },
  );

  it("without the grace that the profile believes in: labelled, suspected, and no verdict from one refusal", async () => {
    const { server, proxy, keepers, first } = await begin(0);
    await keepers.connect("lost");
    proxy.cutNext("/o/token/", "answer");
    const { error } = await refreshGrant(first, await keepers.grant("lost"), "person");
    expect(error?.provider).toMatchObject({ status: 400, error: "invalid_grant" });
    expect(server.answered(400)).toBe(1);
    expect(await keepers.grant("lost")).toMatchObject({ state: "active", refreshStatus: "suspect" });
    expect((await keepers.history("lost")).slice(-2)).toEqual(["outcome_unknown", "suspect"]);
    expect((await getToken(first, "lost", 7200)).warning).toContain("Refreshing is failing");
  });
});
