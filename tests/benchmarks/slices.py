#!/usr/bin/env python3
"""From the slices of a file to their DataFrames, with ours, pandas or polars reading the same bytes.

usage: slices.py READER FILE BYTES_PER_SLICE MEGABYTES
Prints JSON: seconds and processor seconds for all slices, and a digest of the first DataFrame.
"""

import io
import json
import os
import struct
import sys
import time
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # a worker process has a core of its own
BUILD = Path(os.environ.get("PARALLELRUN_BUILD_DIR", Path(__file__).resolve().parents[2] / "build"))
sys.path.insert(0, str(BUILD / "bin" / "python"))

import pandas  # noqa: E402
from parallelrun_worker import csv_check, csv_slice, tabular  # noqa: E402


def packed(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


class Slices:
    """A file without quotes, cut behind line ends: descriptors as the planner makes them."""

    def __init__(self, path: Path, size: int, most: int):
        self.path = path
        content = path.read_bytes()[:most]
        checker = csv_check.load()
        at = content.index(b"\n") + 1
        self.header = content[:at]
        self.data, self.descriptors = [], []
        while at + size <= len(content) or not self.data:
            end = content.find(b"\n", min(at + size, len(content) - 1)) + 1 or len(content)
            data = content[at:end]
            numbers = struct.pack(
                "<QQQQQQB",
                at,
                len(data),
                1,
                data.count(b"\n"),
                path.stat().st_size,
                checker.hash(data),
                csv_slice.BY_BYTES,
            )
            self.descriptors.append(
                b"\x02" + packed(os.fsencode(path.resolve())[1:]) + numbers + packed(self.header)
            )
            self.data.append(data)
            at = end


def ours(slices: Slices):
    table = tabular.TabularInput({"name": "data", "kind": 2, "directory": "/"})
    table.types = table.infer_types(struct.pack("<I", 1) + packed(slices.descriptors[0]))
    return lambda number: table.read(slices.descriptors[number])[0]


def of_pandas(slices: Slices):
    return lambda number: pandas.read_csv(io.BytesIO(slices.header + slices.data[number]))


def of_polars(slices: Slices):
    import polars

    return lambda number: polars.read_csv(io.BytesIO(slices.header + slices.data[number])).to_pandas()


READERS = {"ours": ours, "pandas": of_pandas, "polars": of_polars}


def main() -> None:
    reader, path, size, megabytes = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    slices = Slices(path, size, megabytes << 20)
    read = READERS[reader](slices)
    first = read(0)  # also warms it
    first.columns = range(first.shape[1])
    digest = int(pandas.util.hash_pandas_object(first, index=False).sum())
    del first
    seconds = processor = 0.0
    for index in range(len(slices.data)):
        began, used = time.perf_counter(), time.process_time()
        frame = read(index)
        seconds += time.perf_counter() - began
        processor += time.process_time() - used
        del frame
    json.dump({"seconds": seconds, "processor": processor, "digest": digest}, sys.stdout)


if __name__ == "__main__":
    main()
