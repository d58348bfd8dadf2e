// A development tool: answers like `parallelrun ui`, with made-up jobs, so that the page can be worked on without jobs.
// usage: node tools/fixture_server.mjs [PORT [JOBS]]; it prints the link. The shapes are those of docs/ui.md.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { extname, join, normalize } from "node:path";

const port = Number(process.argv[2] ?? 8899);
const many = Number(process.argv[3] ?? 60);
const token = "fixture-token";
const pages = fileURLToPath(new URL("../../build/ui/", import.meta.url));
const begun = Date.now();
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const states = ["Complete", "Running", "Failed", "Complete", "Interrupted", "Complete", "Suspended", "Pending", "Silent"];
const html = '<img src=x onerror="document.title=1">';

function jobAt(index, now = Date.now()) {
  const cluster = index % 3 === 2;
  const state = states[index % states.length];
  const planned = 100 + ((index * 7919) % 5000);
  const moving = Math.floor(((now - begun) / 1000) * 3 + planned * 0.3) % planned;
  const done = { Complete: planned, Running: moving, Pending: 0 }[state] ?? Math.floor(planned * 0.6);
  const failed = state === "Failed" ? Math.floor(done * 0.1) : index % 11 === 0 ? 3 : 0;
  return {
    id: `job-${index}`,
    world: cluster ? "cluster" : "directory",
    name: index === 4 ? `evil ${html}` : `${["digits", "embeddings", "sales", "frames"][index % 4]}-${index}`,
    ...(cluster ? { namespace: `team-${index % 5}` } : { directory: `/data/results/2026/${index}` }),
    state,
    reason: state === "Failed" ? "ErrorThresholdExceeded" : state === "Complete" ? "Completed" : "",
    message: state === "Failed" ? `${failed} items failed, and errorThreshold is 10. The first error is ValueError: bad digit ${html}` : "",
    started: new Date(begun - 1000 * (60 + index * 137)).toISOString(),
    updated: new Date(now).toISOString(),
    elapsedSeconds: 60 + index * 13 + (state === "Running" ? (now - begun) / 1000 : 0),
    ...(state === "Running" ? { timeLeftSeconds: Math.round((planned - done) / 3) } : {}),
    ...(cluster ? { nodes: 3, nodesReady: 2 } : {}),
    progress: {
      miniBatchesCreated: planned, planComplete: true, miniBatchesProcessed: done, miniBatchesSucceeded: done - failed, miniBatchesFailed: failed,
      itemsTotal: planned * 10, itemsSucceeded: (done - failed) * 10, itemsFailed: failed * 10, triesFailed: failed * 3, agents: 2, processesReady: state === "Running" ? 8 : 0,

    },
  };
}

function detailOf(index) {
  const job = jobAt(index);
  const cluster = job.world === "cluster";
  const verb = (allowed, why, command) => ({ allowed, why: allowed ? "" : why, command });
  const target = cluster ? `${job.name} -n ${job.namespace}` : job.directory;
  const atWork = ["Running", "Pending", "Silent"].includes(job.state);
  return {
    ...job,
    manifest: `apiVersion: parallelrun.dev/v1\nkind: ParallelRunJob\nmetadata:\n  name: ${job.name}\nspec:\n  entryScript: digit_identification.py\n  miniBatchSize: "10"\n  nodeCount: 2\n`,
    warnings: index % 4 === 1 ? ["logging costs 12 % of the time: set loggingLevel: WARNING"] : [],
    firstErrors: job.progress.itemsFailed > 0 ? [{ phase: "run", type: "ValueError", message: `bad digit ${html}` }] : [],
    outputFile: "parallel_run_step.txt",
    format: "text",
    ...(cluster
      ? {
          conditions: [{ type: "Running", status: "True", reason: "WorkersReady", message: "2 of 3 workers are ready", lastTransitionTime: job.started }],
          events: [{ type: "Normal", reason: "Started", message: "made 4 pods", count: 1, time: job.started }],
          pods: [0, 1, 2].map((pod) => ({ name: `${job.name}-worker-${pod}`, role: "worker", phase: pod === 2 ? "ImagePullBackOff" : "Running", node: `node-${pod}`, created: job.started })),
        }
      : {}),
    verbs: {
      suspend: verb(cluster && atWork, cluster ? `the job is ${job.state}` : "a job of a directory cannot be suspended; stop its process", `parallelrun suspend ${target}`),
      resume: verb(cluster && job.state === "Suspended", cluster ? `the job is ${job.state}` : "a job of a directory goes on when it is started again", `parallelrun resume ${target}`),
      scale: verb(cluster && atWork, cluster ? "you have no right to patch parallelrunjobs/scale" : "a job of a directory has the nodes that it began with", `parallelrun scale ${target} --nodes {nodes}`),
      resubmit: { ...verb(!atWork, "the job is at work", `parallelrun resubmit ${target}`), fields: Object.entries({ miniBatchSize: "10", nodeCount: "2", processCountPerNode: "4", loggingLevel: "INFO", runInvocationTimeout: "60", runMaxTry: "3" }).map(([name, value]) => ({ name, value })) },
      retryFailed: verb(job.progress.itemsFailed > 0 && !atWork, "nothing has failed", `parallelrun resubmit ${target}`),
      cancel: verb(atWork, `the job is ${job.state}`, `parallelrun cancel ${target}`),
    },
  };
}

