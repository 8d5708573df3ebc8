/**
 * Calls an API with a grant's access token.
 *   GRANTKEEPER_URL=http://127.0.0.1:8700 GRANTKEEPER_API_KEY=gk_… node node.mjs GRANT ADDRESS
 */
import { createClient, GrantkeeperClientError } from "grantkeeper";

const [grant = "meetings", address = "https://webexapis.com/v1/people/me"] = process.argv.slice(2);
const client = createClient();
try {
  // The token is added; after a 401 it is reported as rejected and the call made once more with another one.
  const call = client.withToken(grant);
  const answer = await call(address);
  console.log(answer.status, await answer.text());
} catch (error) {
  if (!(error instanceof GrantkeeperClientError)) throw error;
  console.error(`${error.code}: ${error.message}${error.remedy === null ? "" : ` ${error.remedy}`}`);
  process.exitCode = 1;
}
