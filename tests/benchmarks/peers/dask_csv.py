"""usage: dask_csv.py FOLDER OUTPUT_FOLDER BLOCK_BYTES: dask.dataframe on two worker processes."""

import os
import sys
from pathlib import Path

import dask
import dask.dataframe
from dask.distributed import Client, LocalCluster

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "jobs"))


@dask.delayed
def write_part(frame, path):
    from column_entry import run

    with open(path, "w") as out:
        out.write("".join(f"{row}\n" for row in run(frame)))


if __name__ == "__main__":
    folder, output, block_bytes = sys.argv[1:]
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        frame = dask.dataframe.read_csv(f"{folder}/*.csv", blocksize=int(block_bytes))
        parts = [
            write_part(part, os.path.join(output, f"part-{number}"))
            for number, part in enumerate(frame.to_delayed())
        ]
        dask.compute(parts)
