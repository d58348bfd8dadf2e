"""The program that groups rows of Parquet files, with room for all of them and with hardly any."""

import json
import os
import random
import re
import struct
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest
from checkout import REPOSITORY

pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402

PROGRAM = REPOSITORY / "runner" / "python" / "parallelrun_worker" / "group_rows.py"


def sized(data):
    return struct.pack("<I", len(data)) + data


def group(folder, names, keys, memory):
    """The groups, each as {key texts: (rows of the table that a mini-batch reads)}, and how much memory it took."""
    told = {
        "parent": os.getpid(),
        "check": False,
        "input": "table",
        "root": os.fsencode(folder).hex() + b"/".hex(),
        "columns": keys,
        "paths": 0,
        "declared": {},
        "memory": memory,
        "token": "t",
    }
    request = sized(json.dumps(told).encode()) + struct.pack("<I", len(names))
    request += b"".join(sized(name.encode()) for name in names)
    groups = folder / "groups"
    groups.mkdir()
    used = 0
    command = [sys.executable, "-I", str(PROGRAM), str(groups / "result")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(request)
        process.stdin.close()
        while process.poll() is None:
            used = max(used, peak_of(process.pid))
            time.sleep(0.005)
        said = process.stdout.read()
    assert (json.loads(said), process.returncode) == ({}, 0)
    assert not list(groups.glob("spill-*"))
    return groups, read_result((groups / "result").read_bytes(), len(keys)), used


def peak_of(pid):
    """Bytes of memory that it has had at most; what getrusage() says begins with its parent's."""
    status = Path("/proc/%d/status" % pid).read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) << 10 if found else 0


def read_result(data, keys):
    at = 4 + keys
    assert struct.unpack_from("<I", data)[0] == keys
    (count,) = struct.unpack_from("<I", data, at)
    at += 4
    files = []
    for _ in range(count):
        (size,) = struct.unpack_from("<I", data, at)
        files.append(data[at + 4 : at + 4 + size].decode())
        at += 4 + size
    (count,) = struct.unpack_from("<Q", data, at)
    at += 8
    found = {}
    for _ in range(count):
        file, before, rows, _ = struct.unpack_from("<IQQI", data, at)
        at += 24
        texts = []
        for _ in range(keys):
            missing, size = struct.unpack_from("<BI", data, at)
            texts.append(None if missing else data[at + 5 : at + 5 + size].decode())
            at += 5 + size
        assert tuple(texts) not in found, "a key has two groups"
        found[tuple(texts)] = (files[file], before, rows)
    return found


def write(folder, tables):
    names = []
    for number, table in enumerate(tables):
        names.append("%d.parquet" % number)
        parquet.write_table(table, folder / names[-1], row_group_size=997)
    return names


@pytest.mark.parametrize(
    "memory", [96 << 20, 64 << 10, 4 << 10], ids=["in memory", "parts", "parts of parts"]
)
def test_each_row_is_in_the_group_of_its_key_once_and_in_order(tmp_path, memory):
    """One key has half of all rows, so that it alone is larger than the memory; some have one."""
    chance = random.Random(memory)
    tables, wanted, n = [], defaultdict(list), 0
    for number in range(3):
        columns = {"n": [], "k": [], "l": [], "nested": []}
        for row in range(3000):
            k = 0 if chance.random() < 0.5 else chance.randrange(400)
            letter = chance.choice(["x", None])
            for name, value in zip(columns, (n, k, letter, [{"a": n}])):
                columns[name].append(value)
            wanted[str(k), letter].append((n, number, row + 1))
            n += 1
        tables.append(pyarrow.table(columns))
    groups, found, _ = group(tmp_path, write(tmp_path, tables), ["k", "l"], memory)
    assert set(found) == set(wanted)
    read = {path.name: parquet.read_table(path) for path in groups.glob("data-*")}
    taken = 0
    for key, (name, before, rows) in found.items():
        table = read[name].slice(before, rows).to_pydict()
        assert list(zip(table["n"], table["__parallelrun_file"], table["__parallelrun_row"])) == wanted[key]
        assert table["nested"] == [[{"a": number}] for number in table["n"]]
        assert set(table["l"]) == {key[1]}
        taken += rows
    assert taken == sum(table.num_rows for table in read.values()) == n


def test_memory_is_bounded_where_the_input_is_larger(tmp_path):
    """300 MB of rows that are 20 MB in their files, half of them of one key. All at once would take 1 GB."""
    rows = 300_000
    table = pyarrow.table(
        {
            "k": [0 if number % 2 else number % 5000 for number in range(rows)],
            "text": pyarrow.array([("%03d" % (number % 1000)) * 170 for number in range(rows)]),
        }
    )
    names = write(tmp_path, [table, table])
    base = memory_of_an_import()
    groups, found, used = group(tmp_path, names, ["k"], 16 << 20)
    assert sum(rows for _, _, rows in found.values()) == 2 * rows
    assert 0 < used - base < 200 << 20


def memory_of_an_import():
    question = "import pyarrow.parquet, pyarrow.compute\nprint(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    command = [sys.executable, "-c", question]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout) << 10


def test_groups_lie_in_short_files_and_row_groups(tmp_path):
    """A mini-batch reads little more than its own rows."""
    rows = 40_000
    table = pyarrow.table(
        {"k": [n * 7919 % 500 for n in range(rows)], "text": ["%0600d" % n for n in range(rows)]}
    )
    groups, found, _ = group(tmp_path, write(tmp_path, [table]), ["k"], 96 << 20)
    files = [parquet.ParquetFile(path) for path in groups.glob("data-*")]
    assert len(files) == 2
    assert (
        max(file.metadata.row_group(i).num_rows for file in files for i in range(file.num_row_groups))
        <= 4 * rows // 500
    )
