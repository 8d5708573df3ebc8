/** The service as a library, `grantkeeper/server`: for programs that start it themselves. */
export { serve, type RunningService, type ServeOptions } from "./serve.ts";
export { readServeConfig, type ServeConfig, type ServeOverrides } from "./serve-config.ts";
