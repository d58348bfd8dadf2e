// A value that components watch.
import { useEffect, useReducer } from "preact/hooks";

export class Cell<T> {
  #watchers = new Set<() => void>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }
  get value(): T {
    return this.#value;
  }
  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const watcher of [...this.#watchers]) watcher();
  }
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}

export function useCell<T>(cell: Cell<T>): T {
  const [, again] = useReducer<number, void>((turn) => turn + 1, 0);
  useEffect(() => {
    again();
    return cell.watch(() => again());
  }, [cell]);
  return cell.value;
}

/** Now, again every `everyMs`: for ages. */
export function useNow(everyMs: number): number {
  const [, again] = useReducer<number, void>((turn) => turn + 1, 0);
  useEffect(() => {
    const timer = setInterval(() => again(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return Date.now();
}
