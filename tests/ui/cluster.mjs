// A real API server without nodes, the custom resource in it, and jobs.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { root } from "./jobs.mjs";

const apiserver = join(root, "tests/cluster/apiserver");

export function run(words, input) {
  return execFileSync(words[0], words.slice(1), { input, encoding: "utf8", stdio: ["pipe", "pipe", "inherit"] }).trim();
}

export function job(name, namespace, more = {}) {
  const claim = (claimName) => ({ persistentVolumeClaim: { claimName } });
  const spec = {
    entryScript: "score.py",
    sourceDirectory: { configMap: { name: "code" } },
    inputs: [{ name: "images", type: "file", source: claim("data") }],
    output: { source: claim("results") },
    ...more,
  };
  return { apiVersion: "parallelrun.dev/v1alpha1", kind: "ParallelRunJob", metadata: { name, namespace }, spec };
}

export class Cluster {
  #program;
  #cache;
  #operator;

  async up() {
    this.folder = run([apiserver, "up"]);
    const lines = run([apiserver, "env", "--dir", this.folder]).split("\n");
    const named = Object.fromEntries(lines.map((line) => /^export (\w+)='?(.*?)'?$/.exec(line).slice(1)));
    this.url = named.PARALLELRUN_APISERVER_URL;
    this.authority = named.PARALLELRUN_APISERVER_CA;
    this.kubeconfig = named.KUBECONFIG;
    this.#program = named.PARALLELRUN_KUBECTL;
    this.#cache = mkdtempSync(join(tmpdir(), "parallelrun-kubectl-"));
    this.kubectl(["apply", "-f", join(root, "crds/parallelrunjobs.yaml")]);
    // Not `kubectl wait`: it fails where the definition has no conditions yet.
    const until = Date.now() + 60_000;
    const conditions = () =>
      this.kubectl(["get", "crd", "parallelrunjobs.parallelrun.dev", "-o=jsonpath={.status.conditions}"]);
    while (!/"status":"True","type":"Established"/.test(conditions())) {
      assert.ok(Date.now() < until, "the API server has no ParallelRunJobs after a minute");
    }
    // What kubectl has learnt before that is not the whole.
    rmSync(this.#cache, { recursive: true, force: true });
    return this;
  }

  kubectl(words, input) {
    return run([this.#program, "--kubeconfig", this.kubeconfig, "--cache-dir", this.#cache, ...words], input);
  }

  read(kind, name, namespace) {
    return JSON.parse(this.kubectl(["get", kind, name, "-n", namespace, "-o", "json"]));
  }

  /** The operator's program, which makes of a job what it is in a cluster; nobody runs its pods. */
  operate() {
    const program = process.env.PARALLELRUN_OPERATOR ?? join(root, "build/bin/parallelrun-operator");
    const words = ["--kubeconfig", this.kubeconfig, "--metrics-address", "127.0.0.1:0", "--health-address", "127.0.0.1:0"];
    this.#operator = spawn(program, [...words, "--leader-election-namespace", "default"], { stdio: "ignore" });
  }

  /** The pods of a job, once there are so many, run as a kubelet would say it. */
  async runPods(namespace, name, number) {
    const until = Date.now() + 120_000;
    let pods = [];
    const selector = `parallelrun.dev/job=${name}`;
    while (pods.length !== number) {
      assert.ok(Date.now() < until, `${number} pods of ${name}, not ${pods}`);
      await pause(200);
      const said = this.kubectl(["get", "pods", "-n", namespace, "-l", selector, "-o=jsonpath={.items[*].metadata.name}"]);
      pods = said.split(" ").filter((one) => one !== "");
    }
    const startedAt = new Date().toISOString().replace(/\.\d+/, "");
    const container = { name: "runner", image: "runner", imageID: "", ready: true, restartCount: 0, started: true };
    const status = {
      phase: "Running",
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses: [{ ...container, state: { running: { startedAt } } }],
    };
    for (const pod of pods)
      this.kubectl(["patch", "pod", pod, "-n", namespace, "--subresource=status", "-p", JSON.stringify({ status })]);
  }

  async #endOperator() {
    if (!this.#operator || this.#operator.exitCode !== null || this.#operator.signalCode !== null) return;
    this.#operator.kill("SIGTERM");
    await once(this.#operator, "exit");
  }

  /** Nothing answers at its address from now on, until `back`. The operator would end by itself some time, so it ends now. */
  async leave() {
    await this.#endOperator();
    run([apiserver, "stop", "--dir", this.folder]);
  }

  back() {
    run([apiserver, "restart", "--dir", this.folder]);
    this.operate();
  }

  async down() {
    await this.#endOperator();
    if (this.folder) run([apiserver, "down", "--dir", this.folder]);
    if (this.#cache) rmSync(this.#cache, { recursive: true, force: true });
  }
}
