#!/usr/bin/env python3
"""From a slice of a file to its DataFrame, beside pandas and polars reading the same bytes, in one process.

usage: slices.py FILE BYTES_PER_SLICE MEGABYTES ROUNDS
Prints JSON: {reader: [[seconds, processor seconds] of each round]}; the readers take turns at each slice.
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
            self.descriptors.append(b"\x02" + packed(os.fsencode(path)) + numbers + packed(self.header))
            self.data.append(data)
            at = end


def ours(slices: Slices):
    table = tabular.TabularInput({"name": "data", "type": "tabular"})
    table.types = table.infer_types(struct.pack("<I", 1) + packed(slices.descriptors[0]))
    return lambda number: table.read(slices.descriptors[number])[0]


def of_pandas(slices: Slices):
    return lambda number: pandas.read_csv(io.BytesIO(slices.header + slices.data[number]))


def of_polars(slices: Slices):
    import polars

    return lambda number: polars.read_csv(io.BytesIO(slices.header + slices.data[number])).to_pandas()


def main() -> None:
    path, size, megabytes, rounds = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    slices = Slices(path, size, megabytes << 20)
    readers = {"ours": ours(slices), "pandas": of_pandas(slices), "polars": of_polars(slices)}
    if len(slices.header) > 100_000:  # polars needs minutes for what is this wide
        del readers["polars"]
    frames = {name: read(0) for name, read in readers.items()}  # also warms all of them
    for name, frame in frames.items():
        pandas.testing.assert_frame_equal(frame, frames["ours"], check_exact=name == "polars", obj=name)
    frames.clear()
    measured = {name: [] for name in readers}
    for number in range(rounds):
        sums = {name: [0.0, 0.0] for name in readers}
        for index in range(len(slices.data)):
            turns = list(readers.items())
            for name, read in turns if (number + index) % 2 == 0 else reversed(turns):
                seconds, processor = time.perf_counter(), time.process_time()
                frame = read(index)
                sums[name][0] += time.perf_counter() - seconds
                sums[name][1] += time.process_time() - processor
                del frame
        for name, pair in sums.items():
            measured[name].append(pair)
    json.dump(
        {"pandas_version": pandas.__version__, "slices": len(slices.data), "rounds": measured}, sys.stdout
    )


if __name__ == "__main__":
    main()