function timelineOf(index) {
  const job = jobAt(index);
  const from = Date.parse(job.started) / 1000;
  const to = from + job.elapsedSeconds;
  const at = (share) => from + (to - from) * share;
  const wave = (step, size) => size * (1 + 0.4 * Math.sin(step / 9) + 0.2 * Math.sin(step / 2.3));
  const nodes = ["127.0.0.1", "127.0.0.2"];
  const edges = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6];
  return {
    throughput: Array.from({ length: 200 }, (_, step) => [at(step / 199), Math.max(0, wave(step, 12))]),
    processes: nodes.flatMap((node) =>
      [0, 1, 2, 3].map((process) => ({
        node, process: `process00${process}`,
        spans: Array.from({ length: 60 }, (_, step) => [
          [at(step / 60), at((step + 0.2) / 60), "loading"],
          [at((step + 0.2) / 60), at((step + 0.7 + 0.3 * Math.sin(process + step)) / 60), "run"],
          [at((step + 0.97) / 60), at((step + 1) / 60), "idle"],
        ]).flat(),
      })),
    ),
    durations: { edgesSeconds: edges, counts: [2, 15, 80, 210, 160, 70, 22, 6, 1] },
    slowest: Array.from({ length: 10 }, (_, place) => ({ miniBatch: String(40 + place * 17), node: nodes[place % 2], process: "process002", seconds: 25 / (place + 1), items: 10 })),
    resources: Object.fromEntries(
      nodes.map((node, place) => [node, {
        time: Array.from({ length: 100 }, (_, step) => at(step / 99)),
        cpuPercent: Array.from({ length: 100 }, (_, step) => Math.min(100, wave(step + place * 9, 60))),
        memoryBytes: Array.from({ length: 100 }, (_, step) => 2e9 + 1e7 * step * (place + 1)),
      }]),
    ),
    thinned: index % 2 === 0,
  };
}

// A log of any size, made where it is read: every line has 100 bytes.
const lineBytes = 100;
const sizes = { "user/stdout/127.0.0.1/process000.stdout.txt": 1e9, "job_progress_overview.txt": 40_000, "user/error.txt": 4000, "user/error/run.txt": 9000 };
function lineAt(number) {
  const text = number % 97 === 5 ? "ValueError: bad digit" : number % 97 === 4 ? "Traceback (most recent call last):" : `mini-batch ${number} done ${html}`;
  return `2026-11-30 04:00:00 ${String(number).padStart(10, "0")} ${text}`.slice(0, lineBytes - 1).padEnd(lineBytes - 1, ".") + "\n";
}
function sizeOf(path) {
  const growing = path === "job_progress_overview.txt" ? Math.floor((Date.now() - begun) / 1000) * lineBytes : 0;
  return (sizes[path] ?? 0) + growing;
}
function logOf(path, offset, length) {
  const size = sizeOf(path);
  let from = Math.min(size, offset < 0 ? Math.max(0, size + offset) : offset);
  from = Math.ceil(from / lineBytes) * lineBytes;
  const to = Math.min(size, Math.max(from, Math.floor((Math.max(0, offset < 0 ? size + offset : offset) + Math.min(length, 1 << 20)) / lineBytes) * lineBytes));
  let text = "";
  for (let at = from; at < to; at += lineBytes) text += lineAt(at / lineBytes);
  return { path, size, offset: from, next: Math.max(from, to), text };
}
function searchOf(path, wanted, from, limit) {
  const size = sizeOf(path);
  const hits = [];
  const last = Math.min(size, from + 20_000_000);
  let at = Math.ceil(from / lineBytes) * lineBytes;
  for (; at < last && hits.length < limit; at += lineBytes) {
    const line = lineAt(at / lineBytes).trimEnd();
    if (line.toLowerCase().includes(wanted.toLowerCase())) hits.push({ offset: at, line });
  }
  return { hits, searchedTo: at, done: at >= size };
}

