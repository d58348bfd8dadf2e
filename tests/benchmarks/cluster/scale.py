"""Many jobs that run on: memory of the operator, what it does at rest, and how soon it is back after a restart."""

import datetime
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from api import Watch
from arena import Arena
from audit import Writes, writes_of
from contenders import PODS_EACH, Running, collection
from figures import Ledger, cpu_seconds, memory_mb, scrape

_NAMESPACES = 50
_QUIET_SECONDS = 10  # without a write: whatever creating the jobs led to is over
_PATIENCE_SECONDS = 3600
_CREATORS = 2


class NotThere(Exception):
    """The cluster did not come to the state that was to be measured."""


@dataclass
class AtScale:
    jobs: int
    pods: int
    resident_mb: float
    peak_mb: float
    rest_seconds: float
    rest_writes: Writes
    rest_cpu_share: float  # of one core
    ready_after: float  # seconds from the start of a new program to readyz
    scaled_after: float  # ... to the pod of a job that was scaled while none ran
    replaced_after: float  # ... to the pod in place of one that was deleted while none ran
    restarted_resident_mb: float
    restarted_peak_mb: float
    others: float  # cores taken by others while it rested

    def describe(self) -> str:
        return (
            f"{self.jobs} jobs, {self.pods} pods: {self.resident_mb:.0f} MB, peak {self.peak_mb:.0f} MB; at rest for "
            f"{self.rest_seconds:.0f} s {self.rest_writes.total()} writes ({self.rest_writes.describe(1)}), "
            f"{self.rest_cpu_share * 100:.2f} % of a core (others {self.others:.2f} cores); restart: ready after "
            f"{self.ready_after:.2f} s, scaled job's pod {self.scaled_after:.2f} s, deleted pod's successor "
            f"{self.replaced_after:.2f} s, then {self.restarted_resident_mb:.0f} MB, "
            f"peak {self.restarted_peak_mb:.0f} MB"
        )


def run(contender, folder: Path, jobs: int, rest_seconds: float) -> AtScale:
    with Arena(folder, _NAMESPACES, pods_end=False) as arena:
        running = contender.start(arena)
        _create_jobs(arena, contender, jobs)
        _await_quiet(arena, contender, running, jobs)
        resident, peak = memory_mb(running.process.pid)

        ledger = Ledger({**arena.pids(), contender.name: running.process.pid})
        since, begin = _now(), cpu_seconds(running.process.pid)
        time.sleep(rest_seconds)
        share = (cpu_seconds(running.process.pid) - begin) / rest_seconds
        writes = writes_of(contender.user, arena.audit_log, since, _now())
        others = ledger.close().others

        again, times = _restart(arena, contender, running)
        time.sleep(5)
        restarted_resident, restarted_peak = memory_mb(again.process.pid)
        return AtScale(
            jobs=jobs,
            pods=arena.session.count("/api/v1/pods"),
            resident_mb=resident,
            peak_mb=peak,
            rest_seconds=rest_seconds,
            rest_writes=writes,
            rest_cpu_share=share,
            ready_after=times["ready"],
            scaled_after=times["scaled"],
            replaced_after=times["replaced"],
            restarted_resident_mb=restarted_resident,
            restarted_peak_mb=restarted_peak,
            others=others,
        )


def _create_jobs(arena: Arena, contender, jobs: int) -> None:
    def create(share: int) -> None:
        session = arena.server.session()
        for number in range(share, jobs, _CREATORS):
            namespace = arena.namespaces[number % _NAMESPACES]
            session.create(collection(contender, namespace), contender.manifest(f"job-{number:05d}"))

    with ThreadPoolExecutor(_CREATORS) as pool:
        list(pool.map(create, range(_CREATORS)))


def _await_quiet(arena: Arena, contender, running: Running, jobs: int) -> None:
    """All pods are there and run, and the contender has written nothing but its Lease for a while."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        if not running.process.runs():
            raise NotThere(f"{contender.name} ended; see {arena.folder}")
        if time.monotonic() > deadline:
            raise NotThere(f"{arena.session.count('/api/v1/pods')} pods for {jobs} jobs; see {arena.folder}")
        since = _now()
        time.sleep(_QUIET_SECONDS)
        pods = arena.session.count("/api/v1/pods")
        print(f"  {pods:,} pods, {memory_mb(running.process.pid)[0]:.0f} MB", flush=True)
        if pods == jobs * PODS_EACH and not arena.session.get(_PENDING_PODS)["items"]:
            if writes_of(contender.user, arena.audit_log, since).total() == 0:
                return


_PENDING_PODS = "/api/v1/pods?limit=1&resourceVersion=0&fieldSelector=status.phase%3DPending"


def _restart(arena: Arena, contender, running: Running) -> tuple:
    """Changes two jobs while no operator runs; the new one and the seconds until each thing was right."""
    running.process.send(signal.SIGTERM)
    deadline = time.monotonic() + 60
    while running.process.runs():
        if time.monotonic() > deadline:
            raise NotThere(f"{contender.name} did not end within 60 s of SIGTERM")
        time.sleep(0.05)

    scaled, bereft = "job-00000", "job-00001"
    homes = {scaled: arena.namespaces[0], bereft: arena.namespaces[1 % _NAMESPACES]}
    arena.session.request(
        "PATCH",
        f"{collection(contender, homes[scaled])}/{scaled}",
        {"spec": {"nodeCount": PODS_EACH}},
        "application/merge-patch+json",
    )
    victim = f"/api/v1/namespaces/{homes[bereft]}/pods/{bereft}-worker-1-0"
    arena.session.request("DELETE", f"{victim}?gracePeriodSeconds=0")
    watch = Watch(arena.server, "/api/v1/pods", arena.session.version("/api/v1/pods"))
    again = contender.start(arena, wait=False)
    times: dict = {"ready": _ready_after(again)}
    labels = {
        f'"{contender.job_label}":"{name}"'.encode(): what
        for name, what in ((scaled, "scaled"), (bereft, "replaced"))
    }
    while len(times) < 3:
        moment, line = watch.next_line()
        for label, what in labels.items():
            if line.startswith(b'{"type":"ADDED"') and label in line:
                times.setdefault(what, moment - again.started)
    watch.close()
    return again, times


def _ready_after(again: Running) -> float:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            scrape(again.ready_url)
            return time.monotonic() - again.started
        except OSError:
            time.sleep(0.01)
    raise NotThere("no readyz within 120 s of the restart")


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
