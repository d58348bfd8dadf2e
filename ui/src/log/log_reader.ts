// Holds the part of a log around a place and moves it: forward, back, to any byte, along with the end.
import { ApiError, jobPath, type Client } from "../api/client";
import type { LogPiece } from "../api/types";
import { LogWindow } from "./log_window";

const piece = 128 * 1024;
const largestPiece = 1024 * 1024;
const mostPieces = 12;

export class LogReader {
  readonly window = new LogWindow(mostPieces);
  error: ApiError | null = null;
  loaded = false;
  #abort = new AbortController();
  #busy: Promise<void> = Promise.resolve();
  #backward = false;
  #forward = false;

  constructor(
    private readonly client: Client,
    private readonly jobId: string,
    private readonly path: string,
    private readonly onChange: (movedLines: number) => void,
  ) {}

  stop(): void {
    this.#abort.abort();
  }
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  async #ask(offset: number, length: number): Promise<LogPiece> {
    return this.client.get<LogPiece>(
      jobPath(this.jobId, "/log"),
      { path: this.path, offset: Math.floor(offset), length },
      this.#abort.signal,
    );
  }

  /** One request after the other, so that pieces fit together. */
  #queued(work: () => Promise<void>): Promise<void> {
    this.#busy = this.#busy.then(async () => {
      if (this.#abort.signal.aborted) return;
      try {
        await work();
        this.error = null;
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        this.error = error instanceof ApiError ? error : new ApiError(0, "", String(error));
        this.onChange(0);
      }
    });
    return this.#busy;
  }

  /** The lines around a byte of the file. Gives the line that holds it. */
  async goTo(offset: number): Promise<number> {
    let line = 0;
    await this.#queued(async () => {
      const here = await this.#ask(Math.max(0, offset), piece);
      this.window.replace(here, here.size);
      this.loaded = true;
      const above = here.offset > 0 ? await this.#readBack() : 0;
      // Inside a line, the answer begins with the one behind it.
      line = Math.max(0, here.offset > offset ? above - 1 : above);
      this.onChange(0);
    });
    return line;
  }

  async goToEnd(): Promise<void> {
    await this.#queued(async () => {
      const last = await this.#ask(-piece, piece);
      this.window.replace(last, last.size);
      this.loaded = true;
      this.onChange(0);
    });
  }

  /** More lines on top, if there are any. `onChange` is told by how many lines everything moved down. */
  async back(): Promise<void> {
    if (this.#backward || this.window.atBegin) return;
    this.#backward = true;
    await this.#queued(async () => {
      const moved = await this.#readBack();
      this.onChange(moved);
    });
    this.#backward = false;
  }

  async #readBack(): Promise<number> {
    const to = this.window.from;
    for (let length = piece; to > 0; length *= 2) {
      const begin = Math.max(0, to - length);
      const before = await this.#ask(begin, to - begin);
      // A line longer than the piece has no begin in it.
      if (before.next > before.offset && before.offset < to)
        return this.window.prepend({ ...before, next: to }, before.size);
      if (begin === 0 || length >= largestPiece) return 0;
    }
    return 0;
  }

  async forward(): Promise<void> {
    if (this.#forward || this.window.atEnd) return;
    this.#forward = true;
    await this.#queued(async () => {
      const next = await this.#ask(this.window.to, piece);
      this.onChange(-this.window.append(next, next.size));
    });
    this.#forward = false;
  }

  /** The file has grown (or was put aside by a rotation, and is shorter). */
  async grew(size: number, toEnd: boolean): Promise<void> {
    const window = this.window;
    if (size < window.size || (toEnd && size - window.to > largestPiece)) {
      await this.goToEnd();
      return;
    }
    window.size = size;
    if (!toEnd) {
      this.onChange(0);
      return;
    }
    await this.#queued(async () => {
      let moved = 0;
      while (window.to < size) {
        const next = await this.#ask(window.to, piece);
        if (next.next <= window.to) break;
        moved -= window.append(next, next.size);
      }
      this.onChange(moved);
    });
  }
}
