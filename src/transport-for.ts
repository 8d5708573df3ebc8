import { readFileSync } from "node:fs";
import type { Config } from "./config.ts";
import { GrantkeeperError } from "./core/errors.ts";
import { createTransport, type Transport } from "./oauth/transport.ts";

/** The transport that a configuration asks for: its proxies, its authorities. */
export function transportFor({ proxies, caFile }: Config): Transport {
  const ca = caFile === null ? undefined : readAuthorities(caFile);
  return createTransport({ httpProxy: proxies.http, httpsProxy: proxies.https, noProxy: proxies.no, ca });
}

function readAuthorities(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new GrantkeeperError("invalid_request", `The file of authorities ${file} cannot be read.`, {
      remedy: "Name a readable PEM file in GRANTKEEPER_CA_FILE (ca_file), or unset it.",
      cause,
    });
  }
}
