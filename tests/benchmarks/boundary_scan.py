"""The search for CSV record boundaries alone, on one thread, from the page cache."""

import json
import subprocess

from measurement import BenchmarkFailed
from our_jobs import PROGRAM
from report import Row

SCAN = PROGRAM.parents[1] / "tests" / "plan_bench"
# Name of the case, what it is, and the bar in GB/s.
CASES = [
    ("boundary_scan/without_quotes/10485760", "without quotes", 2.0),
    ("boundary_scan/with_quotes/10485760", "with quotes", 1.0),
]


def measure(_data, _work, pairs):
    """Rows of the table; the median of `pairs` repetitions of each case, by wall time."""
    done = subprocess.run(
        [
            SCAN,
            "--benchmark_filter=^boundary_scan/with",
            "--benchmark_format=json",
            f"--benchmark_repetitions={pairs}",
            "--benchmark_report_aggregates_only=true",
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise BenchmarkFailed(f"{SCAN} ended with {done.returncode}: {done.stderr[-500:]}")
    medians = {
        run["run_name"]: run["bytes_per_second"] / 1e9 * run["cpu_time"] / run["real_time"]
        for run in json.loads(done.stdout)["benchmarks"]
        if run.get("aggregate_name") == "median"
    }
    rows = []
    for case, what, bar in CASES:
        speed = medians[case]
        rows.append(
            Row(f"CSV boundary scan, {what}", f"{speed:.1f} GB/s", "", "", f">= {bar:g} GB/s", speed >= bar)
        )
    return rows, []
