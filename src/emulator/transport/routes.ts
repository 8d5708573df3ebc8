import { deviceAuthorization, deviceToken } from "../device.ts";
import {
  answerQuestion,
  answerVerification,
  showAuthorization,
  showVerification,
} from "../pages/handlers.ts";
import {
  deleteAuthorization,
  deleteAuthorizationsOfClient,
  listAuthorizations,
  meetings,
  peopleMe,
  tokenExpiry,
} from "../resources.ts";
import { Refusal } from "../refusals.ts";
import { revocationEndpoint } from "../revocation.ts";
import { tokenEndpoint } from "../token-endpoint.ts";
import type { Endpoint } from "../types.ts";
import type { World } from "../world.ts";
import { field, type Call, type Reply } from "./call.ts";

/** Answers a request, changing the world as it asks; throws a {@link Refusal}. */
export type Handler = (world: World, call: Call) => Reply;

interface Route {
  readonly endpoint: Endpoint | "token";
  /** Whether refusals take the shape that is set; resources always use the gateway's. */
  readonly isOAuth: boolean;
  readonly methods: Readonly<Record<string, Handler>>;
}

const routes = new Map<string, Route>([
  [
    "/v1/authorize",
    { endpoint: "authorize", isOAuth: true, methods: { GET: showAuthorization, POST: answerQuestion } },
  ],
  ["/v1/access_token", { endpoint: "token", isOAuth: true, methods: { POST: tokenEndpoint } }],
  ["/v1/device/authorize", { endpoint: "device", isOAuth: true, methods: { POST: deviceAuthorization } }],
  ["/v1/device/token", { endpoint: "device", isOAuth: true, methods: { POST: deviceToken } }],
  [
    "/verify",
    { endpoint: "other", isOAuth: true, methods: { GET: showVerification, POST: answerVerification } },
  ],
  ["/idb/oauth2/v1/revoke", { endpoint: "revoke", isOAuth: true, methods: { POST: revocationEndpoint } }],
  ["/v1/people/me", { endpoint: "people", isOAuth: false, methods: { GET: peopleMe } }],
  ["/v1/meetings", { endpoint: "meetings", isOAuth: false, methods: { GET: meetings } }],
  [
    "/v1/authorizations",
    {
      endpoint: "authorizations",
      isOAuth: false,
      methods: { GET: listAuthorizations, DELETE: deleteAuthorizationsOfClient },
    },
  ],
  [
    "/v1/authorizations/tokenExpiry",
    { endpoint: "authorizations", isOAuth: false, methods: { GET: tokenExpiry } },
  ],
]);

const oneAuthorization: Route = {
  endpoint: "authorizations",
  isOAuth: false,
  methods: { DELETE: deleteAuthorization },
};

const nowhere: Route = { endpoint: "other", isOAuth: false, methods: {} };

/** The route of a path, and which endpoint the request counts as. */
export function findRoute(call: Call): { route: Route; endpoint: Endpoint } {
  const route =
    routes.get(call.path) ?? (/^\/v1\/authorizations\/[^/]+$/.test(call.path) ? oneAuthorization : nowhere);
  if (route.endpoint !== "token") return { route, endpoint: route.endpoint };
  const isRefresh = field(call.form, "grant_type") === "refresh_token";
  return { route, endpoint: isRefresh ? "refresh" : "code" };
}

/** The handler of a request. Refuses with `not_found` or `method_not_allowed`. */
export function findHandler(route: Route, call: Call): Handler {
  if (route === nowhere) throw new Refusal("not_found");
  const handler = Object.hasOwn(route.methods, call.method) ? route.methods[call.method] : undefined;
  if (handler === undefined) throw new Refusal("method_not_allowed", Object.keys(route.methods).join(", "));
  return handler;
}
