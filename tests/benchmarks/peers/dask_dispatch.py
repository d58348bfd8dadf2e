"""usage: dask_dispatch.py FOLDER OUTPUT: two single-threaded worker processes, results as they come."""

import sys

from dask.distributed import Client, LocalCluster, as_completed
from file_groups import groups, write_rows


def run_group(group):
    from dispatch_entry import run

    return run(group)


if __name__ == "__main__":
    folder, output = sys.argv[1:]
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            futures = client.map(run_group, groups(folder), pure=False)
            completed = as_completed(futures, with_results=True)
            write_rows((rows for _, rows in completed), output)
