import { defineConfig } from "vitest/config";
import packageJson from "./package.json" with { type: "json" };

export default defineConfig({
  // As `scripts/build.mjs` does it.
  define: { __GRANTKEEPER_VERSION__: JSON.stringify(packageJson.version) },
  test: { include: ["test/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 },
});
