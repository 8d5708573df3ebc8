import type { ServerResponse } from "node:http";

/** One answered request, as metrics and log see it: nothing in it is a secret, nothing is as the client wrote it. */
export interface Observation {
  readonly method: string;
  /** The route's pattern, as `/v1/grants/{name}`; `other` for whatever has none. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
  /** The id of the key that was shown, where it was good. */
  readonly key: string | null;
  /** The grant, integration or key that the path names, where its shape is a name's. */
  readonly subject: string | null;
  readonly address: string;
}

/** Told of each answered request. */
export type Observe = (observation: Observation) => void;

/** What the router learns of a request while it answers it. */
export interface RequestFacts {
  route: string;
  key: string | null;
  subject: string | null;
}

const factsOf = new WeakMap<ServerResponse, RequestFacts>();

/** The facts of a request, to be filled in by whoever learns them. */
export function requestFacts(response: ServerResponse): RequestFacts {
  const known = factsOf.get(response);
  if (known !== undefined) return known;
  const facts: RequestFacts = { route: "other", key: null, subject: null };
  factsOf.set(response, facts);
  return facts;
}
