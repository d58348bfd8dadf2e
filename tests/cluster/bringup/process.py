"""Background processes that outlive this program, known by id *and* start time: ids are reused."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process of this boot. `started` is field 22 of /proc/PID/stat: clock ticks since boot."""

    pid: int
    started: int
    boot: str

    @staticmethod
    def of(pid: int) -> Process | None:
        """The process that has this id now; None if there is none, or only its corpse."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        fields = stat[stat.rindex(")") + 2 :].split()
        threads = int(fields[17])
        # While other threads are still ending, so are the files and ports that they hold.
        if fields[0] in ("Z", "X") and threads <= 1:
            return None
        return Process(pid, int(fields[19]), _boot_id())

    def runs(self) -> bool:
        return Process.of(self.pid) == self

    def send(self, number: signal.Signals) -> None:
        if self.runs():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self, *, patience: float) -> None:
        """SIGTERM, then after `patience` seconds SIGKILL; returns when the process is gone."""
        self.send(signal.SIGTERM)
        if not self._gone_within(patience):
            self.send(signal.SIGKILL)
            self._gone_within(10)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self._gone_within(10)

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.runs():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def start(argv: Sequence[str | Path], log: Path, *, env: Mapping[str, str] | None = None) -> Process:
    """Starts a program in a session of its own, its output appended to `log`."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=None if env is None else {**os.environ, **env},
            start_new_session=True,
        )
    # A child that has ended already is a corpse of ours: its record then names a process that does not run.
    return Process.of(child.pid) or Process(child.pid, -1, _boot_id())


def remember(process: Process, file: Path) -> None:
    staged = file.with_name(file.name + ".new")
    staged.write_text(json.dumps(asdict(process)))
    staged.rename(file)


def recall(file: Path) -> Process | None:
    """The remembered process if it still runs."""
    try:
        process = Process(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return process if process.runs() else None


def processes_naming(path: Path, programs: Collection[str]) -> list[Process]:
    """The processes of these programs with `path`, or something below it, among their arguments."""
    found = []
    for pid in _all_pids():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            if Path(words[0]).name in programs and any(
                _below(word.rpartition("=")[2], path) for word in words[1:]
            ):
                found.append(Process.of(pid))
    return [process for process in found if process is not None]


def children_of(parents: Collection[Process]) -> list[Process]:
    ids = {parent.pid for parent in parents}
    found = []
    for pid in _all_pids():
        with contextlib.suppress(OSError):
            stat = Path(f"/proc/{pid}/stat").read_text()
            if int(stat[stat.rindex(")") + 2 :].split()[1]) in ids:
                found.append(Process.of(pid))
    return [process for process in found if process is not None]


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _below(word: str, path: Path) -> bool:
    return word == str(path) or word.startswith(f"{path}/")


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
