"""Partition keys: 2 GB of CSV, and the same rows as Parquet, 12,000 stores and brands scattered over 50 files, whole command,
beside DuckDB's COPY ... PARTITION_BY followed by one read of each part."""

import shutil
import sys
from pathlib import Path

import datasets
from measurement import BenchmarkFailed, fresh, run_command
from our_jobs import LAUNCHERS, OurJob
from pairs import alternate
from report import Row

PEER = Path(__file__).resolve().parent / "peers" / "duckdb_partition.py"
BAR = 1.5
MEMORY_BAR_MB = 500


class Partition:
    def __init__(self, source: Path, work: Path, kind: str):
        self.source, self.work, self.kind = source, work, kind
        self.expected = None
        self.peak_kb = 0

    def ours(self, launcher: str) -> float:
        job = OurJob(
            self.work / "ours",
            "partition_entry.py",
            self.source,
            kind="tabular",
            format=self.kind,
            partitionKeys=["store", "brand"],
        )
        finished = job.run(launcher, watch_memory=True)
        self.peak_kb = max(self.peak_kb, finished.peak_kb.get("orchestrator", 0))
        self._check("parallelrun", job.rows)
        return finished.seconds

    def duckdb(self) -> float:
        parts = fresh(self.work / "duckdb")
        finished = run_command([sys.executable, PEER, self.source, parts], self.work / "duckdb.log")
        self._check("DuckDB", parts / "rows.txt")
        shutil.rmtree(parts)
        return finished.seconds

    def _check(self, who: str, path: Path) -> None:
        """The same groups of the same sizes. Sums of floats depend on the order of rows, so only their sizes count."""
        groups: dict[tuple, int] = {}
        with open(path, encoding="utf-8") as file:
            for line in file:
                key = tuple(line.split(" ")[:2])
                groups[key] = groups.get(key, 0) + 1
        if self.expected is None:
            self.expected = groups
        if groups != self.expected:
            raise BenchmarkFailed(f"{who} has other groups: {len(groups)} and not {len(self.expected)}")


def measure(data: Path, work: Path, rounds: int, total_bytes: int = 2_000_000_000) -> tuple[list, list]:
    rows = _of(datasets.sales_csv(data, total_bytes=total_bytes), "csv", work, rounds)
    rows += _of(datasets.sales_parquet(data, total_bytes=total_bytes), "parquet", work, rounds)
    return rows, []


def _of(source: Path, kind: str, work: Path, rounds: int) -> list:
    megabytes = sum(path.stat().st_size for path in source.iterdir()) / 1e6
    one = Partition(source, fresh(work / kind), kind)
    pairs = alternate(rounds, one.ours, one.duckdb, LAUNCHERS[:1])
    ratio = pairs.median_ratio(LAUNCHERS[0])
    peak_mb = one.peak_kb / 1024
    name = f"partition keys, {megabytes:,.0f} MB of {kind} in 50 files, {len(one.expected):,} keys"
    return [
        Row(
            name,
            f"{pairs.our_median(LAUNCHERS[0]):.1f} s",
            f"{pairs.peer_median():.1f} s DuckDB and a read of each part",
            f"{ratio:.2f}x time",
            f"<= {BAR}x",
            ratio <= BAR,
        ),
        Row(
            f"{name}: peak of the orchestrator",
            f"{peak_mb:.0f} MB",
            "",
            "",
            f"< {MEMORY_BAR_MB} MB",
            peak_mb < MEMORY_BAR_MB,
        ),
    ]
