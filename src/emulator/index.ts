/** A local stand-in for Webex's authorization server. Nothing here reaches beyond this computer. */
export { startEmulator } from "./emulator.ts";
export { seededRandom } from "./credentials.ts";
export type {
  Behaviour,
  Credential,
  Decision,
  Emulator,
  EmulatorOptions,
  EmulatorUser,
  Endpoint,
  ErrorShape,
  FaultAction,
  FaultHandle,
  FaultSpec,
  FaultTarget,
  LedgerEntry,
  LedgerKind,
  OmittableField,
  RegisteredClient,
  RequestRecord,
  Rotation,
  TokenAnswer,
  Verdict,
} from "./types.ts";
