"""A million mini-batches: how soon the first `run` is called, and what memory the orchestrator takes."""

from pathlib import Path

import datasets
from measurement import BenchmarkFailed, fresh, median
from our_jobs import LAUNCHERS, OurJob
from report import Row

FILES_EACH = 1000
FIRST_CALL_BAR_SECONDS = 1.0
MEMORY_BAR_MB = 150


def run_once(source: Path, work: Path, launcher: str, directories: int) -> tuple[float, dict, float]:
    """Seconds to the first call, peak memory in MB by role, seconds of the whole command."""
    stamps = fresh(work / "stamps")
    job = OurJob(
        work / "ours",
        "first_call_entry.py",
        source,
        miniBatchSize=1,
        arguments=[str(stamps)],
        outputAction="append_row",
    )
    finished = job.run(launcher, watch_memory=True)
    with open(job.rows, "rb") as file:
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    if lines != directories * FILES_EACH:
        raise BenchmarkFailed(f"{job.rows} has {lines:,} rows for {directories * FILES_EACH:,} files")
    first_call = float((stamps / "first-call").read_text()) - finished.started
    return first_call, {role: kb / 1000 for role, kb in finished.peak_kb.items()}, finished.seconds


def rows_for(source: Path, work: Path, rounds: int, directories: int, launchers) -> list:
    rows = []
    count = f"{directories * FILES_EACH:,} mini-batches"
    for launcher in launchers:
        results = [run_once(source, work, launcher, directories) for _ in range(rounds)]
        first = median(result[0] for result in results)
        peaks = {
            role: max(result[1].get(role, 0) for result in results)
            for role in ("orchestrator", "agent", "worker process")
        }
        seconds = median(result[2] for result in results)
        print(
            f"  {count}, {launcher}: first call {first:.2f} s, peaks {peaks}, whole {seconds:.1f} s",
            flush=True,
        )
        rows += [
            Row(
                f"{count}: time to the first run call, {launcher}",
                f"{first:.2f} s",
                "",
                "",
                f"<= {FIRST_CALL_BAR_SECONDS:.0f} s",
                first <= FIRST_CALL_BAR_SECONDS,
            ),
            Row(
                f"{count}: orchestrator's peak memory, {launcher}",
                f"{peaks['orchestrator']:.0f} MB",
                "",
                "",
                f"< {MEMORY_BAR_MB} MB",
                0 < peaks["orchestrator"] < MEMORY_BAR_MB,
            ),
            Row(
                f"{count}: whole command, {launcher}",
                f"{seconds:.1f} s (agent {peaks['agent']:.0f} MB, process {peaks['worker process']:.0f} MB)",
                "",
                "",
            ),
        ]
    return rows


def measure(data: Path, work: Path, rounds: int) -> tuple[list, list]:
    source = datasets.file_tree(data, 1000, FILES_EACH)
    sum(1 for _ in source.rglob("*"))  # a warm cache
    return rows_for(source, work, rounds, 1000, LAUNCHERS), []


def measure_ten_million(data: Path, work: Path, rounds: int) -> tuple[list, list]:
    """The same with ten million: takes long, so it runs only when it is named."""
    source = datasets.linked_tree(data, 10_000, FILES_EACH)
    sum(1 for _ in source.rglob("*"))
    return rows_for(source, work, 1, 10_000, LAUNCHERS[:1]), []
