// What the server answers. Members that another version of a job never wrote may be missing.

export type JobState =
  | "Pending"
  | "Running"
  | "Suspended"
  | "Silent"
  | "Interrupted"
  | "Complete"
  | "Failed";

export interface Progress {
  miniBatchesCreated?: number;
  planComplete?: boolean;
  miniBatchesProcessed?: number;
  miniBatchesSucceeded?: number;
  miniBatchesFailed?: number;
  miniBatchesShort?: number;
  itemsTotal?: number;
  itemsSucceeded?: number;
  itemsFailed?: number;
  triesFailed?: number;
  agents?: number;
  processesReady?: number;
  miniBatchesLeased?: number;
  miniBatchesWaiting?: number;
  processedBefore?: number;
}

export interface Job {
  id: string;
  world: "directory" | "cluster";
  name: string;
  namespace?: string;
  directory?: string;
  state: JobState | string;
  reason?: string;
  message?: string;
  started?: string;
  updated?: string;
  elapsedSeconds?: number;
  timeLeftSeconds?: number | null;
  nodes?: number;
  nodesReady?: number;
  progress?: Progress;
}

export interface Verb {
  allowed: boolean;
  why?: string;
  command: string;
  note?: string; // what to know before
  fields?: TunableField[]; // of resubmit
}

/** A field of the spec that may be another one the next time, as it is now. */
export interface TunableField {
  name: string;
  value: string;
}

/** What a verb has done; `job`: the id of one that was begun. */
export interface Deed {
  message: string;
  job?: string;
}

export const verbNames = ["suspend", "resume", "scale", "resubmit", "retryFailed", "cancel"] as const;
export type VerbName = (typeof verbNames)[number];

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export interface ClusterEvent {
  type?: string;
  reason?: string;
  message?: string;
  count?: number;
  first?: string;
  last?: string;
}

export interface Pod {
  name: string;
  role?: string;
  phase?: string;
  node?: string;
  created?: string;
}

export interface JobDetail extends Job {
  manifest?: string;
  conditions?: Condition[];
  events?: ClusterEvent[];
  pods?: Pod[];
  warnings?: string[];
  firstErrors?: { phase?: string; type?: string; message?: string }[];
  outputFile?: string;
  output?: string;
  format?: string;
  verbs?: Partial<Record<VerbName, Verb>>;
}

export interface JobList {
  jobs: Job[];
  unread: string[];
}

export interface Worlds {
  version: string;
  directories: string[];
  cluster: { context?: string; namespace?: string } | null;
}

export interface Finding {
  what: string;
  figures: string;
  try: string;
}

export interface Explanation {
  elapsedSeconds: number;
  startSeconds: number;
  spanSeconds: number;
  shareOfRun: number;
  shareOfReadingAndWriting: number;
  shareOfIdle: number;
  processorsWhileBusy: number;
  medianRunSeconds: number;
  longestRunSeconds: number;
  tailSeconds: number;
  largestProcessKb: number;
  findings: Finding[];
  processes: {
    name: string;
    miniBatches: number;
    failed: number;
    busySeconds: number;
    runSeconds: number;
    processorSeconds: number;
    longestRunSeconds: number;
  }[];
}

export type SpanKind = "run" | "loading" | "idle";
export type Span = [from: number, to: number, kind: SpanKind];

export interface ProcessSpans {
  node: string;
  process: string;
  spans: Span[];
}

export interface Timeline {
  throughput: [time: number, miniBatchesPerSecond: number][];
  processes: ProcessSpans[];
  durations: { edgesSeconds: number[]; counts: number[] };
  slowest: { miniBatch: string | number; node: string; process: string; seconds: number; items?: number }[];
  resources: Record<string, { time: number[]; cpuPercent: (number | null)[]; memoryBytes: (number | null)[] }>;
  thinned?: boolean;
  reading?: boolean; // the logs are not read to their end yet: ask again
}

export interface ErrorGroup {
  count: number;
  phase: string;
  type: string;
  message: string;
  first: string;
  where: string;
  what: string;
  last: string;
  earlierStart: boolean;
  file: string;
  traceback: string;
}

export interface ErrorGroups {
  errors: ErrorGroup[];
  others: number;
}

export interface FailedItem {
  kind: string;
  miniBatch: string;
  input: string;
  item: string;
  count: number;
  tries: number;
  error: string;
}

export interface FailedItems {
  total: number;
  more?: boolean; // `total` are those that were counted
  items: FailedItem[];
}

export interface Rows {
  columns: string[] | null;
  rows: unknown[][];
  truncated: boolean;
  note?: string; // why there are none
}

export interface LogFile {
  path: string;
  bytes: number;
}

/** How a log that is followed goes on. */
export interface LogNews {
  path: string;
  size?: number;
  follows: boolean;
  words?: string; // by which way it is followed, or why not
}

export interface LogPiece {
  path: string;
  size: number;
  offset: number;
  next: number;
  text: string;
}

export interface LogHits {
  hits: { offset: number; line: string }[];
  searchedTo: number;
  done: boolean;
}

export interface Difference {
  previous: string | null;
  note?: string;
  fields: { field: string; was: unknown; now: unknown }[];
}
