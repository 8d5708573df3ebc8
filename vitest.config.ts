import { defineConfig } from "vitest/config";
import packageJson from "./package.json" with { type: "json" };

export default defineConfig({
  // As `scripts/build.mjs` does it.
  define: { __GRANTKEEPER_VERSION__: JSON.stringify(packageJson.version) },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/postgres/global-setup.ts"],
    // Half of the tests wait for processes of their own; one worker to a core leaves cores idle.
    maxWorkers: 4,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
