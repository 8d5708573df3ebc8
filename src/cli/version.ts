declare const __GRANTKEEPER_VERSION__: string | undefined;

/** The version of the package; put in by the build, absent when the sources run as they are. */
export const VERSION = typeof __GRANTKEEPER_VERSION__ === "string" ? __GRANTKEEPER_VERSION__ : "0.0.0-source";
