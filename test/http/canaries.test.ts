/** Secrets are planted, everything is asked for, in success and in failure, and whatever was written is searched. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { GrantkeeperError } from "../../src/core/errors.ts";
import { type Canary, type Evidence, filesUnder, leaksIn } from "../cli/canaries.ts";
import { openScene } from "./scene.ts";
import { ROUTES } from "./all-routes.ts";

/** Everything about an error that a log could print. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const provider = error instanceof GrantkeeperError ? JSON.stringify([error.provider, error.remedy]) : "";
  return `${error.stack ?? ""} ${provider} ${error.cause === undefined ? "" : textOf(error.cause)}`;
}

test("no secret is in answers that are not for it, in the log, in reports or in files", async () => {
  const folder = mkdtempSync(join(tmpdir(), "grantkeeper-log-"));
  const accessLog = join(folder, "access.log");
  const scene = await openScene({ config: { accessLog } });
  const canaries: Canary[] = [];
  const evidence: Evidence[] = [];
  const plant = (kind: Canary["kind"], value: string): string => {
    canaries.push({ kind, value });
    return value;
  };
  plant("client_secret", scene.client.clientSecret);
  plant("api_key", scene.admin);
  const tokens = await scene.grant("g");
  const reader = plant("api_key", await scene.key(["tokens:read"]));
  const paste = plant("code", "canary-code-0123456789abcdef");
  const made = plant("client_secret", "canary-client-secret-0123456789");
  const foreign = plant("access_token", "canary-access-token-0123456789abcdef");

  const ask = async (what: string, options: object = {}, may: Evidence["may"] = []) => {
    const answer = await scene.ask(what, options);
    const fields = JSON.stringify([...answer.headers]);
    evidence.push({ where: `answer to ${what.slice(0, 60)}`, text: `${fields} ${answer.text}`, may });
    return answer;
  };

  const begun = await ask("POST /v1/grants/two/authorizations", { body: { integration: "recorder" } }, [
    "state",
  ]);
  plant("state", String(begun.body["state"]));
  const address = await scene.emulator.approve(String(begun.body["authorization_url"]));
  await ask(`GET ${address.replace(scene.url, "")}`, { key: null });
  await ask(`GET ${address.replace(scene.url, "")}`, { key: null });
  for (let i = 0; i < 2; i++) await ask("GET /v1/grants/g/token", { key: reader }, ["access_token"]);
  await ask("POST /v1/grants/g/reveal", {}, ["refresh_token"]);
  const created = await ask("POST /v1/api-keys", { body: { name: "n", scopes: ["admin"] } }, ["api_key"]);
  plant("api_key", String(created.body["key"]));
  const registration = { name: "other", provider: "webex", client_id: "id", client_secret: made };
  const added = await ask("POST /v1/integrations", { body: { ...registration, preset: "meetings-capture" } });
  expect(added.status).toBe(201);
  await ask("PATCH /v1/integrations/other", { body: { client_secret: `${made}-2` } });
  await ask("POST /v1/grants/three/exchange", { body: { integration: "recorder", code: paste } });
  await ask("POST /v1/grants/four/import", { body: { integration: "recorder", token_response: foreign } });
  const response = { access_token: foreign, refresh_token: 7, x: tokens.refresh_token };
  await ask("POST /v1/grants/four/import", { body: { integration: "recorder", token_response: response } });

  // The provider echoes what it was sent, in each kind of failure.
  const echo = `${tokens.refresh_token} ${scene.client.clientSecret} ${tokens.access_token}`;
  for (const status of [400, 401, 500]) {
    const body = JSON.stringify({
      error: "invalid_request",
      error_description: echo,
      message: echo,
      trackingId: "T",
    });
    const fault = scene.emulator.fault({ on: "refresh", kind: "answer", status, body });
    await ask("POST /v1/grants/g/refresh", {}, ["access_token"]);
    fault.remove();
  }
  await ask("POST /v1/grants/g/revoke");

  // Secrets where they do not belong: paths, queries, fields, as keys, on every route.
  const named: Evidence["may"] = ["api_key", "client_secret", "access_token"];
  for (const { method, path } of ROUTES) {
    const what = `${method.toUpperCase()} ${path.replace("{name}", reader)}`;
    // An answer may name what was asked for to whoever asked; nobody else is told, and no log.
    await ask(what, {}, ["api_key"]);
    await ask(`${what}?token=${tokens.access_token}`, {}, ["api_key"]);
    await ask(what, { key: foreign });
    await ask(what, { key: tokens.refresh_token });
    if (method !== "get") await ask(what, { body: { [made]: paste, code: { [foreign]: 1 } } }, named);
  }
  for (const what of [
    "GET /v1/grants",
    "GET /v1/events?limit=1000",
    "GET /v1/api-keys",
    "GET /v1/integrations",
    "GET /metrics",
  ])
    expect((await ask(what)).status).toBe(200);

  for (const { credential, value } of scene.emulator.ledger()) plant(credential, value);
  const beforeStop = filesUnder(scene.home, ["master.key"]);
  await scene.service.stop();
  evidence.push(...beforeStop, ...filesUnder(scene.home, ["master.key"]));
  evidence.push({ where: "the access log", text: readFileSync(accessLog, "latin1"), may: [] });
  for (const fault of scene.faults) evidence.push({ where: "a report", text: textOf(fault), may: [] });
  rmSync(folder, { recursive: true });
  expect(evidence.some(({ where }) => where.includes("-wal"))).toBe(true);
  expect(evidence.length).toBeGreaterThan(120);
  // The search finds what is there: a token where it was meant to be.
  const blind = evidence.map((one) => ({ ...one, may: [] }));
  expect(leaksIn(blind, canaries).some((leak) => leak.includes("access_token"))).toBe(true);
  expect(leaksIn(evidence, canaries)).toEqual([]);
});
