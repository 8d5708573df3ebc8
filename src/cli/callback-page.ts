import { createHash } from "node:crypto";

/** What the person in the browser is told. */
export type PageOutcome =
  | { readonly kind: "connected"; readonly grant: string }
  | { readonly kind: "failed"; readonly message: string; readonly remedy: string | null }
  | { readonly kind: "foreign" }
  | { readonly kind: "not_here" };

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --dim: #56606f; --paper: #f6f7f9; --card: #fff; --line: #d9dee6; --good: #0b6e3f; --bad: #a1261d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --dim: #a7b0bf; --paper: #12161c; --card: #1a2029; --line: #2d3643; --good: #6fd3a0; --bad: #ff9a8f; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { width: 100%; max-width: 34rem; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
h1 { margin: 0 0 .75rem; font-size: 1.375rem; line-height: 1.3; }
p { margin: .5rem 0 0; overflow-wrap: anywhere; }
.good { color: var(--good); } .bad { color: var(--bad); } .dim { color: var(--dim); }
`;

const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

/** The page that ends an authorization in the browser: plain words, the next step, no token, no script. */
export function callbackPage(outcome: PageOutcome): { body: string; contentSecurityPolicy: string } {
  const { title, tone, lines } = content(outcome);
  const paragraphs = lines
    .map((line, i) => `<p${i > 0 ? ' class="dim"' : ""}>${escape(line)}</p>`)
    .join("\n");
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
${paragraphs}
</main>
</body>
</html>
`;
  const contentSecurityPolicy = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  return { body, contentSecurityPolicy };
}

function content(outcome: PageOutcome): { title: string; tone: "good" | "bad"; lines: string[] } {
  switch (outcome.kind) {
    case "connected":
      return {
        title: `${outcome.grant} is connected`,
        tone: "good",
        lines: [
          "The consent has arrived and its tokens are kept.",
          "You can close this window and go back to the terminal.",
        ],
      };
    case "failed":
      return {
        title: "It did not work",
        tone: "bad",
        lines: [
          outcome.message,
          ...(outcome.remedy === null ? [] : [outcome.remedy]),
          "The terminal says the same. You can close this window.",
        ],
      };
    case "foreign":
      return {
        title: "This answer belongs to another request",
        tone: "bad",
        lines: ["Nothing was done with it.", "Open the address that the terminal shows, and accept there."],
      };
    case "not_here":
      return {
        title: "There is nothing here",
        tone: "bad",
        lines: ["Open the address that the terminal shows."],
      };
  }
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
