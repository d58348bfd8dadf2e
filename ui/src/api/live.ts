// The stream of events, opened again with growing pauses when it breaks.
import { ApiError, endsAccess, type Client, type Query } from "./client";
import { EventParser, pauseBefore, type ServerEvent } from "./event_stream";

/** The server writes at least a comment every 15 s. */
const silenceMs = 40_000;

export type Connection =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "away"; since: number; retryAt: number; message: string };

export interface LiveHandlers {
  onEvent(event: ServerEvent): void;
  /** The stream stands: what was missed is to be read now. */
  onOpen(): void;
  onConnection(connection: Connection): void;
}

export class Live {
  #abort: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #awaySince = 0;
  #stopped = false;

  constructor(
    private readonly client: Client,
    private readonly query: Query,
    private readonly handlers: LiveHandlers,
  ) {
    handlers.onConnection({ state: "connecting" });
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  /** Does not wait for the end of the pause. */
  retryNow(): void {
    if (this.#stopped || this.#abort !== null) return;
    clearTimeout(this.#timer);
    void this.#run();
  }

  async #run(): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    let message = "The server has closed the connection.";
    try {
      const opening = setTimeout(() => abort.abort(), silenceMs);
      const stream = await this.client.open("/api/events", this.query, abort.signal);
      clearTimeout(opening);
      if (this.#stopped) return;
      this.handlers.onConnection({ state: "live" });
      this.handlers.onOpen();
      await this.#read(stream, abort);
    } catch (error) {
      if (error instanceof ApiError) {
        message = error.message;
        // The page says that the token has ended, or that the job is gone.
        if (endsAccess(error) || error.status === 404) return;
      } else if (abort.signal.aborted) {
        message = "The server has been silent for 40 seconds.";
      } else {
        message = "The connection to the server broke.";
      }
    } finally {
      this.#abort = null;
    }
    if (this.#stopped) return;
    ++this.#failures;
    if (this.#failures === 1) this.#awaySince = Date.now();
    const pause = pauseBefore(this.#failures, Math.random());
    this.handlers.onConnection({
      state: "away",
      since: this.#awaySince,
      retryAt: Date.now() + pause,
      message,
    });
    this.#timer = setTimeout(() => void this.#run(), pause);
  }

  async #read(stream: ReadableStream<Uint8Array>, abort: AbortController): Promise<void> {
    const reader = stream.getReader();
    const decoder = new TextDecoder();
    const parser = new EventParser();
    let silence = setTimeout(() => abort.abort(), silenceMs);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(silence);
        silence = setTimeout(() => abort.abort(), silenceMs);
        this.#failures = 0;
        for (const event of parser.push(decoder.decode(value, { stream: true }))) {
          if (!this.#stopped) this.handlers.onEvent(event);
        }
      }
    } finally {
      clearTimeout(silence);
    }
  }
}
