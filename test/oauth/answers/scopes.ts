import { delivers, fullWith, only } from "./answer.ts";

/** The granted scope; null means that the answer does not say, so it is as before. */
export const SCOPES = [
  fullWith("scope absent", { scope: undefined }, { scopes: null }),
  fullWith(
    "scope with a stray line break",
    { scope: "meeting:x_read identity:y\n " },
    { scopes: ["meeting:x_read", "identity:y"] },
  ),
  fullWith("scope with tabs and many spaces", { scope: "\ta   b\t" }),
  fullWith("scope narrower", { scope: "a" }, { scopes: ["a"] }),
  fullWith("scope wider", { scope: "a b c" }, { scopes: ["a", "b", "c"] }),
  fullWith("scope in another order", { scope: "b a" }, { scopes: ["b", "a"] }),
  fullWith("scope as list", { scope: ["a", "b"] }),
  fullWith("scope as list of lists of words", { scope: ["a b", 7, "c"] }, { scopes: ["a", "b", "c"] }),
  fullWith("scope as an empty list", { scope: [] }, { scopes: null }),
  fullWith("scope with commas", { scope: "a,b, c" }, { scopes: ["a", "b", "c"] }),
  fullWith("scope with plus signs", { scope: "a+b" }, { scopes: ["a+b"] }),
  fullWith("scope twice", { scope: "a b a" }),
  fullWith("scope empty", { scope: "" }, { scopes: null }),
  fullWith("scope null", { scope: null }, { scopes: null }),
  fullWith("scope as number", { scope: 5 }, { scopes: null }),
  fullWith("scope as object", { scope: { a: 1 } }, { scopes: null }),
  fullWith(
    "scope as addresses",
    { scope: "https://x.example/auth/a https://x.example/auth/b" },
    { scopes: ["https://x.example/auth/a", "https://x.example/auth/b"] },
  ),
  fullWith("scope with a control character", { scope: "a b\u001b[31mc" }, { scopes: ["a"] }),
  fullWith("scope in letters that no scope has", { scope: "é" }, { scopes: null }),
  delivers("scopes", { access_token: "A1", scopes: ["a", "b"] }, only({ scopes: ["a", "b"] })),
  delivers(
    "scopes besides scope",
    { access_token: "A1", scope: "a", scopes: ["b"] },
    only({ scopes: ["a"] }),
  ),
];
