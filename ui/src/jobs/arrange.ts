// Which jobs the list shows, and in which order. Pure.
import type { Job } from "../api/types";

export type SortKey = "state" | "name" | "place" | "progress" | "failed" | "age" | "left";

export interface Arrangement {
  text: string;
  states: ReadonlySet<string>; // empty: all
  sort: SortKey;
  descending: boolean;
}

/** What needs a look comes first. */
const stateOrder = ["Failed", "Interrupted", "Silent", "Running", "Suspended", "Pending", "Complete"];

export function placeOf(job: Job): string {
  return (job.world === "cluster" ? job.namespace : job.directory) ?? "";
}

export function failedItems(job: Job): number {
  return job.progress?.itemsFailed ?? 0;
}

/** From 0 to 1; null: nothing is planned yet. */
export function shareDone(job: Job): number | null {
  const planned = job.progress?.miniBatchesCreated ?? 0;
  const done = job.progress?.miniBatchesProcessed ?? 0;
  if (planned <= 0) return job.state === "Complete" ? 1 : null;
  return Math.min(1, done / planned);
}

export function isAtWork(job: Job): boolean {
  return job.state === "Running" || job.state === "Pending" || job.state === "Silent";
}

function rank(job: Job): number {
  const at = stateOrder.indexOf(job.state);
  return at < 0 ? stateOrder.length : at;
}

function started(job: Job): number {
  const at = Date.parse(job.started ?? "");
  return Number.isNaN(at) ? 0 : at;
}

type Value = number | string;

function valueOf(job: Job, key: SortKey): Value {
  switch (key) {
    case "state":
      return rank(job);
    case "name":
      return job.name;
    case "place":
      return placeOf(job);
    case "progress":
      return shareDone(job) ?? -1;
    case "failed":
      return failedItems(job);
    case "age":
      // The youngest job has the smallest age.
      return -started(job);
    case "left":
      return job.timeLeftSeconds ?? Number.MAX_VALUE;
  }
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function compare(a: Value, b: Value): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return collator.compare(String(a), String(b));
}

/** Each word has to stand in the name, the place, the state or the message. */
export function matches(job: Job, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const text = `${job.name}\n${placeOf(job)}\n${job.state}\n${job.reason ?? ""}\n${job.message ?? ""}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

export function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
}

export function arranged(jobs: readonly Job[], arrangement: Arrangement): Job[] {
  const words = wordsOf(arrangement.text);
  const rows = jobs
    .filter((job) => arrangement.states.size === 0 || arrangement.states.has(job.state))
    .filter((job) => matches(job, words))
    .map((job) => ({ job, value: valueOf(job, arrangement.sort) }));
  const sign = arrangement.descending ? -1 : 1;
  rows.sort(
    (a, b) =>
      sign * compare(a.value, b.value) ||
      started(b.job) - started(a.job) ||
      (a.job.id < b.job.id ? -1 : a.job.id > b.job.id ? 1 : 0),
  );
  return rows.map((row) => row.job);
}

/** How many jobs are in each state, those that need a look first. */
export function countsByState(jobs: readonly Job[]): [state: string, count: number][] {
  const counts = new Map<string, number>();
  for (const job of jobs) counts.set(job.state, (counts.get(job.state) ?? 0) + 1);
  const order = (state: string) => (stateOrder.includes(state) ? stateOrder.indexOf(state) : stateOrder.length);
  return [...counts].sort((a, b) => order(a[0]) - order(b[0]));
}
