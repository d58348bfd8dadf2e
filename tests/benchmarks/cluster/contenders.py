"""The two that are compared: how each is started, what a job is for it, and when one is complete."""

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from arena import ROOT, Arena, parts, process, wait_until
from figures import scrape

PODS_EACH = 4
IMAGE = "parallelrun/runner:benchmark"
REQUESTS_PER_SECOND = 1000  # the limit of both clients, unless another one is asked for
OPERATOR_PROGRAM = (
    Path(os.environ.get("PARALLELRUN_BUILD_DIR", ROOT / "build")) / "bin" / "parallelrun-operator"
)


@dataclass
class Running:
    process: process.Process
    metrics_url: str
    ready_url: str
    started: float  # monotonic

    def metrics(self) -> str:
        return scrape(self.metrics_url)


class JobController:
    """The cluster's own: Indexed Jobs of as many pods, by a kube-controller-manager with nothing else in it."""

    name = "Job controller"
    user = "job-controller"
    group = "/apis/batch/v1"
    plural = "jobs"
    reconcile_histogram = "job_controller_job_sync_duration_seconds"
    job_label = "batch.kubernetes.io/job-name"

    # 5, 20, 50 and 200 were tried with 500 jobs: 11.6, 12.4, 9.1 and 5.3 jobs/s.
    def __init__(self, workers: int = 20, requests_per_second: int = REQUESTS_PER_SECOND):
        self._workers, self._limit = workers, requests_per_second

    def manifest(self, name: str) -> dict:
        container = {"name": "runner", "image": IMAGE, "command": ["/opt/parallelrun/bin/parallelrun"]}
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {
                "completionMode": "Indexed",
                "completions": PODS_EACH,
                "parallelism": PODS_EACH,
                "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
            },
        }

    def start(self, arena: Arena) -> Running:
        port = _free_port()
        words = [
            str(parts.CONTROL_PLANE.program("kube-controller-manager")),
            f"--kubeconfig={arena.kubeconfig_of(self.user)}",
            "--controllers=job-controller",
            f"--concurrent-job-syncs={self._workers}",
            f"--kube-api-qps={self._limit}",
            f"--kube-api-burst={self._limit}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={arena.folder / 'controller-certificates'}",
            "--authorization-always-allow-paths=/metrics,/healthz",
        ]
        return _launch(arena, self.user, words, f"https://127.0.0.1:{port}", f"https://127.0.0.1:{port}")


class Operator:
    """Ours: ParallelRunJobs of an orchestrator and three workers."""

    name = "parallelrun-operator"
    user = "parallelrun-operator"
    group = "/apis/parallelrun.dev/v1alpha1"
    plural = "parallelrunjobs"
    reconcile_histogram = "controller_runtime_reconcile_time_seconds"
    job_label = "parallelrun.dev/job"

    def __init__(self, workers: int = 0, requests_per_second: int = REQUESTS_PER_SECOND):
        self._workers, self._limit = workers, requests_per_second

    def manifest(self, name: str) -> dict:
        return {
            "apiVersion": "parallelrun.dev/v1alpha1",
            "kind": "ParallelRunJob",
            "metadata": {"name": name},
            "spec": {
                "sourceDirectory": {"configMap": {"name": "code"}},
                "entryScript": "score.py",
                "inputs": [
                    {"name": "images", "type": "file", "source": {"hostPath": {"path": "/data/images"}}}
                ],
                "output": {"source": {"hostPath": {"path": "/data/results"}, "subPath": name}},
                "nodeCount": PODS_EACH - 1,
            },
        }

    def start(self, arena: Arena, wait: bool = True) -> Running:
        """With `wait` it is back when the program answers; else at once."""
        metrics, health = (f"127.0.0.1:{_free_port()}" for _ in range(2))
        words = [
            *("env", "SSL_CERT_FILE=/dev/null"),  # as in the chart's Deployment
            str(OPERATOR_PROGRAM),
            f"--kubeconfig={arena.kubeconfig_of(self.user)}",
            f"--qps={self._limit}",
            f"--burst={self._limit}",
            f"--runner-image={IMAGE}",
            f"--metrics-address={metrics}",
            f"--health-address={health}",
            "--leader-election-namespace=default",
            "--log-level=warning",
        ]
        words += [f"--workers={self._workers}"] if self._workers else []
        return _launch(arena, self.user, words, f"http://{metrics}", f"http://{health}", wait)


CONTENDERS = (JobController, Operator)


def collection(contender, namespace: str = "") -> str:
    """Path of the jobs of a contender, in one namespace or in all."""
    return f"{contender.group}/{f'namespaces/{namespace}/' if namespace else ''}{contender.plural}"


def is_complete(job: dict) -> bool:
    return _has(job, "Complete")


def is_failed(job: dict) -> bool:
    return _has(job, "Failed")


def _has(job: dict, kind: str) -> bool:
    conditions = job.get("status", {}).get("conditions", [])
    return any(one["type"] == kind and one["status"] == "True" for one in conditions)


def _launch(arena: Arena, name: str, words: list, metrics: str, health: str, wait: bool = True) -> Running:
    started = time.monotonic()
    launched = arena.launch(name, words)

    def answers() -> bool:
        try:
            return scrape(f"{health}/healthz") is not None
        except OSError:
            return False

    if wait:
        log = arena.folder / f"{name}.log"
        wait_until(f"{name}'s start (log: {log})", answers, seconds=60, interval=0.02, alive=launched.runs)
    return Running(launched, f"{metrics}/metrics", f"{health}/readyz", started)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
