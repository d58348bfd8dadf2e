"""What `parallelrun ui` costs the job that it watches: the same job by turns with a page open on it, and without.

The page is its requests without a browser, as docs/ui.md has them: a browser is not the server, and may be on another
machine. One log is followed; with each news the job is read again, and every two seconds what the overview shows.
"""

import http.client
import json
import os
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

import datasets
from measurement import BenchmarkFailed, fresh, median
from our_jobs import PROGRAM, OurJob
from pairs import alternate
from report import Row

FOLDERS = 2
FILES_EACH = 1000
BAR_PER_CENT = 1
BETWEEN_READS = 1  # seconds, of the job
BETWEEN_OVERVIEWS = 2
LAUNCHER = "python"


class Watch:
    """A server over the folder where the job will be, and what a page asks of it. A context."""

    def __init__(self, folder: Path, pages: Path):
        words = [PROGRAM, "ui", folder, "--no-browser", "--pages", pages]
        self._server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        link = urllib.parse.urlsplit(self._server.stdout.readline().strip())
        self._port, self._token = link.port, link.fragment.removeprefix("token=")
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.news = 0
        self.bytes_read = 0
        self.processor_seconds = 0.0

    def __enter__(self):
        self._before = self._processor_seconds()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.processor_seconds = self._processor_seconds() - self._before
        self._end.set()
        self._server.terminate()
        self._server.wait()
        self._thread.join()

    def _processor_seconds(self) -> float:
        fields = Path(f"/proc/{self._server.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _open(self, path: str):
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        connection.request("GET", path, headers={"Authorization": f"Bearer {self._token}"})
        return connection.getresponse()

    def _read(self, path: str) -> bytes:
        answer = self._open(path)
        text = answer.read()
        self.bytes_read += len(text)
        return text

    def _watch(self) -> None:
        try:
            job = ""
            while not job and not self._end.wait(0.2):
                job = next((job["id"] for job in json.loads(self._read("/api/jobs"))["jobs"]), "")
            place = f"/api/jobs/{job}"
            log = ""
            while not log and not self._end.wait(0.2):
                files = json.loads(self._read(place + "/logs"))["files"]
                log = next((file["path"] for file in files if "process000.stdout" in file["path"]), "")
            self._follow(job, place, log)
        except (OSError, http.client.HTTPException):
            # The server ends before we do.
            if not self._end.is_set():
                raise

    def _follow(self, job: str, place: str, log: str) -> None:
        events = self._open("/api/events?" + urllib.parse.urlencode({"job": job, "path": log}))
        read, overview, offset = 0.0, 0.0, 0
        piece = {"path": log, "length": 131_072}
        for line in events:
            if self._end.is_set():
                return
            if line.startswith(b"event: log"):
                text = self._read(f"{place}/log?" + urllib.parse.urlencode({**piece, "offset": offset}))
                offset = json.loads(text)["next"]
            if not line.startswith(b"event: job"):
                continue
            self.news += 1
            now = time.monotonic()
            if now - read >= BETWEEN_READS:
                read = now
                self._read(place)
            if now - overview >= BETWEEN_OVERVIEWS:
                overview = now
                self._read(place + "/timeline")
                self._read(place + "/explain")


def measure(data: Path, work: Path, rounds: int) -> tuple[list, list]:
    source = datasets.file_tree(data, FOLDERS, FILES_EACH)
    pages = fresh(work / "pages")
    (pages / "index.html").write_text("<!doctype html>")
    shares = []

    def run(folder: str) -> tuple[float, float]:
        job = OurJob(work / folder, "busy_entry.py", source, miniBatchSize=1)
        finished = job.run(LAUNCHER)
        return finished.seconds, finished.processor_seconds

    def watched(_launcher: str) -> float:
        with Watch(fresh(work / "watched"), pages) as watch:
            seconds, processor = run("watched/job")
        if watch.news < seconds / 4:
            raise BenchmarkFailed(f"the page had {watch.news} news in {seconds:.0f} s: it did not watch")
        shares.append(100 * watch.processor_seconds / processor)
        print(
            f"  server: {watch.processor_seconds:.2f} s of a processor ({shares[-1]:.2f} %), {watch.news} news, "
            f"{watch.bytes_read / 1e6:.1f} MB read",
            flush=True,
        )
        return seconds

    run("alone/job")  # what is read first is read from the disk
    pairs = alternate(rounds, watched, lambda: run("alone/job")[0], (LAUNCHER,))
    longer = 100 * (pairs.median_ratio(LAUNCHER) - 1)
    share = median(shares)
    bar = f"< {BAR_PER_CENT} %"
    return [
        Row(
            "page: a job that is watched",
            f"{pairs.our_median(LAUNCHER):.2f} s",
            f"{pairs.peer_median():.2f} s alone",
            f"{longer:+.2f} %",
            bar,
            longer < BAR_PER_CENT,
        ),
        Row(
            "page: its server's share of the job's processor time",
            f"{share:.2f} %",
            "",
            "",
            bar,
            share < BAR_PER_CENT,
        ),
    ], []