const traceback = `Traceback (most recent call last):\n  File "digit_identification.py", line 42, in run\n    raise ValueError("bad digit ${html}")\nValueError: bad digit ${html}`;
function answer(path, query) {
  if (path === "/api/worlds") return { version: "0.0.0", directories: ["/data/results"], cluster: { context: "kind-test", namespace: "" } };
  if (path === "/api/jobs") return { jobs: Array.from({ length: many }, (_, index) => jobAt(index)), unread: ["'/data/results/broken': .parallelrun/job.json is damaged: it holds no JSON object"] };
  const found = /^\/api\/jobs\/job-(\d+)(?:\/(\w+))?$/.exec(path);
  if (!found || Number(found[1]) >= many) return null;
  const index = Number(found[1]);
  const number = (name, other) => Number(query.get(name) ?? other);
  switch (found[2]) {
    case undefined: return detailOf(index);
    case "timeline": return timelineOf(index);
    case "explain": return { elapsedSeconds: 300, startSeconds: 2.1, spanSeconds: 290, shareOfRun: 0.71, shareOfReadingAndWriting: 0.21, shareOfIdle: 0.08, processorsWhileBusy: 0.93, medianRunSeconds: 0.31, longestRunSeconds: 25, tailSeconds: 12, largestProcessKb: 812345, findings: [{ what: "reading takes long", figures: "21 % of the time", try: "a larger miniBatchSize" }], processes: [] };
    case "errors": return index % 9 === 2 ? { errors: [{ count: 37, phase: "run", type: "ValueError", message: `bad digit ${html}`, first: jobAt(index).started, where: "127.0.0.1/process000", what: "mini-batch 7, try 1", last: jobAt(index).updated, earlierStart: false, file: "logs/user/error/run.txt", traceback }, { count: 2, phase: "", type: "", message: "the process was killed by SIGKILL", first: jobAt(index).started, where: "127.0.0.2/process001", what: "", last: "", earlierStart: true, file: "", traceback: "" }], others: 3 } : { errors: [], others: 0 };
    case "failed": { const total = jobAt(index).progress.itemsFailed; const offset = number("offset", 0); return { total, items: Array.from({ length: Math.max(0, Math.min(number("limit", 100), total - offset)) }, (_, row) => ({ kind: "failed", miniBatch: String(offset + row), input: "images", item: `images/${offset + row}.png ${html}`, count: 1, tries: 3, error: "ValueError: bad digit" })) }; }
    case "rows": return index % 2 ? { columns: ["file", "digit", "share"], rows: Array.from({ length: 50 }, (_, row) => [`images/${row}.png ${html}`, row % 10, 0.98]), truncated: true } : { columns: null, rows: Array.from({ length: 50 }, (_, row) => [`images/${row}.png: ${row % 10} ${html}`]), truncated: true };
    case "logs": return { files: Object.keys(sizes).map((name) => ({ path: name, bytes: sizeOf(name) })) };
    case "log": return logOf(query.get("path"), number("offset", 0), number("length", 65536));
    case "search": return searchOf(query.get("path"), query.get("text"), number("from", 0), number("limit", 100));
    case "difference": return { previous: "2026-11-29T10:00:00Z", fields: [{ field: "spec.miniBatchSize", was: "5", now: "10" }] };
    default: return null;
  }
}

const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
async function serveFile(path, response) {
  const name = normalize(path === "/" ? "/index.html" : path);
  try {
    const bytes = await readFile(join(pages, name));
    response.writeHead(200, { "Content-Type": types[extname(name)] ?? "application/octet-stream", "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff" });
    response.end(bytes);
  } catch {
    response.writeHead(404).end();
  }
}

function stream(query, response) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.write(": begin\n\n");
  const job = /^job-(\d+)$/.exec(query.get("job") ?? "");
  const path = query.get("path");
  const timer = setInterval(() => {
    const indexes = job ? [Number(job[1])] : [1, 10, 19, 28].filter((index) => index < many);
    for (const index of indexes) {
      const now = jobAt(index);
      if (now.state === "Running") response.write(`event: job\ndata: ${JSON.stringify(now)}\n\n`);
    }
    if (path) response.write(`event: log\ndata: ${JSON.stringify({ path, size: sizeOf(path) })}\n\n`);
  }, 1000);
  response.on("close", () => clearInterval(timer));
}

createServer((request, response) => {
  const url = new URL(request.url, `http://127.0.0.1:${port}`);
  if (!url.pathname.startsWith("/api/")) return void serveFile(url.pathname, response);
  const say = (status, body) => {
    response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
    response.end(JSON.stringify(body));
  };
  if (request.headers.authorization !== `Bearer ${token}`) return say(401, { message: "This token is not the one of this server.", reason: "Token" });
  if (url.pathname === "/api/events") return stream(url.searchParams, response);
  if (request.method === "POST") return say(url.pathname.endsWith("/cancel") ? 403 : 200, { message: url.pathname.endsWith("/cancel") ? "You have no right to delete parallelrunjobs in team-0." : "Done: the job is asked to." });
  const found = answer(url.pathname, url.searchParams);
  return found === null ? say(404, { message: "There is no such job any more.", reason: "NotFound" }) : say(200, found);
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/#token=${token}`));
