// Requests to the server of this page, with the token of the link or of the viewer.
import { forgetToken, headersOf, type Access } from "./session";
import type { Deed } from "./types";

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: no answer
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

export type Query = Record<string, string | number | undefined>;

function address(path: string, query?: Query): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) words.set(name, String(value));
  }
  const text = words.toString();
  return text === "" ? path : `${path}?${text}`;
}

export async function errorOf(answer: Response): Promise<ApiError> {
  let message = `The server answered ${answer.status} and gave no reason.`;
  let reason = "";
  try {
    const body: unknown = await answer.json();
    if (typeof body === "object" && body !== null) {
      if ("message" in body && typeof body.message === "string") message = body.message;
      if ("reason" in body && typeof body.reason === "string") reason = body.reason;
    }
  } catch {
    // The sentence above stands.
  }
  return new ApiError(answer.status, reason, message);
}

/** The token has ended, or shows no jobs any more. */
export function endsAccess(error: ApiError): boolean {
  return error.status === 401 || error.reason === "Namespace";
}

/** What the server says to whoever has no link: "viewer" may come in as he is, for a proxy has signed him in. */
export async function firstAnswer(access: Access): Promise<ApiError | null> {
  let answer: Response;
  try {
    answer = await fetch("/api/worlds", {
      headers: headersOf(access),
      cache: "no-store",
      credentials: access.token === null ? "same-origin" : "omit",
      redirect: "error",
    });
  } catch {
    return new ApiError(0, "Unreachable", "The server does not answer.");
  }
  return answer.ok ? null : errorOf(answer);
}

export class Client {
  #ended = false;

  constructor(
    private readonly access: Access,
    private readonly onEnd: (error: ApiError) => void,
  ) {}

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    if (this.#ended) throw new ApiError(401, "Token", "The token has ended.");
    let answer: Response;
    try {
      answer = await fetch(path, {
        ...init,
        headers: { ...init.headers, ...headersOf(this.access) },
        cache: "no-store",
        // Without a token of ours the cookie of a proxy may stand for one.
        credentials: this.access.token === null ? "same-origin" : "omit",
        redirect: "error",
      });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new ApiError(0, "Unreachable", "The server does not answer.");
    }
    if (answer.ok) return answer;
    const error = await errorOf(answer);
    if (endsAccess(error) && !this.#ended) {
      this.#ended = true;
      forgetToken();
      this.onEnd(error);
    }
    throw error;
  }

  async get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
    const answer = await this.#fetch(address(path, query), signal ? { signal } : {});
    try {
      return (await answer.json()) as T;
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new ApiError(0, "Unreachable", "The answer of the server ended early.");
    }
  }

  async post(path: string, body: unknown): Promise<Deed> {
    const answer = await this.#fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const said: unknown = await answer.json().catch(() => null);
    if (typeof said !== "object" || said === null || !("message" in said) || typeof said.message !== "string")
      return { message: "Done." };
    return { message: said.message, ...("job" in said && typeof said.job === "string" ? { job: said.job } : {}) };
  }

  async open(path: string, query: Query, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const answer = await this.#fetch(address(path, query), {
      signal,
      headers: { Accept: "text/event-stream" },
    });
    if (answer.body === null) throw new ApiError(0, "Unreachable", "The server gave no stream.");
    return answer.body;
  }
}

export function jobPath(id: string, rest = ""): string {
  return `/api/jobs/${encodeURIComponent(id)}${rest}`;
}
