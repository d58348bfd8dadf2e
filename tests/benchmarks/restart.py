"""How long a slot is without a process: from the death of a killed one to the next call of `run` in it."""

from pathlib import Path

from measurement import BenchmarkFailed, fresh, median
from our_jobs import LAUNCHERS, OurJob
from report import Row

KILLS = 40
BAR_MS = 100


def gaps_ms(work: Path, launcher: str) -> tuple[list, list]:
    """Milliseconds from each death to the next `init`, and to the next `run`."""
    stamps = fresh(work / "stamps")
    source = fresh(work / "input")
    for number in range(KILLS):
        (source / f"{number:03d}").touch()
    job = OurJob(
        work / "ours",
        "restart_entry.py",
        source,
        miniBatchSize=1,
        arguments=[str(stamps)],
        processCountPerNode=1,
    )
    job.run(launcher)
    events = [line.split() for line in (stamps / "events").read_text().splitlines()]
    to_init, to_run, died = [], [], None
    for stamp, name in events:
        if name == "death":
            died = float(stamp)
        elif died is not None:
            gap = (float(stamp) - died) * 1000
            (to_init if name == "init" else to_run).append(gap)
            if name == "run":
                died = None
    if len(to_run) != KILLS:
        raise BenchmarkFailed(f"{len(to_run)} restarts for {KILLS} kills, see {stamps / 'events'}")
    return to_init, to_run


def measure(data: Path, work: Path, rounds: int) -> tuple[list, list]:
    rows = []
    for launcher in LAUNCHERS:
        to_init, to_run = gaps_ms(work, launcher)
        middle, worst = median(to_run), max(to_run)
        print(
            f"  {launcher}: init {median(to_init):.0f} ms, run {middle:.0f} ms, worst {worst:.0f} ms",
            flush=True,
        )
        rows.append(
            Row(
                f"restart of a killed process, {KILLS} kills, {launcher}",
                f"{middle:.0f} ms (worst {worst:.0f} ms)",
                "",
                "",
                f"< {BAR_MS} ms",
                middle < BAR_MS,
            )
        )
    return rows, []
