// Real jobs for the page to show, and the real server over them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));
export const program = process.env.PARALLELRUN ?? join(root, "build/bin/parallelrun");

/** What would change the page if it were taken for markup. */
export const markup = `<img src=x onerror="document.title='owned'">`;

const script = `
import sys, time
name, seconds = sys.argv[2], float(sys.argv[4])
def init():
    print("begin ${markup.replaceAll('"', '\\"')}")
def run(mini_batch):
    print("reading", mini_batch[0], '${markup.replaceAll("'", "\\'")}', flush=True)
    time.sleep(seconds)
    if name == "digits" and mini_batch[0].endswith("77.png"):
        raise ValueError("there is no digit in the picture")
    if name == "failing":
        raise ValueError('bad digit ${markup.replaceAll("'", "\\'")}')
    return [open(path).read() + ' ${markup.replaceAll("'", "\\'")}' for path in mini_batch]
`;

function manifest(name, seconds, more) {
  return `
apiVersion: parallelrun.dev/v1alpha1
kind: ParallelRunJob
metadata: {name: ${name}}
spec:
  sourceDirectory: {local: {path: code}}
  entryScript: entry.py
  arguments: ["--name", "${name}", "--seconds", "${seconds}"]
  inputs:
  - {name: files, type: file, source: {local: {path: in}}}
  output: {source: {local: {path: out/${name}}}}
  processCountPerNode: 2
  miniBatchSize: "1"
${more}`;
}

export class Jobs {
  folder = mkdtempSync(join(tmpdir(), "parallelrun-ui-"));
  out = join(this.folder, "out");
  #children = [];

  constructor() {
    mkdirSync(join(this.folder, "code"));
    mkdirSync(join(this.folder, "in"));
    writeFileSync(join(this.folder, "code", "entry.py"), script);
    for (let file = 0; file < 40; ++file) writeFileSync(join(this.folder, "in", `${100 + file}.txt`), `text ${file}`);
  }

  #start(name, seconds, more = "") {
    const file = join(this.folder, `${name}.yaml`);
    writeFileSync(file, manifest(name, seconds, more));
    const child = spawn(program, ["run", file, "--quiet"], { cwd: this.folder, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (bytes) => (said += bytes));
    this.#children.push(child);
    return { child, said: () => said };
  }

  async make() {
    const finished = this.#start("finished", 0.02);
    const failing = this.#start("failing", 0.01, "  errorThreshold: 30\n  runMaxTry: 1\n");
    await Promise.all([once(finished.child, "exit"), once(failing.child, "exit")]);
    if (finished.child.exitCode !== 0) throw new Error(`the job did not complete: ${finished.said()}`);
    if (failing.child.exitCode !== 1) throw new Error(`the job did not fail: ${failing.said()}`);
    // A folder whose name is markup, one that is deleted while it is looked at, one that gets damaged then, and one
    // that is damaged from the start.
    cpSync(join(this.out, "finished"), join(this.out, "copy"), { recursive: true });
    renameSync(join(this.out, "copy"), join(this.out, markup.replaceAll("/", "")));
    cpSync(join(this.out, "finished"), join(this.out, "leaving"), { recursive: true });
    cpSync(join(this.out, "finished"), join(this.out, "breaking"), { recursive: true });
    mkdirSync(join(this.out, "damaged", ".parallelrun"), { recursive: true });
    writeFileSync(join(this.out, "damaged", ".parallelrun", "job.json"), "{");
    this.#bigLog();
    this.running = this.#start("running", 5).child;
    for (let tries = 0; !existsSync(join(this.out, "running/logs/user/stdout/127.0.0.1")); ++tries) {
      if (tries > 300) throw new Error("the job did not begin within 30 s");
      await pause(100);
    }
  }

  /** For pictures: one job that worked for some seconds, with a failed mini-batch or two. */
  async makeDigits() {
    for (let file = 40; file < 400; ++file) writeFileSync(join(this.folder, "in", `${100 + file}.png`), `picture ${file}`);
    await this.complete("digits", 0.04);
  }

  async complete(name, seconds, more) {
    const { child, said } = this.#start(name, seconds, more);
    await once(child, "exit");
    if (child.exitCode !== 0) throw new Error(`the job did not complete: ${said()}`);
  }

  /** 64 MB, with one line to be found near the end. */
  #bigLog() {
    const line = (number) => `${String(number).padStart(8, "0")} an ordinary line of a long log ${"x".repeat(80)}\n`;
    let text = "";
    for (let number = 0; number < 500_000; ++number) {
      text += number === 450_123 ? "here is the Needle of the log\n" : line(number);
    }
    writeFileSync(join(this.out, "finished/logs/user/stdout/127.0.0.1/big.txt"), text + "the last line\n");
  }

  damage(name) {
    writeFileSync(join(this.out, name, ".parallelrun", "job.json"), "{");
  }

  remove(name) {
    rmSync(join(this.out, name), { recursive: true });
  }

  async end() {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGINT");
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await once(child, "exit");
      clearTimeout(timer);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class Server {
  /** `words`: directories, and options of a cluster. */
  async start(words, port = 0, env = process.env) {
    const given = ["ui", ...words, "--no-browser", "--port", String(port), "--pages", join(root, "build/ui")];
    this.child = spawn(program, given, { stdio: ["ignore", "pipe", "pipe"], env });
    let said = "";
    this.child.stderr.on("data", (bytes) => (said += bytes));
    for await (const line of createInterface({ input: this.child.stdout })) {
      const link = /http:\/\/127\.0\.0\.1:(\d+)\/#token=\S+/.exec(line);
      if (!link) continue;
      this.link = link[0];
      this.port = Number(link[1]);
      this.child.stdout.resume();
      return this;
    }
    throw new Error(`the server gave no link: ${said}`);
  }

  get origin() {
    return new URL(this.link).origin;
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill("SIGTERM");
    await once(this.child, "exit");
  }
}
