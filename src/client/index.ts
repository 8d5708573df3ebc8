/** The SDK: a program's way to its tokens. No dependencies; runs on Node.js, Deno and Bun. */
export {
  createClient,
  type Abortable,
  type Client,
  type ClientOptions,
  type TokenOptions,
} from "./client.ts";
export { GrantkeeperClientError, type ClientErrorCode, type ProviderAnswer } from "./errors.ts";
export type { GrantStatus } from "./status.ts";
export type { Token } from "./token.ts";
