"""The page of `parallelrun ui` in a real browser: first paint, a long list, a long log, a job of a million mini-batches."""

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path

import datasets
from measurement import PATIENCE_SECONDS, BenchmarkFailed, fresh, median
from our_jobs import PROGRAM, ROOT, OurJob
from report import Row

PAGES = ROOT / "build" / "ui"
JOBS = 10_000
FOLDERS = 1000  # of files of the job with many mini-batches, one for each file
FILES_EACH = 1000
LOG_BYTES = 1_000_000_000
MEASURE = Path(__file__).resolve().parent / "page" / "measure.mjs"


def prepare() -> None:
    """The page, a browser and what drives it, as tests/ui/run installs them."""
    for command in (
        ["tools/setup-debian.sh", "ui-packages.txt"],
        ["tools/npm.sh", "playwright-core"],
        ["tools/ui.sh"],
    ):
        if subprocess.run(command, cwd=ROOT).returncode != 0:
            raise BenchmarkFailed(f"{command[0]} failed, see above")
    if not (ROOT / "build" / "npm" / "playwright-core" / ".complete").exists():
        raise BenchmarkFailed("there is no npm, or playwright-core could not be installed")


def bundle_bytes() -> int:
    files = [path for path in PAGES.rglob("*") if path.is_file()]
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)


def renamed(output: Path, name: str) -> None:
    state = output / ".parallelrun" / "job.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "name": name}))


def make_jobs(data: Path, work: Path) -> Path:
    """10,000 output directories: copies of the state of a job that ran, one with a log of 1 GB, one that is large."""
    root = fresh(work / "jobs")
    many = OurJob(
        root / "mini-batches",
        "first_call_entry.py",
        datasets.file_tree(data, FOLDERS, FILES_EACH),
        miniBatchSize=1,
        arguments=[str(fresh(work / "stamps"))],
    )
    many.run("embedded")
    renamed(many.output, "with-many-mini-batches")
    small = OurJob(
        root / "small",
        "first_call_entry.py",
        datasets.file_tree(data, 1, 1000),
        miniBatchSize=100,
        arguments=[str(fresh(work / "stamps"))],
    )
    small.run("embedded")
    renamed(small.output, "with-a-long-log")
    folder = small.output / "logs" / "user" / "stdout" / "127.0.0.1"
    folder.mkdir(parents=True, exist_ok=True)
    write_log(folder / "long.txt")
    for number in range(JOBS - 2):
        output = root / "many" / f"{number:05}"
        (output / "logs" / "sys").mkdir(parents=True)
        (output / ".parallelrun").mkdir()
        for part in (
            ".parallelrun/job.json",
            ".parallelrun/lock",
            ".parallelrun/result.json",
            "logs/sys/progress.json",
        ):
            shutil.copyfile(small.output / part, output / part)
        renamed(output, f"job-{number}")
    return root


def write_log(path: Path) -> None:
    """What is looked for stands in its last line."""
    lines = "".join(f"{number:06} an ordinary line of a long log {'x' * 64}\n" for number in range(10_000))
    with open(path, "w") as file:
        while file.tell() + len(lines) < LOG_BYTES:
            file.write(lines)
        file.write("here is the Needle of the log\n")


def measure(data: Path, work: Path, rounds: int) -> tuple[list, list]:
    prepare()
    root = make_jobs(data, work)
    os.sync()
    with open(work / "log", "wb") as log:
        server = subprocess.Popen(
            [PROGRAM, "ui", root, "--no-browser", "--pages", PAGES],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            link = server.stdout.readline().strip()
            done = subprocess.run(
                ["node", MEASURE, link, str(rounds), str(FOLDERS * FILES_EACH)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                timeout=PATIENCE_SECONDS,
            )
        finally:
            server.terminate()
            server.wait()
    if done.returncode != 0:
        raise BenchmarkFailed(
            f"the page was not measured; {work / 'log'} ends with:\n{(work / 'log').read_text()[-3000:]}"
        )
    return rows_of({name: median(values) for name, values in json.loads(done.stdout).items()}), []


def rows_of(figures: dict) -> list:
    size = bundle_bytes() / 1000
    searched = LOG_BYTES / 1e6 / figures["logSearch"]
    return [
        Row("page: files, gzipped", f"{size:.0f} kB", "", "", "< 150 kB", size < 150),
        Row(
            "page: first paint", f"{figures['firstPaint']:.2f} s", "", "", "< 1 s", figures["firstPaint"] < 1
        ),
        Row(
            f"page: {JOBS:,} jobs scroll",
            f"{figures['frames']:.0f} frames/s",
            f"{figures['framesAtRest']:.0f} frames/s at rest",
            f"{figures['frames'] / figures['framesAtRest']:.2f}x",
            ">= 50",
            figures["frames"] >= 50,
        ),
        Row(
            "page: a log of 1 GB opens",
            f"{figures['logOpen']:.2f} s",
            "",
            "",
            "< 1 s",
            figures["logOpen"] < 1,
        ),
        Row("page: search in it", f"{searched:.0f} MB/s", "", "", ">= 500 MB/s", searched >= 500),
        Row(
            f"page: a job of {FOLDERS * FILES_EACH:,} mini-batches opens",
            f"{figures['manyOpen']:.2f} s",
            "",
            "",
            "< 2 s",
            figures["manyOpen"] < 2,
        ),
    ]
