import { get as getPlain } from "node:http";
import { get as getOverTls } from "node:https";

/** How long, in ms, a service is waited for. */
const PATIENCE = 3000;

/** Whether a service of ours answers at an address. */
export function isServiceAt(url: string): Promise<boolean> {
  const get = url.startsWith("https:") ? getOverTls : getPlain;
  return new Promise((resolve) => {
    const request = get(`${url}/livez`, { timeout: PATIENCE }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text = `${text}${part}`.slice(0, 1000);
      });
      response.once("error", () => resolve(false));
      response.once("end", () => resolve(text.includes('"alive"')));
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(false));
  });
}
