"""Dispatch, whole command: many tiny files, ten a mini-batch, ten short strings back."""

import sys
from pathlib import Path

import datasets
from measurement import BenchmarkFailed, fresh, median, rows_digest, run_command
from our_jobs import LAUNCHERS, OurJob
from pairs import alternate
from report import Row

PEERS = Path(__file__).resolve().parent / "peers"
DIRECTORIES, SMALL_DIRECTORIES, FILES_EACH, BATCH = 500, 100, 1000, 10
BAR = 0.5
# Peer, its script and arguments, and whether it gets the small set because the large one would take too long.
OTHERS = [
    ("Pool chunksize=64", "pool_dispatch.py", ["64"], False),
    ("joblib", "joblib_dispatch.py", [], False),
    ("Ray actors", "ray_actors_dispatch.py", [], True),
    ("Ray Data", "ray_data_dispatch.py", [], True),
    ("Dask", "dask_dispatch.py", [], True),
]


class Dispatch:
    def __init__(self, data: Path, work: Path):
        self.large = datasets.file_tree(data, DIRECTORIES, FILES_EACH)
        self.small = datasets.file_tree(data, SMALL_DIRECTORIES, FILES_EACH)
        self.work = work
        self.expected = {}  # digest of the rows, by input: what the plain script writes

    def peer(self, script: str, arguments: list, source: Path) -> float:
        output = fresh(self.work / "peer") / "rows.txt"
        command = [sys.executable, PEERS / script, source, output, *arguments]
        seconds = run_command(command, self.work / "peer.log").seconds
        self._check(output, source, script)
        return seconds

    def ours(self, launcher: str, source: Path) -> float:
        job = OurJob(self.work / "ours", "dispatch_entry.py", source, miniBatchSize=BATCH)
        seconds = job.run(launcher).seconds
        self._check(job.rows, source, f"parallelrun, {launcher}")
        return seconds

    def plain_script(self, source: Path) -> float:
        return self.peer("pool_dispatch.py", ["1"], source)

    def _check(self, rows: Path, source: Path, who: str) -> None:
        if source not in self.expected:
            names = (f"{path.parent.name}/{path.name}\n" for path in source.rglob("*.png"))
            listing = self.work / "expected.txt"
            listing.parent.mkdir(parents=True, exist_ok=True)
            listing.write_text("".join(names))
            self.expected[source] = rows_digest(listing)
        if rows_digest(rows) != self.expected[source]:
            raise BenchmarkFailed(f"{who}: {rows} does not hold one row for each file of {source}")


def per_second(batches: int, seconds: float) -> str:
    return f"{batches / seconds:,.0f}/s"


def measure(data: Path, work: Path, rounds: int) -> tuple[list, list]:
    dispatch = Dispatch(data, work)
    batches = DIRECTORIES * FILES_EACH // BATCH
    small_batches = SMALL_DIRECTORIES * FILES_EACH // BATCH
    dispatch.plain_script(dispatch.large)  # warms the page cache and the directory entries for both

    pairs = alternate(
        rounds,
        lambda launcher: dispatch.ours(launcher, dispatch.large),
        lambda: dispatch.plain_script(dispatch.large),
    )
    rows = []
    for launcher in LAUNCHERS:
        ratio = pairs.median_ratio(launcher)
        rows.append(
            Row(
                f"dispatch, {batches * BATCH:,} files, whole command, {launcher}",
                f"{pairs.our_median(launcher):.2f} s",
                f"{pairs.peer_median():.2f} s Pool chunksize=1",
                f"{ratio:.2f}x time",
                f"<= {BAR}x",
                ratio <= BAR,
            )
        )

    small = {
        launcher: median(dispatch.ours(launcher, dispatch.small) for _ in range(rounds))
        for launcher in LAUNCHERS
    }
    small_peer = median(dispatch.plain_script(dispatch.small) for _ in range(rounds))
    peer_rate = (batches - small_batches) / max(pairs.peer_median() - small_peer, 1e-9)
    for launcher in LAUNCHERS:
        rate = (batches - small_batches) / max(pairs.our_median(launcher) - small[launcher], 1e-9)
        rows.append(
            Row(
                f"mini-batches/s in steady state, {launcher}",
                f"{rate:,.0f}/s",
                f"{peer_rate:,.0f}/s Pool chunksize=1",
                f"{rate / peer_rate:.2f}x speed",
            )
        )

    best = LAUNCHERS[0]
    for name, script, arguments, is_slow in OTHERS:
        source, count = (dispatch.small, small_batches) if is_slow else (dispatch.large, batches)
        our_seconds = small[best] if is_slow else pairs.our_median(best)
        try:
            seconds = dispatch.peer(script, arguments, source)
        except BenchmarkFailed as error:
            print(f"  {name}: {error}", flush=True)
            rows.append(Row(f"dispatch beside {name}", "", "failed, see build/bench", ""))
            continue
        print(f"  {name}: {seconds:.2f} s", flush=True)
        rows.append(
            Row(
                f"dispatch beside {name}, {count * BATCH:,} files",
                per_second(count, our_seconds),
                per_second(count, seconds),
                f"{our_seconds / seconds:.2f}x time",
            )
        )
    return rows, [
        f"Steady state: the difference between {DIRECTORIES * FILES_EACH:,} and {SMALL_DIRECTORIES * FILES_EACH:,} files.",
        "Ray, Ray Data and Dask get the smaller set, start and stop included, one run each.",
    ]
