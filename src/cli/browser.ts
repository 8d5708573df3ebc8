import { spawn } from "node:child_process";
import type { Io } from "./io.ts";

/** Opens an address in the person's browser; false where nothing could be started. The address is shown anyway. */
export function openBrowser(io: Io, url: string): Promise<boolean> {
  const [program, ...args] = browserCommand(io);
  if (program === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const child = spawn(program, [...args, url], { stdio: "ignore", detached: true });
    child.once("error", () => resolve(false));
    child.once("spawn", () => {
      child.unref();
      resolve(true);
    });
  });
}

function browserCommand({ env }: Io): string[] {
  const own = env["BROWSER"];
  if (own !== undefined && own !== "") return [own];
  if (process.platform === "darwin") return ["open"];
  // `start` would read the address's & as a separator; the handler of web addresses takes it whole.
  if (process.platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler"];
  const hasDesktop = env["DISPLAY"] !== undefined || env["WAYLAND_DISPLAY"] !== undefined;
  return hasDesktop ? ["xdg-open"] : [];
}
