// A search through a log, carried out by the server in steps. The hits come in the order of the file.
import { ApiError, jobPath, type Client } from "../api/client";
import type { LogHits } from "../api/types";

export interface Hit {
  offset: number;
  line: string;
}

export interface Search {
  text: string;
  hits: Hit[];
  searchedTo: number;
  done: boolean;
  error: string;
}

/** More are not kept; the count then says "at least". */
export const mostHits = 10_000;

export async function search(
  client: Client,
  jobId: string,
  path: string,
  text: string,
  signal: AbortSignal,
  onStep: (search: Search) => void,
): Promise<void> {
  const hits: Hit[] = [];
  let from = 0;
  for (;;) {
    let answer: LogHits;
    try {
      answer = await client.get<LogHits>(
        jobPath(jobId, "/search"),
        { path, text, from, limit: 1000, case: 0 },
        signal,
      );
    } catch (error) {
      if (signal.aborted) return;
      onStep({ text, hits, searchedTo: from, done: true, error: error instanceof ApiError ? error.message : String(error) });
      return;
    }
    hits.push(...answer.hits);
    const stuck = answer.searchedTo <= from;
    from = answer.searchedTo;
    const done = answer.done || stuck || hits.length >= mostHits;
    onStep({ text, hits: hits.slice(), searchedTo: from, done, error: "" });
    if (done) return;
  }
}

/** The first hit at or behind `offset`, else the first of all. Pure. */
export function hitFrom(hits: readonly Hit[], offset: number): number {
  const found = hits.findIndex((hit) => hit.offset >= offset);
  return found < 0 ? (hits.length > 0 ? 0 : -1) : found;
}

/** Of what an error begins with, the nearest behind `from`. */
export async function nextError(
  client: Client,
  jobId: string,
  path: string,
  from: number,
  signal: AbortSignal,
): Promise<Hit | null> {
  const found = await Promise.all(
    ["Traceback (most recent call last)", "Error:"].map(async (text) => {
      let at = from;
      for (;;) {
        const answer = await client.get<LogHits>(jobPath(jobId, "/search"), { path, text, from: at, limit: 1 }, signal);
        const hit = answer.hits[0];
        if (hit) return hit;
        if (answer.done || answer.searchedTo <= at) return null;
        at = answer.searchedTo;
      }
    }),
  );
  return found.reduce<Hit | null>((best, hit) => (hit && (!best || hit.offset < best.offset) ? hit : best), null);
}
