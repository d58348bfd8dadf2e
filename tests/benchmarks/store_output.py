"""Output in a local S3 server: mini-batches that are committed in a second, and how long a successor needs to go on.

The server is versitygw, which keeps the objects as files of this machine."""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import datasets
from measurement import BenchmarkFailed, fresh, median
from objects import KEYS, VARIABLES
from our_jobs import LAUNCHERS, OurJob
from report import Row

for _folder in ("integration/store", "common"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / _folder))
from processes import descendants  # noqa: E402
from s3_server import Bucket, s3_file_server  # noqa: E402
from waiting import wait_for  # noqa: E402

MINI_BATCHES = 10_000
COMMITS_BAR = 200  # a second
TAKEOVER_BAR = 10  # seconds


class StoreJob:
    """The same job again and again, each time with a prefix of its own in the bucket."""

    def __init__(self, bucket: Bucket, data: Path, work: Path):
        self.bucket, self.work = bucket, work
        self.source = datasets.file_tree(data, MINI_BATCHES // 1000, 1000)
        self.calls = work / "calls"

    def _job(self, prefix: str) -> OurJob:
        store = {"bucket": self.bucket.name, "prefix": prefix, "region": "us-east-1"}
        return OurJob(
            self.work / "job",
            "stamped_entry.py",
            self.source,
            output={"s3": {**store, "endpoint": self.bucket.address}},
            miniBatchSize=1,
            arguments=[str(self.calls)],
        )

    def _stamps(self) -> list:
        return [float(line) for line in self.calls.read_text().split()] if self.calls.exists() else []

    def _environment(self, machine: str) -> dict:
        return {**VARIABLES, "PARALLELRUN_CACHE_DIR": str(self.work / machine)}

    def commits_a_second(self, prefix: str, launcher: str) -> float:
        self.calls.unlink(missing_ok=True)
        finished = self._job(prefix).run(launcher, **self._environment("one"))
        self._check(prefix)
        return MINI_BATCHES / finished.seconds

    def takeover(self, prefix: str, launcher: str) -> float:
        """Seconds from the start of a successor on another machine to its first call of `run`."""
        self.calls.unlink(missing_ok=True)
        first = self._job(prefix).start(launcher, **self._environment("one"))
        wait_for(
            lambda: first.poll() is not None or len(self._stamps()) > MINI_BATCHES // 2, "half of the job"
        )
        if first.poll() is not None:
            raise BenchmarkFailed("the job ended before it was killed")
        for pid in [first.pid, *descendants(first.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        first.wait()
        started = time.monotonic()
        self._job(prefix).run(launcher, **self._environment(f"other-{prefix}"))
        self._check(prefix)
        return next(stamp for stamp in self._stamps() if stamp > started) - started

    def _check(self, prefix: str) -> None:
        rows = self.bucket.get(f"{prefix}/parallel_run_step.txt").decode().split()
        if len(rows) != MINI_BATCHES:
            raise BenchmarkFailed(f"{len(rows)} rows for {MINI_BATCHES} files")


def measure(data: Path, work: Path, rounds: int) -> tuple[list, list]:
    rows = []
    with s3_file_server(fresh(work / "server"), KEYS) as address:
        job = StoreJob(Bucket(address, "bench", KEYS), data, fresh(work / "jobs"))
        job.commits_a_second("first", LAUNCHERS[0])  # installs what reads stores
        for launcher in LAUNCHERS:
            rates = [job.commits_a_second(f"{launcher}-{number}", launcher) for number in range(rounds)]
            waits = [job.takeover(f"{launcher}-again-{number}", launcher) for number in range(rounds)]
            print(f"  {launcher}: {rates} mini-batches/s; takeovers {waits} s", flush=True)
            rows += [
                Row(
                    f"output in S3, {MINI_BATCHES:,} mini-batches, whole command, {launcher}",
                    f"{median(rates):,.0f} mini-batches/s",
                    "",
                    "",
                    f">= {COMMITS_BAR}",
                    median(rates) >= COMMITS_BAR,
                ),
                Row(
                    f"output in S3, a takeover on another machine, {launcher}",
                    f"{median(waits):.2f} s (worst {max(waits):.2f} s)",
                    "",
                    "",
                    f"< {TAKEOVER_BAR} s",
                    max(waits) < TAKEOVER_BAR,
                ),
            ]
    return rows, ["Commits and takeovers: the S3 server is versitygw, on the same machine."]
