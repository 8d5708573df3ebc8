import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** The built service, as a process of its own on a free port. */
export interface BenchedService {
  readonly child: ChildProcess;
  readonly url: string;
  /** Into its console, once. */
  readonly link: string;
}

export async function startService(root: string, home: string): Promise<BenchedService> {
  const child = spawn(
    process.execPath,
    [
      ...(process.env["GRANTKEEPER_BENCH_NODE"]?.split(" ") ?? []),
      join(root, "dist/cli/main.js"),
      "serve",
      "--port",
      "0",
      "--json",
    ],
    {
      env: { ...process.env, GRANTKEEPER_HOME: home },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const [text] = (await once(child.stdout, "data")) as [Buffer];
  const { url, sign_in_link: link } = JSON.parse(String(text)) as { url: string; sign_in_link: string };
  return { child, url, link };
}
