import { createContext, useContext } from "react";
import type { ApiKeyScope, Session } from "../api/documents.ts";

export const SessionContext = createContext<Session | null>(null);

/** Who is signed in. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("there is no session here");
  return session;
}

/** Whether whoever is signed in may do what needs this scope. */
export function useMay(scope: ApiKeyScope): boolean {
  const { scopes } = useSession();
  return scopes.includes(scope) || scopes.includes("admin");
}
