import { expect, test } from "vitest";
import { GrantkeeperError } from "../../src/core/errors.ts";
import { getToken } from "../../src/keeper/get-token.ts";
import { importTokens } from "../../src/keeper/import.ts";
import { remove } from "../../src/keeper/manage.ts";
import { emptySpool } from "../../src/keeper/spooling.ts";
import { anotherProcess, asDocument, openRig, type Rig, START } from "./rig.ts";

/** A rig with the tokens of `g`, and who was given one, in the spool; nothing of `g` can be saved while `isFailing`. */
async function spooled(): Promise<{ rig: Rig; repair: () => void }> {
  let isFailing = true;
  let id = "";
  const refuse = (): Promise<never> =>
    Promise.reject(new GrantkeeperError("storage_unavailable", "The disk is full."));
  const rig = await openRig({
    secondsLeft: -60,
    rotation: "strict",
    replace: ({ store }) => ({
      store: {
        ...store,
        changeGrant: (write) => (isFailing && write.id === id ? refuse() : store.changeGrant(write)),
        recordHandOut: (handOut) =>
          isFailing && handOut.grantId === id ? refuse() : store.recordHandOut(handOut),
      },
    }),
  });
  ({ id } = await rig.grant());
  await getToken(rig.ports, "g", 300);
  expect(rig.spooled()).toHaveLength(2);
  return { rig, repair: () => void (isFailing = false) };
}

test("what cannot be saved of one grant keeps no other from being refreshed, and itself from being sent", async () => {
  const { rig, repair } = await spooled();
  const tokens = rig.emulator.issueTokens({ clientId: rig.client.clientId });
  const ranOut = START - (tokens.expires_in + 60) * 1000;
  await importTokens(rig.ports, "other", "recorder", asDocument(tokens), ranOut);
  const next = anotherProcess(rig.ports, { hasEnded: (owner) => owner === "here" });
  expect(await getToken(next, "other", 300)).toMatchObject({ generation: 2, warning: null });
  // Served from the spool all the time.
  expect(await getToken(next, "g", 300)).toMatchObject({ generation: 2, warning: null });
  await expect(emptySpool(next)).rejects.toMatchObject({ code: "storage_unavailable" });
  expect(rig.refreshes()).toBe(2);
  repair();
  await emptySpool(next);
  expect(rig.spooled()).toEqual([]);
  expect(await rig.grant()).toMatchObject({ generation: 2 });
});

test("a grant that is removed while its tokens wait in the spool leaves nothing that cannot be done", async () => {
  const { rig, repair } = await spooled();
  repair();
  await remove(rig.ports, "g");
  await emptySpool(rig.ports);
  expect(rig.spooled()).toEqual([]);
  expect(await rig.events("token_handed_out")).toHaveLength(1);
});
