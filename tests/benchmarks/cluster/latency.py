"""One job at a time on an idle cluster: from the API's answer to its creation to the watch event of its first pod.

Both moments are read by one thread, so what Python adds is the time to read one line; the same for a pod that this
program makes itself is measured beside it.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from api import Watch
from arena import Arena
from contenders import PODS_EACH, collection
from figures import Ledger, Spent, difference, histogram, percentile, quantile

_PENDING = "&fieldSelector=status.phase%3DPending"
_REST_SECONDS = 0.25  # between two jobs, so that each finds an idle cluster


@dataclass
class Latencies:
    seconds: list  # of each job
    own_pods: list  # the same for pods that the benchmark makes itself
    reconcile_p99: float
    reconcile_p50: float
    spent: Spent

    def describe(self) -> str:
        def both(values: list) -> str:
            return (
                f"p50 {percentile(values, 0.5) * 1000:.1f} ms, p99 {percentile(values, 0.99) * 1000:.1f} ms"
            )

        return (
            f"first pod {both(self.seconds)}, worst {max(self.seconds) * 1000:.1f} ms; a pod of the benchmark's own "
            f"{both(self.own_pods)}; reconcile p50 {self.reconcile_p50 * 1000:.2f} ms, "
            f"p99 {self.reconcile_p99 * 1000:.2f} ms; others {self.spent.others:.2f} cores"
        )


def run(contender, folder: Path, jobs: int) -> Latencies:
    with Arena(folder, namespaces=1, pods_end=False) as arena:
        namespace = arena.namespaces[0]
        pods = f"/api/v1/namespaces/{namespace}/pods"
        watch = Watch(arena.server, pods, arena.session.version(pods), _PENDING)
        running = contender.start(arena)
        _first_pod(arena, watch, contender, namespace, "warm-up")
        before = histogram(running.metrics(), contender.reconcile_histogram)
        ledger = Ledger({**arena.pids(), contender.name: running.process.pid})
        seconds, own = [], []
        for number in range(jobs):
            seconds.append(_first_pod(arena, watch, contender, namespace, f"job-{number:05d}"))
            own.append(_own_pod(arena, watch, pods, number))
        after = histogram(running.metrics(), contender.reconcile_histogram)
        spent = ledger.close()
        watch.close()
        made = difference(after, before)
        return Latencies(seconds, own, quantile(made, 0.99), quantile(made, 0.5), spent)


def _first_pod(arena: Arena, watch: Watch, contender, namespace: str, name: str) -> float:
    time.sleep(_REST_SECONDS)
    arena.session.create(collection(contender, namespace), contender.manifest(name))
    answered = time.monotonic()
    label = f'"{contender.job_label}":"{name}"'.encode()
    seen: list = []
    while len(seen) < PODS_EACH:
        moment, line = watch.next_line()
        if line.startswith(b'{"type":"ADDED"') and label in line:
            seen.append(moment)
    return seen[0] - answered


def _own_pod(arena: Arena, watch: Watch, pods: str, number: int) -> float:
    time.sleep(_REST_SECONDS)
    name = f"own-{number:05d}"
    container = {"name": "runner", "image": "none"}
    arena.session.create(pods, {"metadata": {"name": name}, "spec": {"containers": [container]}})
    answered = time.monotonic()
    while True:
        moment, line = watch.next_line()
        if f'"name":"{name}"'.encode() in line:
            return moment - answered
