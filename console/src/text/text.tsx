import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { de } from "./de.ts";
import { en, type Text } from "./en.ts";

/** The languages that there are. */
export const LANGUAGES = { en, de } as const satisfies Record<string, Text>;
export type Language = keyof typeof LANGUAGES;

interface Chosen {
  readonly language: Language;
  readonly choose: (language: Language) => void;
}

const Context = createContext<Chosen>({ language: "en", choose: () => undefined });

/** Where a browser remembers its language: nothing else of the console is kept there. */
const REMEMBERED = "grantkeeper.language";

function isLanguage(word: string | null | undefined): word is Language {
  return word !== null && word !== undefined && Object.hasOwn(LANGUAGES, word);
}

function firstLanguage(): Language {
  const remembered = window.localStorage.getItem(REMEMBERED);
  if (isLanguage(remembered)) return remembered;
  return navigator.languages.map((tag) => tag.slice(0, 2)).find(isLanguage) ?? "en";
}

/** Gives the texts to everything within. */
export function TextProvider({ children }: { readonly children: ReactNode }) {
  const [language, setLanguage] = useState(firstLanguage);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const choose = (next: Language): void => {
    window.localStorage.setItem(REMEMBERED, next);
    setLanguage(next);
  };
  return <Context value={{ language, choose }}>{children}</Context>;
}

/** The texts of the reader's language. */
export function useText(): Text {
  return LANGUAGES[useContext(Context).language];
}

/** The reader's language, and how to change it. */
export function useLanguage(): Chosen {
  return useContext(Context);
}
