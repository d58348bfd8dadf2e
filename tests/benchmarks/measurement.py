"""Running a command as a whole and saying how long it took, what memory its processes had, what it wrote."""

import os
import resource
import shutil
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_SECONDS = 3600


class BenchmarkFailed(Exception):
    """A command failed or wrote something else than it should: its figures count for nothing."""


@dataclass
class Finished:
    seconds: float
    started: float  # monotonic
    processor_seconds: float  # of all its processes
    peak_kb: dict = field(default_factory=dict)  # by role: the largest VmHWM of a process in that role


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def run_command(command, log: Path, env=None, watch_memory=False) -> Finished:
    """From start to exit. `command` is one command, or a list of them that start together."""
    commands = command if isinstance(command[0], (list, tuple)) else [command]
    os.sync()  # what an earlier measurement left to write is not this one's burden
    with open(log, "wb") as output:
        processor = _processor_seconds()
        started = time.monotonic()
        processes = [
            subprocess.Popen(
                [str(part) for part in one], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env
            )
            for one in commands
        ]
        watch = MemoryWatch(processes[0].pid) if watch_memory else None
        codes = [process.wait(PATIENCE_SECONDS) for process in processes]
        seconds = time.monotonic() - started
    if any(codes):
        tail = log.read_text(errors="replace")[-3000:]
        raise BenchmarkFailed(f"exit codes {codes} of {commands[0]}; {log} ends with:\n{tail}")
    processor = _processor_seconds() - processor
    return Finished(seconds, started, processor, watch.peaks() if watch else {})


def _processor_seconds() -> float:
    """Of all processes that were waited for so far, and of those that they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class MemoryWatch:
    """Samples VmHWM of a process and its descendants; the kernel keeps the peak between two samples."""

    INTERVAL_SECONDS = 0.2

    def __init__(self, root_pid: int):
        self._root = root_pid
        self._peaks: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def peaks(self) -> dict:
        self._stop.set()
        self._thread.join()
        return self._peaks

    def _watch(self) -> None:
        while not self._stop.wait(self.INTERVAL_SECONDS):
            for pid in self._descendants():
                role, peak = role_of(pid), peak_kb_of(pid)
                if role and peak:
                    self._peaks[role] = max(peak, self._peaks.get(role, 0))

    def _descendants(self) -> list:
        children: dict[int, list] = {}
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                try:
                    with open(f"/proc/{entry.name}/stat", "rb") as file:
                        parent = int(file.read().rpartition(b")")[2].split()[1])
                except OSError:
                    continue
                children.setdefault(parent, []).append(int(entry.name))
        found, waiting = [], [self._root]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            waiting.extend(children.get(pid, []))
        return found


def role_of(pid: int) -> str:
    """What a process of ours is: launcher, orchestrator, agent or worker process."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    if os.path.basename(arguments[0]) == b"parallelrun":
        verb = arguments[1].decode() if len(arguments) > 1 else ""
        return verb if verb in ("orchestrator", "agent") else "launcher"
    return "worker process" if any(b"parallelrun" in argument for argument in arguments) else ""


def peak_kb_of(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def rows_digest(*paths: Path) -> tuple:
    """Count and order-free digest of the lines of some files: equal for equal multisets of lines."""
    import numpy as np
    import pandas as pd

    count, total = 0, 0
    for path in paths:
        with open(path, encoding="utf-8", newline="\n") as file:
            while lines := file.readlines(64 << 20):
                hashes = pd.util.hash_array(np.array([line.rstrip("\n") for line in lines], dtype=object))
                count += len(lines)
                total += int(hashes.sum(dtype=np.uint64))
    return count, total % (1 << 64)


class SameRows:
    """Holds what each side wrote against what the first one did."""

    def __init__(self):
        self._expected = None  # (who, digest)

    def check(self, who: str, *files: Path) -> None:
        digest = rows_digest(*files)
        self._expected = self._expected or (who, digest)
        first, expected = self._expected
        if digest != expected:
            raise BenchmarkFailed(f"{who}: {digest[0]} rows differ from the {expected[0]} of {first}")


def median(values) -> float:
    return statistics.median(values)
