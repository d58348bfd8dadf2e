// What the page knows: jobs, the connection, the route. One object for the life of a token.
import { ApiError, Client, jobPath } from "./api/client";
import { Live, type Connection } from "./api/live";
import type { Access } from "./api/session";
import type { Job, JobDetail, JobList, LogNews, Worlds } from "./api/types";
import type { SortKey } from "./jobs/arrange";
import { Cell } from "./parts/cell";
import type { Route } from "./route";

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function isJob(value: unknown): value is Job {
  return typeof value === "object" && value !== null && "id" in value && typeof value.id === "string";
}

export class Model {
  readonly client: Client;
  readonly worlds = new Cell<Worlds | null>(null);
  readonly jobs = new Cell<Job[] | null>(null);
  readonly unread = new Cell<string[]>([]);
  readonly listError = new Cell<ApiError | null>(null);
  readonly connection = new Cell<Connection>({ state: "connecting" });
  /** When the server last said something. */
  readonly heard = new Cell(Date.now());
  readonly detail = new Cell<JobDetail | null>(null);
  readonly detailError = new Cell<ApiError | null>(null);
  readonly gone = new Cell(false);
  /** Counts the changes of the job that is open: what shows it asks again. */
  readonly jobVersion = new Cell(0);
  readonly logNews = new Cell<LogNews | null>(null);
  /** A sentence for the screen reader and for the line at the foot. */
  readonly said = new Cell<{ text: string; bad: boolean } | null>(null);

  /** How the list is arranged, while a job is looked at: the way back leads to the same. It ends with who has signed in. */
  readonly kept = { text: "", states: new Set<string>() as ReadonlySet<string>, sort: "age" as SortKey, descending: false };

  #live: Live | null = null;
  #query = "";
  #open: string | null = null;
  #log: string | undefined;
  #changed = new Map<string, Job | null>();
  #flush: ReturnType<typeof setTimeout> | undefined;
  #detailBusy = false;
  #detailStale = false;
  #detailNext = 0;
  #detailTimer: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  constructor(
    readonly access: Access,
    onEnd: (error: ApiError) => void,
  ) {
    this.client = new Client(access, (error) => {
      this.end();
      onEnd(error);
    });
    void this.client.get<Worlds>("/api/worlds").then(
      (worlds) => this.worlds.set(worlds),
      () => undefined,
    );
  }

  /** Nothing of a job stays. */
  end(): void {
    this.#ended = true;
    this.#live?.stop();
    clearTimeout(this.#flush);
    clearTimeout(this.#detailTimer);
    this.jobs.set(null);
    this.detail.set(null);
    this.unread.set([]);
    this.worlds.set(null);
  }

  show(route: Route): void {
    const job = route.page === "job" ? route.id : null;
    if (job !== this.#open) {
      this.#open = job;
      this.#log = undefined;
      this.detail.set(null);
      this.detailError.set(null);
      this.gone.set(false);
      this.logNews.set(null);
      this.jobVersion.set(0);
      this.#detailStale = false;
      this.#detailNext = 0;
      if (job !== null) void this.#readDetail();
    }
    this.#connect();
  }

  /** The log that is on the screen, so that the server says when it grew. */
  watchLog(path: string | undefined): void {
    if (path === this.#log) return;
    this.#log = path;
    this.logNews.set(null);
    this.#connect();
  }

  retryNow(): void {
    this.#live?.retryNow();
  }

  say(text: string, bad = false): void {
    this.said.set({ text, bad });
  }

  async reloadJobs(): Promise<void> {
    try {
      const list = await this.client.get<JobList>("/api/jobs");
      if (this.#ended) return;
      this.#changed.clear();
      this.jobs.set(list.jobs);
      this.unread.set(list.unread ?? []);
      this.listError.set(null);
      this.heard.set(Date.now());
    } catch (error) {
      if (!this.#ended && error instanceof ApiError) this.listError.set(error);
    }
  }

  #connect(): void {
    if (this.#ended) return;
    const query = { job: this.#open ?? undefined, path: this.#log };
    const named = JSON.stringify(query);
    if (this.#live && named === this.#query) return;
    this.#query = named;
    this.#live?.stop();
    const open = this.#open;
    this.#live = new Live(this.client, query, {
      onConnection: (connection) => {
        // Changing what is watched is no trouble worth a word.
        if (connection.state === "connecting" && this.connection.value.state === "live") return;
        this.connection.set(connection);
      },
      onOpen: () => {
        this.heard.set(Date.now());
        if (open === null) void this.reloadJobs();
        else this.#touchDetail();
      },
      onEvent: (event) => {
        this.heard.set(Date.now());
        const data = parsed(event.data);
        if (event.event === "job" && isJob(data)) this.#take(data.id, data);
        else if (event.event === "gone" && isJob(data)) this.#take(data.id, null);
        // In place of very many: the whole list is read again.
        else if (event.event === "reload" && open === null) void this.reloadJobs();
        else if (event.event === "reload") this.#touchDetail();
        else if (event.event === "log" && typeof data === "object" && data !== null)
          this.logNews.set(data as LogNews);
      },
    });
  }

  #take(id: string, job: Job | null): void {
    if (id === this.#open) {
      const detail = this.detail.value;
      if (job !== null && detail) this.detail.set({ ...detail, ...job });
      this.#touchDetail(); // where it is gone: whether it was deleted, or cannot be read
    }
    // Many jobs may change at once: one drawing for all.
    this.#changed.set(id, job);
    this.#flush ??= setTimeout(() => this.#apply(), 200);
  }

  #apply(): void {
    this.#flush = undefined;
    const jobs = this.jobs.value;
    if (jobs === null) return;
    const changed = this.#changed;
    this.#changed = new Map();
    const known = new Set<string>();
    const next: Job[] = [];
    for (const job of jobs) {
      known.add(job.id);
      const now = changed.get(job.id);
      if (now === null) continue;
      next.push(now ?? job);
    }
    for (const [id, job] of changed) {
      if (job !== null && !known.has(id)) next.push(job);
    }
    this.jobs.set(next);
  }

  #touchDetail(): void {
    this.#detailStale = true;
    if (this.#detailBusy) return;
    clearTimeout(this.#detailTimer);
    const wait = Math.max(0, this.#detailNext - performance.now());
    this.#detailTimer = setTimeout(() => void this.#readDetail(), wait);
  }

  async #readDetail(): Promise<void> {
    const id = this.#open;
    if (id === null || this.#ended) return;
    this.#detailBusy = true;
    this.#detailStale = false;
    try {
      const detail = await this.client.get<JobDetail>(jobPath(id));
      if (id === this.#open && !this.#ended) {
        this.detail.set(detail);
        this.detailError.set(null);
        this.gone.set(false);
        this.jobVersion.set(this.jobVersion.value + 1);
        this.heard.set(Date.now());
      }
    } catch (error) {
      if (id === this.#open && !this.#ended && error instanceof ApiError) {
        if (error.status === 404 && this.detail.value) this.gone.set(true);
        else this.detailError.set(error);
      }
    }
    this.#detailBusy = false;
    this.#detailNext = performance.now() + 1000;
    if (this.#detailStale) this.#touchDetail();
  }
}
