import { describe, test } from "vitest";
import { sqliteUnderTest } from "./sqlite-home.ts";
import { deliveryContract } from "./delivery-contract.ts";
import { serviceContract } from "./service-contract.ts";
import { storeContract } from "./store-contract.ts";

storeContract("SQLite, bundled driver", () => sqliteUnderTest("bundled"));
serviceContract("SQLite, for the service", () => sqliteUnderTest("bundled"));
deliveryContract("SQLite, for deliveries", () => sqliteUnderTest("bundled"));

if (process.versions["sqlite"] === undefined) {
  describe("SQLite, Node's own driver", () => {
    test.skip("this Node has none", () => undefined);
  });
} else {
  storeContract("SQLite, Node's own driver where it is recent enough", () => sqliteUnderTest("auto"));
}
