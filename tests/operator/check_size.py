"""Memory and rest with as many objects as a large cluster has."""

import time

from listing import Listing
from program import Operator

JOBS = 10_000
PODS_OF_A_JOB = 4
MOST_BYTES = 150e6
# The lists are made up in Python, object by object.
PATIENCE = 1800


def check_memory_with_many_jobs(tmp_path):
    with Listing(JOBS, PODS_OF_A_JOB, tmp_path) as listing:
        began = time.monotonic()
        with Operator(listing.kubeconfig, "--leader-election=false", "--qps", "0") as operator:
            operator.says(r"caches are filled", patience=PATIENCE)
            listed = time.monotonic() - began
            operator.leading()
            while (
                operator.metric("workqueue_depth")
                or operator.metric("controller_runtime_reconcile_total", result="success") < JOBS
            ):
                assert time.monotonic() - began < PATIENCE
                time.sleep(0.2)
            worked = time.monotonic() - began
            assert operator.metric("parallelrun_jobs", state="Complete") == JOBS
            time.sleep(2)
            cpu = operator.metric("process_cpu_seconds_total")
            time.sleep(10)
            share = (operator.metric("process_cpu_seconds_total") - cpu) / 10
            resident = operator.resident_bytes()
            print(
                f"{JOBS} jobs and {JOBS * PODS_OF_A_JOB} pods: {resident / 1e6:.0f} MB; listed after "
                f"{listed:.1f} s, every job looked at after {worked:.1f} s; {share:.2%} of a core at rest"
            )
            assert resident < MOST_BYTES
            assert listing.writes == 0
            assert operator.stop()[0] == 0
