import { createHash } from "node:crypto";

/** What a page says: a heading, and paragraphs of which the first is the most important. */
export interface PageText {
  readonly title: string;
  readonly tone: "good" | "bad";
  readonly lines: readonly string[];
  /** A link below them, to a path of ours. */
  readonly back?: { readonly href: string; readonly text: string } | null | undefined;
}

/** A page as it is sent. */
export interface Page {
  readonly body: string;
  readonly contentSecurityPolicy: string;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --dim: #56606f; --paper: #f6f7f9; --card: #fff; --line: #d9dee6; --good: #0b6e3f; --bad: #a1261d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --dim: #a7b0bf; --paper: #12161c; --card: #1a2029; --line: #2d3643; --good: #6fd3a0; --bad: #ff9a8f; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { width: 100%; max-width: 34rem; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
h1 { margin: 0 0 .75rem; font-size: 1.375rem; line-height: 1.3; }
p { margin: .5rem 0 0; overflow-wrap: anywhere; }
a { color: inherit; }
.good { color: var(--good); } .bad { color: var(--bad); } .dim { color: var(--dim); }
`;

const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

/** A page of plain text for the person in a browser: no token, no script, nothing from elsewhere. */
export function plainPage({ title, tone, lines, back = null }: PageText): Page {
  const paragraphs = lines
    .map((line, i) => `<p${i > 0 ? ' class="dim"' : ""}>${escape(line)}</p>`)
    .join("\n");
  const link = back === null ? "" : `\n<p><a href="${escape(back.href)}">${escape(back.text)}</a></p>`;
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)} – Grantkeeper</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1 class="${tone}">${escape(title)}</h1>
${paragraphs}${link}
</main>
</body>
</html>
`;
  const contentSecurityPolicy = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  return { body, contentSecurityPolicy };
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
