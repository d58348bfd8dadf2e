"""CSV files cut into slices, as the planner hands them out."""

import ctypes
import json
import struct

from worker_harness import (
    BY_BYTES,
    BY_ENDS,
    FAILED,
    INFER_TYPES,
    INPUT_INFO,
    PACKAGE,
    RESULT,
    csv_slice,
    packed,
)

# A script that writes the DataFrames of run() to the file that it is given, one after the other.
PICKLE = """
import pickle, sys
def init(): pass
def run(mini_batch):
    with open(sys.argv[1], "ab") as out:
        pickle.dump(mini_batch, out)
    return list(range(len(mini_batch)))
"""

_HASH = ctypes.CDLL(str(PACKAGE / "libparallelrun_csv.so")).parallelrun_slice_hash
_HASH.argtypes = [ctypes.c_char_p, ctypes.c_uint64]
_HASH.restype = ctypes.c_uint64


def slice_hash(data):
    return _HASH(data, len(data))


class CsvFile:
    """A file of raw records (bytes with their line breaks); the first is the header."""

    def __init__(self, path, records, bom=b"", is_blank=None):
        self.path, self.records = path, records
        self.header_at = len(bom)
        self.is_blank = is_blank or (lambda record: not record.strip(b" \t\r\n"))
        path.write_bytes(bom + b"".join(records))

    def slice(self, first, last):
        """Records first..last, where 1 is the first after the header."""
        offset = self.header_at + sum(map(len, self.records[:first]))
        chosen = self.records[first : last + 1]
        blank = [self.is_blank(record) for record in chosen]
        items = blank.count(False)
        first += blank.index(False) if items else 0
        data = b"".join(chosen)
        return csv_slice(
            self.path, offset, len(data), first, items, self.records[0], slice_hash(data), BY_BYTES
        )

    def unsplit(self):
        """The whole file as one slice without a header, as a file comes that cannot be cut."""
        data = self.path.read_bytes()
        ends = data if len(data) <= 2 << 16 else data[: 1 << 16] + data[-(1 << 16) :]
        return csv_slice(self.path, 0, len(data), 1, 0, b"", slice_hash(ends), BY_ENDS)

    def whole(self):
        return self.slice(1, len(self.records) - 1)

    def slices(self, size):
        return [
            self.slice(first, min(first + size, len(self.records)) - 1)
            for first in range(1, len(self.records), size)
        ]


# Answers with the types and the values of the mini-batch.
SHOW = """
import json
def init(): pass
def run(mini_batch, context):
    types = {name: str(kind) for name, kind in mini_batch.dtypes.items()}
    values = mini_batch.astype(object).where(mini_batch.notna(), None).values.tolist()
    return [json.dumps([types, values, context.file, [context.rows.start, context.rows.stop]], default=str)]
"""


def shown(answer):
    """What SHOW has seen."""
    assert answer.kind == RESULT, answer
    return json.loads(answer.rows)


def said(answer):
    """Why the mini-batch could not be read."""
    assert answer.kind == FAILED, answer
    assert answer.error["phase"] == "read"
    return answer.error["message"]


def infer(worker, slices, input_index=0, task=99):
    """What the worker says of sample slices, told back to it as the orchestrator does."""
    worker.send(
        INFER_TYPES, struct.pack("<QII", task, input_index, len(slices)) + b"".join(map(packed, slices))
    )
    answer = worker.answer()
    assert answer.task == task
    if "types" in answer.json:
        worker.send(INPUT_INFO, json.dumps({"input": input_index, **answer.json}).encode())
    return {key: value for key, value in answer.json.items() if key != "columns"}
