import { deliveryContract } from "../store/delivery-contract.ts";
import { serviceContract } from "../store/service-contract.ts";
import { storeContract } from "../store/store-contract.ts";
import { postgresUnderTest } from "./postgres-store.ts";
import { describeWith, sharedPostgres } from "./server-of-the-run.ts";

describeWith(await sharedPostgres(), "PostgreSQL", (server) => {
  storeContract("the store on PostgreSQL", async () => postgresUnderTest(await fresh()));
  serviceContract("PostgreSQL, for the service", async () => postgresUnderTest(await fresh()));
  deliveryContract("PostgreSQL, for deliveries", async () => postgresUnderTest(await fresh()));
  let url: Promise<string> | null = null;
  const fresh = (): Promise<string> => (url ??= server.fresh("contract"));
});
