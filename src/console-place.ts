import { fileURLToPath } from "node:url";

declare const __GRANTKEEPER_CONSOLE__: string | undefined;

/** The folder of the built console: beside the bundles, where the build says so, and in `dist` where the sources run as they are. */
export const CONSOLE_PLACE = fileURLToPath(
  new URL(
    typeof __GRANTKEEPER_CONSOLE__ === "string" ? __GRANTKEEPER_CONSOLE__ : "../dist/console/",
    import.meta.url,
  ),
);
