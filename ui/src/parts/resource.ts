// An answer of the server that a component shows: asked for when it is shown, and again when `version` changes.
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../api/client";

export interface Resource<T> {
  value: T | null; // the last answer that came
  error: ApiError | null;
  loading: boolean; // nothing has come yet
}

/**
 * `key` names what is asked for: with another one nothing of the last is shown. With a new `version` the value stays until
 * the next comes, and where `again` says so the rest is asked for at once. Other requests follow each other with a pause of at least two seconds, and of five times what the last one took.
 */
export function useResource<T>(
  key: string,
  version: unknown,
  ask: (signal: AbortSignal) => Promise<T>,
  again: (value: T) => boolean = () => false,
): Resource<T> {
  const [state, setState] = useState<{ key: string; value: T | null; error: ApiError | null }>({
    key,
    value: null,
    error: null,
  });
  const loader = useRef<{ key: string; busy: boolean; stale: boolean; next: number; abort: AbortController } | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const latest = useRef(ask);
  latest.current = ask;
  const latestAgain = useRef(again);
  latestAgain.current = again;

  useEffect(() => {
    const abort = new AbortController();
    loader.current = { key, busy: false, stale: false, next: 0, abort };
    return () => {
      clearTimeout(timer.current);
      abort.abort();
      loader.current = null;
    };
  }, [key]);

  useEffect(() => {
    const mine = loader.current;
    if (!mine) return;
    const load = async () => {
      mine.busy = true;
      mine.stale = false;
      const begun = performance.now();
      let next: { value: T | null; error: ApiError | null };
      try {
        next = { value: await latest.current(mine.abort.signal), error: null };
      } catch (error) {
        if (mine.abort.signal.aborted) return;
        next = { value: null, error: error instanceof ApiError ? error : new ApiError(0, "", String(error)) };
      }
      if (mine.abort.signal.aborted) return;
      const took = performance.now() - begun;
      mine.busy = false;
      mine.next = performance.now() + Math.max(2000, 5 * took);
      setState((before) => ({
        key,
        value: next.value ?? (before.key === key ? before.value : null),
        error: next.error,
      }));
      const more = next.value !== null && latestAgain.current(next.value);
      // Somebody waits for the rest, and the server has done a part of it each time.
      if (more) mine.next = performance.now() + 200;
      if (mine.stale || more) later();
    };
    const later = () => {
      clearTimeout(timer.current);
      timer.current = setTimeout(() => void load(), Math.max(0, mine.next - performance.now()));
    };
    if (mine.busy) mine.stale = true;
    else later();
  }, [key, version]);

  const current = state.key === key;
  return {
    value: current ? state.value : null,
    error: current ? state.error : null,
    loading: !current || (state.value === null && state.error === null),
  };
}
