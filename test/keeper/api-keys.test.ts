import { expect, test } from "vitest";
import { GrantkeeperError } from "../../src/core/errors.ts";
import { createApiKey, listApiKeys, revokeApiKey } from "../../src/keeper/api-keys.ts";
import { faulty } from "./faulty-database.ts";
import { anotherProcess, openRig, START } from "./rig.ts";

const INPUT = { name: "recorder", scopes: ["tokens:read"], grants: ["g", "absent"], expiresIn: 1000 };

test("a key is kept as a digest, with its event, and names what is not there yet", async () => {
  const { ports, events } = await openRig();
  const { key, apiKey, unknownGrants } = await createApiKey(ports, INPUT);
  expect(unknownGrants).toEqual(["absent"]);
  expect(await listApiKeys(ports)).toEqual([apiKey]);
  expect(apiKey).toMatchObject({
    digest: ports.sealer.digest(key),
    expiresAt: START + 1000,
    grants: ["absent", "g"],
  });
  const [event] = await events("api_key_created");
  expect(event).toMatchObject({
    integration: null,
    grant: null,
    data: { api_key: apiKey.id, name: "recorder" },
  });
  expect(JSON.stringify([event, await listApiKeys(ports)])).not.toContain(key.slice(14, 46));
});

test.each([
  [{ scopes: [] }, "at least one scope"],
  [{ scopes: ["tokens"] }, "not a scope"],
  [{ name: "a b" }, "not a name"],
  [{ grants: [] }, "no grants at all"],
  [{ grants: ["a b"] }, "not a name"],
  [{ scopes: ["admin"] }, "cannot be narrowed"],
  [{ scopes: ["tokens:read", "metrics:read"] }, "cannot be narrowed"],
])("%j is refused, and nothing is kept", async (changes, says) => {
  const { ports } = await openRig();
  await expect(createApiKey(ports, { ...INPUT, ...changes })).rejects.toThrow(says);
  expect(await listApiKeys(ports)).toEqual([]);
});

test("revoked once, whoever does it, and told as it was", async () => {
  const rig = await openRig();
  const { apiKey } = await createApiKey(rig.ports, INPUT);
  const late = anotherProcess(rig.ports, {
    store: {
      ...rig.ports.store,
      // Somebody else revokes it between the look and the change.
      revokeApiKey: async (...words) => {
        await revokeApiKey(rig.ports, "recorder");
        rig.pass(5000);
        return rig.ports.store.revokeApiKey(...words);
      },
    },
  });
  expect(await revokeApiKey(late, apiKey.id)).toMatchObject({ revokedAt: START });
  expect(await revokeApiKey(rig.ports, apiKey.id)).toMatchObject({ revokedAt: START });
  expect(await rig.events("api_key_revoked")).toHaveLength(1);
  await expect(revokeApiKey(rig.ports, "recorder")).rejects.toMatchObject({ code: "not_found" });
});

test("the nth operation of the database fails: a key whose text was not shown is not kept, but for a lost word", async () => {
  let shown = 0;
  let lost = 0;
  for (let n = 1; ; n++) {
    let fault: ReturnType<typeof faulty> | undefined;
    const rig = await openRig({ wrap: (database) => (fault = faulty(database, n, false)).wrapped });
    const made: unknown = await createApiKey(rig.ports, INPUT).catch((error: unknown) => error);
    const hits = fault?.hits() ?? 0;
    fault?.repair();
    const kept = await listApiKeys(rig.ports);
    if (made instanceof GrantkeeperError) lost += kept.length;
    else shown += kept.length;
    if (hits === 0) break;
  }
  expect(shown).toBeGreaterThan(0);
  // The commit took place and its word was lost: of that nobody can know.
  expect(lost).toBeLessThanOrEqual(1);
});
