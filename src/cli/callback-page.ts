import { type Page, type PageText, plainPage } from "../http/plain-page.ts";

/** What the person in the browser is told. */
export type PageOutcome =
  | { readonly kind: "connected"; readonly grant: string }
  | { readonly kind: "failed"; readonly message: string; readonly remedy: string | null }
  | { readonly kind: "foreign" }
  | { readonly kind: "not_here" };

/** The page that ends an authorization in the browser: plain words, the next step, no token, no script. */
export function callbackPage(outcome: PageOutcome): Page {
  return plainPage(content(outcome));
}

function content(outcome: PageOutcome): PageText {
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
