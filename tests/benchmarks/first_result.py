"""The first minutes with the wheel: its installation, a job of ten files, and what the Python package adds to a call."""

import os
import venv
from pathlib import Path

from measurement import SameRows, fresh, median, run_command
from our_jobs import ENTRY_SCRIPTS, ROOT, OurJob
from report import Row

PEER = Path(__file__).resolve().parent / "peers" / "ten_files.py"
ENTRY = "ten_entry.py"
FILES = 10
# Seconds, and megabytes of the wheel.
INSTALL_BAR, TEN_FILES_BAR, CALL_BAR, IMPORT_BAR, WHEEL_BAR = 15, 0.3, 0.2, 0.1, 30
CALL = """
import sys, time
begun = time.monotonic()
import parallelrun
print(time.monotonic() - begun, flush=True)
script, source, output = sys.argv[1:]
parallelrun.run(
    script, source, output, output_format="text", process_count_per_node=2, show_output=False
)
"""


class FirstMinutes:
    """In a new virtual environment each time, as a user has it."""

    def __init__(self, wheel: Path, work: Path):
        self._wheel, self._work = wheel, work
        self._log = work / "log"
        self._source = fresh(work / "files")
        for number in range(FILES):
            (self._source / f"{number}.txt").write_text("line\n" * (number + 1))
        self._rows = SameRows()
        self._prefix = work / "venv"
        self._python = self._prefix / "bin" / "python"

    def round(self) -> dict:
        venv.create(fresh(self._prefix), with_pip=True)
        pip = [self._python, "-m", "pip", "install", "--quiet", "--no-index", self._wheel]
        installed = run_command(pip, self._log).seconds
        first = self._job()
        job = self._job()  # its programs are in memory now, as Python is
        plain = run_command([self._python, PEER, self._source, self._work / "plain.txt"], self._log).seconds
        self._rows.check("python", self._work / "plain.txt")
        called, imported = self._call()
        return {
            "install": installed + first,
            "job": job,
            "peer": plain,
            "more": job - plain,
            "import": imported,
            "call": called - job,
        }

    def _job(self) -> float:
        job = OurJob(self._work / "ours", ENTRY, self._source)
        program = self._prefix / "bin" / "parallelrun"
        seconds = job.run("python", prefix=self._prefix, program=program).seconds
        self._rows.check("ours", job.rows)
        return seconds

    def _call(self) -> tuple[float, float]:
        output = fresh(self._work / "called") / "out"
        command = [self._python, "-c", CALL, ENTRY_SCRIPTS / ENTRY, self._source, output]
        seconds = run_command(command, self._log, {**os.environ, "PARALLELRUN_RUN_INDEX": "off"}).seconds
        self._rows.check("a call", output / "parallel_run_step.txt")
        return seconds, float(self._log.read_text().split()[0])


def measure(data: Path, work: Path, rounds: int) -> tuple[list, list]:
    fresh(work)
    run_command([ROOT / "tools" / "wheel.sh"], work / "wheel.log")
    (wheel,) = (ROOT / "build" / "wheel").glob("*.whl")
    first_minutes = FirstMinutes(wheel, work)
    measured = [first_minutes.round() for _ in range(rounds)]
    took = {name: median(one[name] for one in measured) for name in measured[0]}
    print(f"  {measured}", flush=True)

    def row(benchmark: str, seconds: float, bar: float, peer: str = "") -> Row:
        return Row(benchmark, f"{seconds:.2f} s", peer, "", f"< {bar} s", seconds < bar)

    megabytes = wheel.stat().st_size / 1e6
    job = f"a job of {FILES} files"
    return [
        row(f"pip install of the wheel, and {job}", took["install"], INSTALL_BAR),
        row(f"{job}, more than python", took["more"], TEN_FILES_BAR, f"{took['peer']:.2f} s python"),
        row("import parallelrun", took["import"], IMPORT_BAR),
        row("parallelrun.run(), more than the command", took["call"], CALL_BAR, f"{took['job']:.2f} s"),
        Row("wheel", f"{megabytes:.1f} MB", "", "", f"< {WHEEL_BAR} MB", megabytes < WHEEL_BAR),
    ], []
