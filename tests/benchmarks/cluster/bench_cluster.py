#!/usr/bin/env python3
"""The operator beside the cluster's own Job controller, on API servers whose nodes and pods kwok plays.

usage: bench_cluster.py [--quick] [--only NAME]... [--pairs N] [--jobs N] ...

Run by `make bench-cluster`; needs nothing but the standard library. docs/performance-cluster.md explains the figures.
"""

import argparse
import os
import signal
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.append(str(Path(__file__).resolve().parents[1]))  # report.py of the other benchmarks

import latency  # noqa: E402
import scale  # noqa: E402
import throughput  # noqa: E402
from arena import ROOT  # noqa: E402
from contenders import OPERATOR_PROGRAM, REQUESTS_PER_SECOND, JobController, Operator  # noqa: E402
from figures import percentile  # noqa: E402
from report import Row, as_markdown  # noqa: E402

_WORK = ROOT / "build" / "bench-cluster"


@dataclass
class Sizes:
    jobs: int
    namespaces: int
    single_jobs: int  # one after the other
    lasting_jobs: int
    rest_seconds: float
    pairs: int


FULL = Sizes(jobs=2000, namespaces=50, single_jobs=200, lasting_jobs=10_000, rest_seconds=60, pairs=3)
QUICK = Sizes(jobs=100, namespaces=10, single_jobs=20, lasting_jobs=200, rest_seconds=15, pairs=1)


def load() -> str:
    return "load average " + " ".join(f"{value:.1f}" for value in os.getloadavg())


def in_turns(contenders: list, pairs: int, measure) -> dict:
    """Results by contender; every second pair begins with the other one."""
    results: dict = {contender.name: [] for contender in contenders}
    for number in range(pairs):
        for contender in contenders if number % 2 == 0 else reversed(contenders):
            before = load()
            result = measure(contender, _WORK / contender.user)
            results[contender.name].append(result)
            print(f"  pair {number + 1}, {contender.name} ({before}): {result.describe()}", flush=True)
    return results


def measure_throughput(contenders: list, sizes: Sizes) -> list:
    print(f"== throughput: {sizes.jobs} jobs of 4 pods in {sizes.namespaces} namespaces", flush=True)
    results = in_turns(
        contenders, sizes.pairs, lambda who, folder: throughput.run(who, folder, sizes.jobs, sizes.namespaces)
    )

    def row(what: str, value, form: str, better: str, bar: float | None = None) -> Row:
        values = {name: [value(one) for one in runs] for name, runs in results.items()}
        return compared(f"{sizes.jobs:,} jobs: {what}", values, form, better, bar)

    return [
        row("pods created per second", lambda one: one.pods_rate, "{:.0f}/s", "speed", 2.0),
        row("jobs Complete per second", lambda one: one.jobs_rate, "{:.1f}/s", "speed", 2.0),
        row("writes for each job", lambda one: one.writes.total() / one.jobs, "{:.1f}", "writes"),
        row("its CPU for each job", lambda one: cpu_ms(one, None), "{:.1f} ms", "CPU"),
        row(
            "the API server's CPU for each job", lambda one: cpu_ms(one, "kube-apiserver"), "{:.1f} ms", "CPU"
        ),
        row("reconcile p99", lambda one: one.reconcile_p99 * 1000, "{:.1f} ms", "time"),
    ]


def cpu_ms(outcome: throughput.Outcome, program: str | None) -> float:
    """Of one program, or of the contender itself."""
    names = {JobController.name, Operator.name}
    cpu = outcome.spent.cpu
    return (
        1000
        * sum(cpu[name] for name in cpu if name == program or (program is None and name in names))
        / outcome.jobs
    )


def measure_latency(contenders: list, sizes: Sizes) -> list:
    print(f"== latency: {sizes.single_jobs} jobs one after the other", flush=True)
    results = in_turns(contenders, 1, lambda who, folder: latency.run(who, folder, sizes.single_jobs))

    def row(what: str, value, bar_ms: float | None = None) -> Row:
        values = {name: [1000 * value(one) for one in runs] for name, runs in results.items()}
        made = compared(what, values, "{:.1f} ms", "time")
        if bar_ms is not None and Operator.name in values:
            made.bar = f"< {bar_ms:.0f} ms"
            made.met = statistics.median(values[Operator.name]) < bar_ms
        return made

    return [
        row("first pod after the answer, p50", lambda one: percentile(one.seconds, 0.5)),
        row("first pod after the answer, p99", lambda one: percentile(one.seconds, 0.99), 100),
        row("the benchmark's own pod after the answer, p50", lambda one: percentile(one.own_pods, 0.5)),
        row("the benchmark's own pod after the answer, p99", lambda one: percentile(one.own_pods, 0.99)),
        row("reconcile on an idle cluster, p99", lambda one: one.reconcile_p99, 20),
    ]


