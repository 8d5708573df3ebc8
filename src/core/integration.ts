import type { Sealed } from "./sealed.ts";

/** A fault of the client registration itself, seen at the provider; holds all its grants, kills none. */
export interface Incident {
  readonly cause: string;
  readonly message: string;
  readonly remedy: string;
  /** Epoch milliseconds of the first refusal. */
  readonly since: number;
  /** Epoch milliseconds of the latest one. */
  readonly probedAt: number;
}

/** By which way a base address came in: the command line and the setup, or the HTTP API. */
export type BaseUrlSource = "operator" | "program";

/** A client registration at a provider (RFC 6749 section 2). */
export interface Integration {
  readonly id: string;
  readonly name: string;
  /** The provider profile's id. */
  readonly provider: string;
  readonly clientId: string;
  /** Null for public clients. */
  readonly clientSecret: Sealed | null;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  /** Replaces the provider's own base address; null for the built-in one. */
  readonly baseUrl: string | null;
  /** Who gave that address: an operator, on the server, may mean a machine of the own network; a program may not. */
  readonly baseUrlFrom: BaseUrlSource;
  readonly incident: Incident | null;
  /** Counts changes; part of what the client secret is bound to. */
  readonly generation: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The redirect URI where none is given. */
export const DEFAULT_REDIRECT_URI = "http://127.0.0.1:8700/oauth/callback";
