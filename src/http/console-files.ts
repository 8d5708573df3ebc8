import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Context, Hono } from "hono";
import type { Env } from "./app.ts";
import { CONSOLE_PATHS } from "./console-paths.ts";
import { requestFacts } from "./observe.ts";

/**
 * Scripts and styles of ours and nothing else, no text that becomes HTML (Trusted Types), no frame around it.
 * Forms are answered by the page's own script.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

interface Kept {
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly packed: Uint8Array<ArrayBuffer>;
}

/**
 * Adds the console's page and its files, out of a folder that was built; without the folder there is no
 * console. Nothing in them is anybody's: they are the same for all, and need no session.
 */
export function addConsole(app: Hono<Env>, directory: string): void {
  const page = read(join(directory, "index.html"));
  if (page === null) return;
  for (const path of CONSOLE_PATHS)
    app.get(path, (c) => {
      requestFacts(c.env.outgoing).route = "/";
      return send(c, page, {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": CONTENT_SECURITY_POLICY,
      });
    });
  for (const name of readdirSync(join(directory, "assets"))) {
    const file = read(join(directory, "assets", name));
    const type = TYPES[extname(name)];
    if (file === null || type === undefined) continue;
    app.get(`/assets/${name}`, (c) => {
      requestFacts(c.env.outgoing).route = "/assets";
      // Its name changes with its content.
      return send(c, file, { "content-type": type, "cache-control": "public, max-age=31536000, immutable" });
    });
  }
}

function read(file: string): Kept | null {
  try {
    const plain = Uint8Array.from(readFileSync(file));
    return { plain, packed: Uint8Array.from(gzipSync(plain, { level: 9 })) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function send(c: Context<Env>, { plain, packed }: Kept, fields: Record<string, string>): Response {
  const mayPack = /\bgzip\b/.test(c.req.header("accept-encoding") ?? "");
  const encoding = { vary: "accept-encoding", ...(mayPack && { "content-encoding": "gzip" }) };
  return c.body(mayPack ? packed : plain, 200, { ...fields, ...encoding });
}
