import { CONSOLE_PATHS } from "../../src/http/console-paths.ts";
import { routesOf } from "../../src/http/routes/index.ts";
import { createTokenCache } from "../../src/http/token-cache.ts";

/** Every route that needs a key, for tests that look at all of them; none of them can be asked here. */
export const ROUTES = routesOf({
  tokens: createTokenCache({ isFresh: () => true }),
  streams: { open: () => new Response() },
  version: "0",
  rehearse: null,
});

/** What needs no key, with its methods. */
export const OPEN_ROUTES: readonly { readonly path: string; readonly methods: readonly string[] }[] = [
  ...["/livez", "/readyz", "/metrics", "/openapi.json", "/oauth/callback"].map(onlyGet),
  // Its POST is there where an OpenID provider is configured.
  onlyGet("/v1/sign-in"),
  { path: "/v1/session", methods: ["GET", "POST", "DELETE"] },
  ...CONSOLE_PATHS.map((path) => onlyGet(path.replace(":name", "meetings"))),
];

function onlyGet(path: string) {
  return { path, methods: ["GET"] };
}
