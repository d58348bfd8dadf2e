"""Whether the memory of the page and of its server stays flat while a job is at work.

usage: page_memory.py [MINUTES]     (default: 60; with the virtual environment of `make bench`)

A job of one machine writes a line for each of its mini-batches, some 20 in a second. Chromium has its list, its overview
and one of its logs open. Each ten seconds the server's resident memory is read, and the JavaScript heap of each page after
its garbage is collected. What is printed compares the second quarter of the time with the last one. A log that is
followed fills its window first (12 pieces of 128 kB): whether it is flat then, the third quarter shows.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean

import datasets
from measurement import fresh
from our_jobs import PROGRAM, ROOT, OurJob
from page_speed import PAGES, prepare

EVERY = 10  # seconds
A_SECOND = 25  # mini-batches, at most
MEASURE = Path(__file__).resolve().parent / "page" / "memory.mjs"
PARTS = {
    "server": "server, resident",
    "list": "page: list",
    "overview": "page: overview",
    "log": "page: a log that is followed",
}


def main(minutes: float) -> int:
    work = ROOT / "build" / "bench" / "page-memory"
    prepare()
    files = max(2, round(minutes * 60 * A_SECOND / 1000) + 1)
    data = datasets.file_tree(ROOT / "build" / "bench-data", files, 1000)
    job = OurJob(fresh(work) / "job", "steady_entry.py", data, miniBatchSize=1)
    running = job.start("python")
    server = None
    try:
        log = job.output / "logs" / "user" / "stdout"
        while not any(log.rglob("*.txt")):
            if running.poll() is not None:
                sys.exit(f"the job has ended: {(job.folder / 'log').read_text()}")
            time.sleep(0.1)
        server = subprocess.Popen(
            [PROGRAM, "ui", job.output, "--no-browser", "--pages", PAGES],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        link = server.stdout.readline().strip()
        samples = list(sampled(server.pid, link, minutes * 60))
        at_work = running.poll() is None
    finally:
        for process in (running, server):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait()
    print(table(samples, minutes, sum(line_counts(log))))
    if not at_work:
        sys.exit("the job ended before the time was over: it was not measured for so long")
    return 0


def sampled(server: int, link: str, seconds: float):
    words = ["node", MEASURE, link, str(seconds), str(EVERY)]
    with subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True) as browser:
        for line in browser.stdout:
            yield {**json.loads(line), "server": resident_bytes(server)}
    if browser.returncode != 0:
        sys.exit("the browser ended with an error, see above")


def resident_bytes(process: int) -> int:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def line_counts(logs: Path):
    for path in logs.rglob("*.txt"):
        yield path.read_text().count("an ordinary line")


def table(samples: list, minutes: float, mini_batches: int) -> str:
    quarter = len(samples) // 4
    lines = [
        f"{minutes:g} minutes, {len(samples)} samples, {mini_batches:,} mini-batches meanwhile",
        "",
        "| memory | first sample | second quarter | third quarter | last quarter | highest | change |",
        "|---|---|---|---|---|---|---|",
    ]
    for part, words in PARTS.items():
        values = [sample[part] / 1e6 for sample in samples]
        before, then, after = (
            mean(values[begin : begin + quarter] or values)
            for begin in (quarter, 2 * quarter, len(values) - quarter)
        )
        lines.append(
            f"| {words} | {values[0]:.1f} MB | {before:.1f} MB | {then:.1f} MB | {after:.1f} MB | {max(values):.1f} MB | "
            f"{after - before:+.2f} MB, {100 * (after / before - 1):+.1f} % |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60))
