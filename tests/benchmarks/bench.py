#!/usr/bin/env python3
"""Speed and memory beside what a user would take instead, on this machine, in one run.

usage: bench.py [--only NAME]... [--pairs N]

Run by `make bench` in the virtual environment of requirements.txt, which ours and peers share.
"""

import argparse
import sys
from pathlib import Path

import boundary_scan
import csv_reading
import dispatch
import first_call
import first_result
import objects
import page_speed
import page_watch
import partition
import report
import restart
import reuse
import store_output
import tables
from measurement import BenchmarkFailed
from our_jobs import PROGRAM

BUILD = Path(__file__).resolve().parents[2] / "build"
BENCHMARKS = {
    "dispatch": dispatch.measure,
    "csv": csv_reading.measure,
    "scan": boundary_scan.measure,
    "tables": tables.measure,
    "first-call": first_call.measure,
    "first-result": first_result.measure,
    "partition": partition.measure,
    "objects": objects.measure,
    "store-output": store_output.measure,
    "reuse": reuse.measure,
    "restart": restart.measure,
    "page": page_speed.measure,
    "page-watch": page_watch.measure,
}
LONG_BENCHMARKS = {"ten-million": first_call.measure_ten_million}


def main() -> int:
    names = [*BENCHMARKS, *LONG_BENCHMARKS]
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", action="append", choices=names, help="repeat for more than one")
    parser.add_argument("--pairs", type=int, default=3, help="rounds of ours and peer (default 3)")
    options = parser.parse_args()
    if options.pairs < 1:
        parser.error("--pairs: at least 1")
    if not PROGRAM.exists():
        parser.error(f"{PROGRAM} is missing; run 'make build' first")

    rows, notes, failed = [], [], False
    for name in options.only or BENCHMARKS:
        print(f"== {name}", flush=True)
        try:
            more_rows, more_notes = {**BENCHMARKS, **LONG_BENCHMARKS}[name](
                BUILD / "bench-data", BUILD / "bench" / name, options.pairs
            )
        except BenchmarkFailed as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            rows.append(report.Row(name, "failed", "", "", "", False))
            failed = True
            continue
        rows += more_rows
        notes += more_notes
    report.write(rows, notes, BUILD / "bench" / "report.md")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