def measure_scale(contenders: list, sizes: Sizes) -> list:
    ours = [contender for contender in contenders if contender.name == Operator.name]
    if not ours:
        return []
    print(f"== scale: {sizes.lasting_jobs} jobs that run on", flush=True)
    before = load()
    at = scale.run(ours[0], _WORK / "scale", sizes.lasting_jobs, sizes.rest_seconds)
    print(f"  ({before}): {at.describe()}", flush=True)
    size = f"{at.jobs:,} jobs, {at.pods:,} pods"
    peak = max(at.peak_mb, at.restarted_peak_mb)
    return [
        Row(f"{size}: memory, peak", f"{peak:.0f} MB", "", "", "< 150 MB", peak < 150),
        Row(f"{size}: memory at rest", f"{at.resident_mb:.0f} MB", "", ""),
        Row(
            f"{size}: writes at rest but for the Lease, {at.rest_seconds:.0f} s",
            str(at.rest_writes.total()),
            "",
            "",
            "0",
            at.rest_writes.total() == 0,
        ),
        Row(
            f"{size}: CPU at rest",
            f"{at.rest_cpu_share * 100:.2f} % of a core",
            "",
            "",
            "< 1 %",
            at.rest_cpu_share < 0.01,
        ),
        Row(f"{size}: restart to readyz", f"{at.ready_after:.2f} s", "", ""),
        Row(f"{size}: restart to the pod of a job scaled meanwhile", f"{at.scaled_after:.2f} s", "", ""),
        Row(
            f"{size}: restart to the successor of a pod deleted meanwhile",
            f"{at.replaced_after:.2f} s",
            "",
            "",
        ),
    ]


def compared(what: str, values: dict, form: str, unit: str, bar: float | None = None) -> Row:
    """The peer is the Job controller. Medians, and the median over the pairs of ours / the Job controller's."""

    def cell(name: str) -> str:
        return form.format(statistics.median(values[name])) if name in values else ""

    row = Row(what, cell(Operator.name), cell(JobController.name), "")
    if Operator.name in values and JobController.name in values:
        ratio = statistics.median(o / p for o, p in zip(values[Operator.name], values[JobController.name]))
        row.ratio = f"{ratio:.2f}x {unit}"
        if bar is not None:
            row.bar, row.met = f">= {bar:.0f}x", ratio >= bar
    return row


BENCHMARKS = {"throughput": measure_throughput, "latency": measure_latency, "scale": measure_scale}
CONTENDERS = {"operator": Operator, "job-controller": JobController}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, about two minutes: for development"
    )
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="repeat for more than one")
    parser.add_argument("--contender", action="append", choices=CONTENDERS, help="leave the other one out")
    parser.add_argument("--pairs", type=int, help=f"rounds of throughput (default {FULL.pairs})")
    parser.add_argument("--jobs", type=int, help=f"jobs of throughput (default {FULL.jobs:,})")
    parser.add_argument("--lasting-jobs", type=int, help=f"jobs of scale (default {FULL.lasting_jobs:,})")
    parser.add_argument(
        "--requests-per-second",
        type=int,
        default=REQUESTS_PER_SECOND,
        help=f"limit of both clients (default {REQUESTS_PER_SECOND:,}); a low one compares what each asks of an "
        "API server that is no bottleneck",
    )
    options = parser.parse_args()
    sizes = QUICK if options.quick else FULL
    sizes.pairs = options.pairs or sizes.pairs
    sizes.jobs = options.jobs or sizes.jobs
    sizes.lasting_jobs = options.lasting_jobs or sizes.lasting_jobs
    limit = options.requests_per_second
    contenders = [CONTENDERS[name](requests_per_second=limit) for name in options.contender or CONTENDERS]
    if any(isinstance(one, Operator) for one in contenders) and not OPERATOR_PROGRAM.exists():
        parser.error(f"{OPERATOR_PROGRAM} is missing; run 'make build' first")
    # Ended from outside it still brings down what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    rows = []
    for name in options.only or BENCHMARKS:
        rows += BENCHMARKS[name](contenders, sizes)
    table = as_markdown(rows)
    _WORK.mkdir(parents=True, exist_ok=True)
    (_WORK / "report.md").write_text("# Benchmarks on a cluster\n\n" + table)
    print(f"\n{table}\nwritten to {_WORK / 'report.md'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
