import { createHash } from "node:crypto";
import type { Reply } from "../transport/call.ts";
import { html, Html } from "./html.ts";
import { styleSheet } from "./style.ts";

const styleHash = createHash("sha256").update(styleSheet).digest("base64");
// Made apart from the templates: a formatter must not touch text that a hash vouches for.
const styleElement = new Html(`<style>${styleSheet}</style>`);
const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%23ffd75e'/%3E%3Cpath d='M5 4h6v2H7v1h3v2H7v1h4v2H5z' fill='%233a2c00'/%3E%3C/svg%3E";

/**
 * A whole page. No script runs in it, and forms lead back here or to `formTarget`: browsers hold the
 * redirect that follows a form to the same rule, so the client's address must be named.
 */
export function page(status: number, title: string, content: Html, formTarget?: string): Reply {
  const document = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} – emulator</title>
        <link rel="icon" href="${icon}" />
        ${styleElement}
      </head>
      <body>
        <div class="strip" role="note"><strong>Emulator – not Webex.</strong> Nothing here is real.</div>
        <main><div class="card">${content}</div></main>
      </body>
    </html> `;
  return {
    status,
    headers: {
      "content-type": "text/html;charset=UTF-8",
      "cache-control": "no-store",
      "content-security-policy": policy(formTarget),
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    },
    body: document.markup,
  };
}

function policy(formTarget: string | undefined): string {
  return [
    "default-src 'none'",
    `style-src 'sha256-${styleHash}'`,
    "img-src data:",
    `form-action 'self'${formTarget === undefined ? "" : ` ${source(formTarget)}`}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/** An address as a policy names it: its origin, or its scheme where an origin cannot be written. */
function source(address: string): string {
  const { protocol, origin, hostname } = new URL(address);
  const isHttp = protocol === "http:" || protocol === "https:";
  // Content Security Policy has no form for IPv6 hosts.
  return isHttp && !hostname.startsWith("[") ? origin : protocol;
}
