/** The pages of the console, as the router has them; the browser finds its own way within. */
export const CONSOLE_PATHS = [
  "/",
  "/sign-in",
  "/connect",
  "/grants",
  "/grants/:name",
  "/grants/:name/hand-over",
  "/calendar",
  "/integrations",
  "/integrations/:name",
  "/api-keys",
  "/events",
] as const;
