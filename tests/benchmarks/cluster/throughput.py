"""Many jobs at once: pods created and jobs Complete per second, writes and CPU of each contender.

The jobs are there before the contender starts, so that making them costs neither anything.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from api import Watch, WatchThread
from arena import Arena
from audit import Writes, writes_of
from contenders import PODS_EACH, collection, is_complete, is_failed
from figures import Ledger, Spent, histogram, quantile

_PENDING = "&fieldSelector=status.phase%3DPending"
_PATIENCE_SECONDS = 1800


class RunFailed(Exception):
    """The jobs did not come to the end that they should."""


@dataclass
class Outcome:
    """One run. Rates are taken from the first pod on, whenever the contender came to it."""

    jobs: int
    pods: int
    first_pod_after: float  # seconds from the start of the program
    pods_seconds: float  # from the first pod to the last
    jobs_seconds: float  # from the first pod to the last job's Complete
    writes: Writes
    spent: Spent
    reconcile_p99: float

    @property
    def pods_rate(self) -> float:
        return (self.pods - 1) / self.pods_seconds

    @property
    def jobs_rate(self) -> float:
        return self.jobs / self.jobs_seconds

    def describe(self) -> str:
        cpu = ", ".join(f"{name} {seconds:.1f}" for name, seconds in self.spent.cpu.items())
        return (
            f"{self.pods_rate:.0f} pods/s, {self.jobs_rate:.1f} jobs/s, "
            f"{self.writes.total() / self.jobs:.2f} writes a job, reconcile p99 {self.reconcile_p99 * 1000:.1f} ms; "
            f"first pod after {self.first_pod_after:.2f} s, pods in {self.pods_seconds:.1f} s, "
            f"jobs in {self.jobs_seconds:.1f} s; CPU s: {cpu}; others {self.spent.others:.2f} cores\n"
            f"    writes: {self.writes.describe(self.jobs)}"
        )


class Observer:
    """Moments at which pods appeared and jobs became Complete."""

    def __init__(self, arena: Arena, contender):
        self.pods: list = []
        self.completed: dict = {}
        self.failed: list = []
        pods, jobs = "/api/v1/pods", collection(contender)
        version = arena.session.version
        self._threads = [
            WatchThread(Watch(arena.server, pods, version(pods), _PENDING), self._pod),
            WatchThread(Watch(arena.server, jobs, version(jobs)), self._job),
        ]

    def check(self) -> None:
        for thread in self._threads:
            if thread.failure is not None:
                raise thread.failure
        if self.failed:
            raise RunFailed(f"a job failed: {self.failed[0]}")

    def stop(self) -> None:
        for thread in self._threads:
            thread.stop()

    def _pod(self, moment: float, line: bytes) -> None:
        # A pod that starts leaves the selection, which is told as a deletion.
        if line.startswith(b'{"type":"ADDED"'):
            self.pods.append(moment)

    def _job(self, moment: float, line: bytes) -> None:
        if b'"Complete"' not in line and b'"Failed"' not in line:
            return
        job = json.loads(line)["object"]
        key = (job["metadata"]["namespace"], job["metadata"]["name"])
        if is_complete(job):
            self.completed.setdefault(key, moment)
        elif is_failed(job):
            self.failed.append(f"{key}: {job['status']}")


def run(contender, folder: Path, jobs: int, namespaces: int) -> Outcome:
    with Arena(folder, namespaces) as arena:
        for number in range(jobs):
            namespace = arena.namespaces[number % namespaces]
            arena.session.create(collection(contender, namespace), contender.manifest(f"job-{number:05d}"))
        observer = Observer(arena, contender)
        ledger = Ledger(arena.pids())
        running = contender.start(arena)
        ledger.add(contender.name, running.process.pid)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(observer.completed) < jobs:
            observer.check()
            if not running.process.runs():
                raise RunFailed(f"{contender.name} ended; see {folder}")
            if time.monotonic() > deadline:
                raise RunFailed(
                    f"{contender.name}: {len(observer.completed)} of {jobs} jobs are Complete after "
                    f"{_PATIENCE_SECONDS} s, {len(observer.pods)} pods were made; see {folder}"
                )
            time.sleep(0.05)
        spent = ledger.close()
        observer.stop()
        if len(observer.pods) != jobs * PODS_EACH:
            raise RunFailed(f"{contender.name} made {len(observer.pods)} pods for {jobs} jobs of {PODS_EACH}")
        metrics = running.metrics()
        first = min(observer.pods)
        return Outcome(
            jobs=jobs,
            pods=len(observer.pods),
            first_pod_after=first - running.started,
            pods_seconds=max(observer.pods) - first,
            jobs_seconds=max(observer.completed.values()) - first,
            writes=writes_of(contender.user, arena.audit_log),
            spent=spent,
            reconcile_p99=quantile(histogram(metrics, contender.reconcile_histogram), 0.99),
        )
