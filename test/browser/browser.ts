import { type Browser, chromium } from "playwright-core";
import { findBrowser } from "./find-browser.ts";

const found = await findBrowser();
if (found === null)
  process.stderr.write("skipped: pages in a browser need a Chromium, and none runs on this machine\n");

/** Whether pages can be looked at here. */
export const hasBrowser = found !== null;

/** Starts the browser; `args` besides the usual ones. */
export function launchBrowser(args: readonly string[] = []): Promise<Browser> {
  if (found === null) throw new Error("no browser runs here");
  const quiet = ["--disable-quic", "--disable-background-networking", "--disable-component-update"];
  return chromium.launch({
    executablePath: found.executablePath,
    env: { ...(process.env as Record<string, string>), ...found.env },
    // Its sandbox is not to be had for root, nor in most containers; what it visits here is ours.
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", ...quiet, ...args],
  });
}
