"""CSV, whole command: a gigabyte in two files, one column back as a list."""

import sys
from pathlib import Path

import datasets
from measurement import BenchmarkFailed, fresh, rows_digest, run_command
from our_jobs import LAUNCHERS, OurJob
from pairs import alternate
from report import Row

PEERS = Path(__file__).resolve().parent / "peers"
BAR = 0.9
BLOCK_BYTES = 10 << 20


class CsvReading:
    def __init__(self, data: Path, work: Path):
        self.source = datasets.sensor_csv(data)
        self.files = sorted(self.source.glob("*.csv"))
        self.megabytes = sum(path.stat().st_size for path in self.files) / 1e6
        self.work = work
        self.expected = None

    def bare_pandas(self) -> float:
        """Two processes at once, one for each file: no dispatch, no journal, no logs."""
        folder = fresh(self.work / "pandas")
        commands = [
            [sys.executable, PEERS / "pandas_csv.py", path, folder / f"{path.stem}.txt"]
            for path in self.files
        ]
        seconds = run_command(commands, self.work / "pandas.log").seconds
        self._check("pandas", *folder.iterdir())
        return seconds

    def peer(self, script: str, *arguments: str) -> float:
        folder = fresh(self.work / "peer")
        command = [sys.executable, PEERS / script, self.source, folder, *arguments]
        seconds = run_command(command, self.work / "peer.log").seconds
        self._check(script, *folder.iterdir())
        return seconds

    def ours(self, launcher: str, mini_batch_size: str) -> float:
        job = OurJob(
            self.work / "ours", "column_entry.py", self.source, kind="tabular", miniBatchSize=mini_batch_size
        )
        seconds = job.run(launcher).seconds
        self._check(f"parallelrun, {launcher}", job.rows)
        return seconds

    def _check(self, who: str, *files: Path) -> None:
        digest = rows_digest(*files)
        if self.expected is None:  # pandas runs first: it is what the others are held against
            self.expected = digest
        if digest != self.expected:
            raise BenchmarkFailed(f"{who}: {digest[0]} rows differ from the {self.expected[0]} of pandas")


def measure(data: Path, work: Path, rounds: int) -> tuple[list, list]:
    reading = CsvReading(data, work)
    reading.bare_pandas()  # warms the page cache for both

    rows, our_best = [], None
    for size, bar in (("10MB", BAR), ("1MB", None)):
        pairs = alternate(
            rounds, lambda launcher, size=size: reading.ours(launcher, size), reading.bare_pandas
        )
        our_best = our_best or pairs.our_median(LAUNCHERS[0])
        for launcher in LAUNCHERS:
            speed = 1 / pairs.median_ratio(launcher)
            rows.append(
                Row(
                    f"CSV, {reading.megabytes:,.0f} MB, mini-batches of {size}, {launcher}",
                    f"{pairs.our_median(launcher):.2f} s",
                    f"{pairs.peer_median():.2f} s bare pandas",
                    f"{speed:.2f}x speed",
                    f">= {bar}x" if bar else "",
                    speed >= bar if bar else None,
                )
            )
    for name, script, arguments in (
        ("Dask", "dask_csv.py", [str(BLOCK_BYTES)]),
        ("Ray Data", "ray_data_csv.py", []),
    ):
        try:
            seconds = reading.peer(script, *arguments)
        except BenchmarkFailed as error:
            print(f"  {name}: {error}", flush=True)
            rows.append(Row(f"CSV beside {name}", "", "failed, see build/bench", ""))
            continue
        print(f"  {name}: {seconds:.2f} s", flush=True)
        speed = seconds / our_best
        rows.append(
            Row(
                f"CSV beside {name}, mini-batches of 10MB",
                f"{our_best:.2f} s",
                f"{seconds:.2f} s",
                f"{speed:.2f}x speed",
                "> 1x",
                speed > 1,
            )
        )
    return rows, ["Dask reads blocks of 10 MB, Ray Data blocks as it cuts them; one run each."]
