// Rows that come from the server in pages, as far as they are in sight.
import { useCallback, useEffect, useReducer, useRef } from "preact/hooks";
import { ApiError } from "../api/client";

export interface Pages<Row> {
  total: number | null; // null: nothing has come yet
  more: boolean; // `total` are those that were counted so far
  error: ApiError | null;
  row: (index: number) => Row | null;
  want: (first: number, last: number) => void;
}

interface Held<Row> {
  key: string;
  pages: Map<number, Row[]>; // the least used first
  asked: Set<number>;
  total: number | null;
  more: boolean;
  error: ApiError | null;
  abort: AbortController;
}

const mostPages = 50;

export function usePages<Row>(
  key: string,
  version: unknown,
  size: number,
  ask: (offset: number, limit: number, signal: AbortSignal) => Promise<{ total: number; more: boolean; rows: Row[] }>,
): Pages<Row> {
  const [, again] = useReducer<number, void>((turn) => turn + 1, 0);
  const fresh = (): Held<Row> => ({
    key,
    pages: new Map(),
    asked: new Set(),
    total: null,
    more: false,
    error: null,
    abort: new AbortController(),
  });
  const held = useRef<Held<Row> | undefined>(undefined);
  if (held.current?.key !== key) {
    held.current?.abort.abort();
    held.current = fresh();
  }
  const latest = useRef(ask);
  latest.current = ask;

  const load = useCallback(
    async (page: number) => {
      const mine = held.current;
      if (!mine || mine.asked.has(page)) return;
      mine.asked.add(page);
      try {
        const answer = await latest.current(page * size, size, mine.abort.signal);
        mine.pages.delete(page);
        mine.pages.set(page, answer.rows);
        // A page at the begin counts less far than one behind it.
        mine.total = answer.more ? Math.max(mine.total ?? 0, answer.total) : answer.total;
        mine.more = answer.more && answer.total >= mine.total;
        mine.error = null;
        for (const old of mine.pages.keys()) {
          if (mine.pages.size <= mostPages) break;
          mine.pages.delete(old);
        }
      } catch (error) {
        if (mine.abort.signal.aborted) return;
        mine.error = error instanceof ApiError ? error : new ApiError(0, "", String(error));
      }
      mine.asked.delete(page);
      again();
    },
    [size],
  );

  // The first page tells how many there are; with a new version there may be more.
  useEffect(() => void load(0), [key, version, load]);
  useEffect(() => () => held.current?.abort.abort(), []);

  return {
    total: held.current.total,
    more: held.current.more,
    error: held.current.error,
    row: (index) => held.current?.pages.get(Math.floor(index / size))?.[index % size] ?? null,
    want: (first, last) => {
      const mine = held.current;
      if (!mine || mine.total === null) return;
      const end = Math.min(last, mine.total + (mine.more ? 1 : 0));
      for (let page = Math.floor(first / size); page * size < end; ++page) {
        const rows = mine.pages.get(page);
        const wanted = Math.min(size, mine.total - page * size);
        if (!rows || rows.length < wanted) void load(page);
      }
    },
  };
}
