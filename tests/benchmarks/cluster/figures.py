"""What /proc and Prometheus texts say: CPU, memory, load by others, quantiles of a histogram."""

import os
import re
import ssl
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, threads included; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mb(pid: int) -> tuple:
    """(resident, peak) in MB of a million bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    values = {
        line.partition(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "VmHWM"))
    }
    return int(values["VmRSS"]) * 1024 / 1e6, int(values["VmHWM"]) * 1024 / 1e6


def machine_busy_seconds() -> float:
    """CPU seconds that all processes of this machine have used."""
    user, nice, system, _idle, _wait, irq, softirq, *_ = (
        int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / _TICKS


class Ledger:
    """CPU that each of some processes uses from now on, and what everything else on the machine takes."""

    def __init__(self, pids: dict):
        self._pids = {**pids, "benchmark": os.getpid()}
        self._begin = {name: cpu_seconds(pid) for name, pid in self._pids.items()}
        self._busy, self._started = machine_busy_seconds(), time.monotonic()

    def add(self, name: str, pid: int) -> None:
        self._pids[name], self._begin[name] = pid, 0.0

    def close(self) -> "Spent":
        by_name = {name: cpu_seconds(pid) - self._begin[name] for name, pid in self._pids.items()}
        wall = time.monotonic() - self._started
        others = machine_busy_seconds() - self._busy - sum(by_name.values())
        return Spent(by_name, wall, max(0.0, others) / wall)


@dataclass
class Spent:
    cpu: dict  # seconds by process
    wall: float
    others: float  # cores taken by processes that are no part of the benchmark


def scrape(url: str) -> str:
    """A Prometheus page of a process on this machine, whose certificate nobody signed."""
    handlers = [urllib.request.ProxyHandler({})]
    if url.startswith("https:"):
        handlers.append(urllib.request.HTTPSHandler(context=ssl._create_unverified_context()))
    with urllib.request.build_opener(*handlers).open(url, timeout=30) as answer:
        return answer.read().decode()


def histogram(text: str, name: str) -> dict:
    """Upper bound -> cumulative count, summed over all labels."""
    found: dict = {}
    for labels, value in re.findall(rf"^{re.escape(name)}_bucket{{(.*)}} (\S+)$", text, re.MULTILINE):
        bound = float(re.search(r'le="([^"]+)"', labels).group(1))
        found[bound] = found.get(bound, 0.0) + float(value)
    return dict(sorted(found.items()))


def difference(after: dict, before: dict) -> dict:
    return {bound: count - before.get(bound, 0.0) for bound, count in after.items()}


def quantile(buckets: dict, share: float) -> float:
    """As Prometheus's histogram_quantile: linear within the bucket."""
    total = max(buckets.values(), default=0.0)
    lower_bound, lower_count = 0.0, 0.0
    for bound, count in buckets.items():
        if count >= share * total and count > 0:
            if bound == float("inf"):
                return lower_bound
            inside = (share * total - lower_count) / max(count - lower_count, 1e-9)
            return lower_bound + (bound - lower_bound) * inside
        lower_bound, lower_count = bound, count
    return float("nan")


def percentile(values: list, share: float) -> float:
    """The smallest value that is at least as large as `share` of them."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, int(share * len(ordered) + 0.999999) - 1))]
