"""JSON lines and Parquet, whole command, beside two bare processes that read with pandas and call the same function."""

import sys
from pathlib import Path

import datasets
from measurement import SameRows, fresh, run_command
from our_jobs import LAUNCHERS, OurJob
from pairs import alternate
from report import speed_row

PEER = Path(__file__).resolve().parent / "peers" / "pandas_table.py"
BARS = {"jsonl": 2.0, "parquet": 0.95}


class Tables:
    def __init__(self, source: Path, work: Path, kind: str):
        self.source, self.work, self.kind = source, work, kind
        self.rows = SameRows()

    def ours(self, launcher: str) -> float:
        work = self.work / "ours"
        job = OurJob(work, "column_entry.py", self.source, "tabular", self.kind, miniBatchSize="10MB")
        return self._checked("parallelrun", job.run(launcher), job.rows)

    def pandas(self) -> float:
        folder = fresh(self.work / "pandas")
        files = sorted(self.source.iterdir())
        commands = [[sys.executable, PEER, path, folder / f"{path.stem}.txt"] for path in files]
        return self._checked("pandas", run_command(commands, self.work / "pandas.log"), *folder.iterdir())

    def _checked(self, who: str, finished, *files: Path) -> float:
        self.rows.check(who, *files)
        return finished.seconds


def measure(data: Path, work: Path, rounds: int, total_bytes: int = 1_000_000_000) -> tuple[list, list]:
    rows = []
    for kind, bar in BARS.items():
        source = datasets.sensor_tables(data, kind, total_bytes)
        one = Tables(source, fresh(work / kind), kind)
        one.pandas()  # warms the page cache for both
        pairs = alternate(rounds, one.ours, one.pandas)
        megabytes = sum(path.stat().st_size for path in source.iterdir()) / 1e6
        for launcher in LAUNCHERS:
            rows.append(
                speed_row(
                    f"{kind}, {megabytes:,.0f} MB, mini-batches of 10MB, {launcher}",
                    f"{pairs.our_median(launcher):.2f} s",
                    f"{pairs.peer_median():.2f} s bare pandas",
                    1 / pairs.median_ratio(launcher),
                    bar,
                )
            )
    return rows, []
