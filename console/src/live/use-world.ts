import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import type { HistoryEvent } from "../api/documents.ts";
import { load, Problem } from "../api/request.ts";
import { getWorld, onEvent, subscribeWorld, type World } from "./world.ts";

/** What all pages look at. */
export function useWorld(): World {
  return useSyncExternalStore(subscribeWorld, getWorld);
}

/** The time, in epoch ms, anew every so many ms. */
export function useNow(every = 15_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** Hears each event as it happens. */
export function useEvents(listener: (event: HistoryEvent) => void): void {
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => onEvent((event) => latest.current(event)), []);
}

/** Something that a page loads for itself. */
export interface Loaded<T> {
  readonly value: T | null;
  readonly problem: Problem | null;
  readonly reload: () => void;
}

/** Loads what one page alone looks at, and again when an event touches it. */
export function useLoaded<T>(
  path: string,
  isTouchedBy: (event: HistoryEvent) => boolean = () => false,
): Loaded<T> {
  const [state, setState] = useState<{ path: string; value: T | null; problem: Problem | null }>({
    path,
    value: null,
    problem: null,
  });
  const asked = useRef(0);
  const reload = useCallback(() => {
    const mine = ++asked.current;
    load<T>(path).then(
      (value) => {
        if (mine === asked.current) setState({ path, value, problem: null });
      },
      (error: unknown) => {
        if (mine !== asked.current) return;
        const problem = error instanceof Problem ? error : new Problem(0, "internal", String(error), null);
        setState((before) => ({ path, value: before.path === path ? before.value : null, problem }));
      },
    );
  }, [path]);
  useEffect(reload, [reload]);
  useEvents((event) => {
    if (isTouchedBy(event)) reload();
  });
  const isMine = state.path === path;
  return { value: isMine ? state.value : null, problem: isMine ? state.problem : null, reload };
}
