"""usage: polars_csv.py CSV OUTPUT BLOCK_BYTES: one process for one file, which hands DataFrames of pandas to run();
the benchmark starts two."""

import os
import sys
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # two processes on two cores
import polars  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "jobs"))
from column_entry import run  # noqa: E402


def blocks(path, size):
    """Whole lines, about `size` bytes, each with the header."""
    with open(path, "rb") as file:
        header = file.readline()
        while block := file.read(size):
            yield header + block + file.readline()


if __name__ == "__main__":
    source, output, block_bytes = sys.argv[1:]
    with open(output, "w") as out:
        for block in blocks(source, int(block_bytes)):
            out.write("".join(f"{row}\n" for row in run(polars.read_csv(block).to_pandas())))
