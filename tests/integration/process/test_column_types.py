"""Column types and values, each case under every pandas that there is (PARALLELRUN_PANDAS_PYTHONS adds some)."""

import json
import random
import struct

import pytest
from csv_files import CsvFile, infer
from worker_harness import FAILED, INPUT_INFO, RESULT

# Answers with the types and the values of the mini-batch.
SHOW = """
import json
def init(): pass
def run(mini_batch):
    types = {name: str(kind) for name, kind in mini_batch.dtypes.items()}
    gaps = mini_batch.isna()
    values = [
        [None if gap else value for value, gap in zip(mini_batch[column].tolist(), gaps[column].tolist())]
        for column in mini_batch.columns
    ]
    return [json.dumps([types, dict(zip(mini_batch.columns, values))], default=str)]
"""
TEXT = ("str", "object")  # pandas 3 and before
BIG, BIGGER = 1234567890123456789, 1234567890123456791


def rows(*values):
    return [b"v,k\n"] + [value.encode() + b",x\n" for value in values]


# name: (records, (first, last) of the sample or None for all, settings, [(first, last, types of v, values or words)])
CASES = {
    "whole numbers with a gap in the sample": (
        rows(str(BIG), "", str(BIGGER), "7", ""),
        None,
        {},
        [
            (1, 3, "Int64", [BIG, None, BIGGER]),
            (1, 1, "Int64", [BIG]),
            (2, 2, "float64", [None]),
            (4, 5, "float64", [7.0, None]),
        ],
    ),
    "whole numbers with a late gap": (
        rows("7", str(BIG), "", str(BIGGER), "5", ""),
        (1, 2),
        {},
        [(1, 2, "int64", [7, BIG]), (2, 4, "Int64", [BIG, None, BIGGER]), (5, 6, "float64", [5.0, None])],
    ),
    "declared int64 with a gap": (
        rows(str(BIG), "", "7", "8"),
        None,
        {"columns": {"v": "int64"}},
        [(1, 2, "Int64", [BIG, None]), (2, 3, "Int64", [None, 7]), (3, 4, "int64", [7, 8])],
    ),
    "a power of two that float64 holds": (
        rows(str(1 << 60), ""),
        None,
        {},
        [(1, 2, "float64", [float(1 << 60), None])],
    ),
    "2**53 and what is next to it": (
        rows(str((1 << 53) - 1), "", str((1 << 53) + 1), ""),
        (1, 2),
        {},
        [(1, 2, "float64", [2.0**53 - 1, None]), (3, 4, "Int64", [(1 << 53) + 1, None])],
    ),
    "least and largest": (
        rows(str(-(1 << 63)), "", str((1 << 63) - 1)),
        None,
        {},
        [(1, 3, "Int64", [-(1 << 63), None, (1 << 63) - 1])],
    ),
    "unsigned with a late gap": (
        rows(str((1 << 64) - 1), "3", ""),
        (1, 2),
        {},
        [(1, 3, "UInt64", [(1 << 64) - 1, 3, None]), (2, 3, "float64", [3.0, None])],
    ),
    "a fraction among large whole numbers with gaps": (
        rows("5", "", "1.5", str(BIG)),
        (1, 2),
        {},
        [(1, 3, "float64", [5.0, None, 1.5]), (3, 4, None, ["row 3, column 'v' is '1.5'", "{v: float64}"])],
    ),
    "a string is what stands in the file": (
        rows("NA", "", "null", "None", "nan", "7", "True", "007"),
        None,
        {"columns": {"v": "string"}},
        [
            (1, 8, TEXT, ["NA", None, "null", "None", "nan", "7", "True", "007"]),
            (2, 2, TEXT, [None]),
            (6, 6, TEXT, ["7"]),
            (3, 3, TEXT, ["null"]),
        ],
    ),
    "gaps of the user's own": (
        rows("1", "-", "", "NA", "x"),
        (1, 3),
        {"naValues": ["-"]},
        [(1, 3, "float64", [1.0, None, None]), (4, 4, None, ["'NA'", "{v: string}"])],
    ),
    "gaps of the user's own in a string": (
        rows("1", "-", "", "NA"),
        None,
        {"columns": {"v": "string"}, "naValues": ["-"]},
        [(1, 4, TEXT, ["1", None, None, "NA"])],
    ),
    "no text means a gap": (
        rows("NA", "", "x"),
        None,
        {"naValues": []},
        [(1, 3, TEXT, ["NA", None, "x"])],
    ),
    "a bool with a late gap": (
        rows("True", "False", "", "true", "yes"),
        (1, 2),
        {},
        [
            (1, 2, "bool", [True, False]),
            (2, 4, "object", [False, None, True]),
            (3, 3, "object", [None]),
            (4, 5, None, ["row 5, column 'v' is 'yes'", "{v: string}"]),
        ],
    ),
    "a declared bool with a gap": (
        rows("True", ""),
        None,
        {"columns": {"v": "bool"}},
        [(1, 2, None, ["row 2, column 'v' is empty", "has no gaps"])],
    ),
    "a late fraction": (
        rows("1", "2", "1.5"),
        (1, 2),
        {},
        [(2, 3, None, ["row 3", "'1.5'", "{v: float64}"])],
    ),
    "a late number beyond int64": (
        rows("1", "2", "9" * 25),
        (1, 2),
        {},
        [(2, 3, None, ["row 3", "{v: string}"])],
    ),
    "dates": (
        rows("2024-02-29", "9999-12-31", "0001-01-01", "", "2024-02-29T12:30:00.123456", "20240229"),
        None,
        {"columns": {"v": "datetime"}},
        [
            (1, 1, "datetime64[us]", ["2024-02-29 00:00:00"]),
            (
                1,
                6,
                "datetime64[us]",
                [
                    "2024-02-29 00:00:00",
                    "9999-12-31 00:00:00",
                    "0001-01-01 00:00:00",
                    None,
                    "2024-02-29 12:30:00.123456",
                    "2024-02-29 00:00:00",
                ],
            ),
            (4, 4, "datetime64[us]", [None]),
        ],
    ),
    "times with offsets": (
        rows(
            "2024-03-31T01:30:00+01:00", "2024-03-31T01:30:00Z", "", "9999-12-31 00:00:00-0500", "2024-03-31"
        ),
        (1, 2),
        {"columns": {"v": "datetime"}},
        [
            (1, 1, "datetime64[us, UTC]", ["2024-03-31 00:30:00+00:00"]),
            (
                1,
                4,
                "datetime64[us, UTC]",
                ["2024-03-31 00:30:00+00:00", "2024-03-31 01:30:00+00:00", None, "9999-12-31 05:00:00+00:00"],
            ),
            (4, 5, None, ["row 5, column 'v' is '2024-03-31'", "with an offset from UTC", "utc=True"]),
        ],
    ),
    "an offset where the sample has none": (
        rows("2024-03-31", "2024-03-31T01:30Z", "2024-13-01", "31.03.2024", "2024-03-31T00:00:00.1234567"),
        (1, 1),
        {"columns": {"v": "datetime"}},
        [
            (1, 2, None, ["row 2, column 'v' is '2024-03-31T01:30Z'", "without an offset", "utc=True"]),
            (3, 3, None, ["row 3, column 'v' is '2024-13-01'"]),
            (4, 4, None, ["row 4, column 'v' is '31.03.2024'", "format='%d.%m.%Y'"]),
            (5, 5, None, ["row 5, column 'v'", "six decimals"]),
        ],
    ),
}


@pytest.fixture
def tables(tabular_launcher, start, tmp_path):
    """tables({name: (records, settings)}, script) -> ({name: (CsvFile, input index)}, worker)"""

    def make(inputs, script=SHOW):
        entries, files = [], {}
        for index, (name, (records, settings)) in enumerate(inputs.items()):
            settings = dict(settings)
            if "naValues" in settings:
                settings["na_values"] = settings.pop("naValues")
            entries.append({"name": "table", "kind": 2, **settings})
            files[name] = CsvFile(tmp_path / ("%d.csv" % index), records), index
        worker = start(tabular_launcher, script, inputs=entries)
        worker.ready()
        return files, worker

    return make


def test_types_and_values(tables):
    files, worker = tables({name: (case[0], case[2]) for name, case in CASES.items()})
    for name, (records, sample, _, slices) in CASES.items():
        file, index = files[name]
        infer(worker, [file.slice(*(sample or (1, len(records) - 1)))], index)
        for first, last, kind, expected in slices:
            answer = worker.run(file.slice(first, last), input_index=index)
            where = (name, first, last, answer)
            if kind is None:
                assert answer.kind == FAILED, where
                for words in expected:
                    assert words in answer.error["message"], where
                continue
            assert answer.kind == RESULT, where
            types, values = json.loads(answer.rows)
            assert types["v"] in kind if isinstance(kind, tuple) else types["v"] == kind, where
            assert values["v"] == expected, where


def test_a_gap_is_told_once_for_each_way_it_comes(tables):
    cases = {name: CASES[name] for name in ("whole numbers with a late gap", "a bool with a late gap")}
    files, worker = tables({name: (case[0], case[2]) for name, case in cases.items()})
    for name, (_, sample, _, slices) in cases.items():
        infer(worker, [files[name][0].slice(*sample)], files[name][1])
        for first, last, kind, _ in slices:
            if kind is not None:
                worker.run(files[name][0].slice(first, last), input_index=files[name][1])
    told = [line.rpartition("get it as ")[2] for line in worker.stderr().splitlines()]
    assert told == [
        "Int64 (this is said only once)",
        "float64 (this is said only once)",
        "object (this is said only once)",
    ], worker.stderr()


def test_the_first_values_of_a_column_tell_its_type(tables):
    """None are in the sample: the mini-batch is not read, and says what the type is."""
    values = ["", "", "7", str(BIG), "1.5", "True", "2024-02-29", "x"]
    files, worker = tables(
        {"late": (rows(*values), {}), "declared": (rows("", "x"), {"columns": {"v": "string"}})}
    )
    file, index = files["late"]
    assert infer(worker, [file.slice(1, 2)], index) == {"types": {"v": "missing", "k": "string"}}
    assert json.loads(worker.run(file.slice(1, 2), input_index=index).rows)[0]["v"] == "float64"
    for first, last, kind in (
        (3, 3, "int64_or_missing"),
        (2, 4, "int64_or_missing"),
        (3, 5, "float64"),
        (6, 6, "bool_or_missing"),
        (7, 7, "string"),
        (1, 8, "string"),
    ):
        answer = worker.run(file.slice(first, last), input_index=index)
        assert answer.kind == FAILED and answer.error["undecided"] == {"v": kind}, answer
        where = "row %d:" % first if first == last else "rows %d to %d:" % (first, last)
        assert where in answer.error["message"]
    worker.send(INPUT_INFO, json.dumps({"input": index, "types": {"v": "string", "k": "string"}}).encode())
    assert json.loads(worker.run(file.slice(3, 4), input_index=index).rows)[1]["v"] == ["7", str(BIG)]
    file, index = files["declared"]
    infer(worker, [file.slice(1, 1)], index)
    assert json.loads(worker.run(file.slice(1, 2), input_index=index).rows)[1]["v"] == [None, "x"]


NUL_ROWS = [b"v,w\n", b"a,b\n", b'"1\n,2","x\x00y"\n', b"c,d\n", b"\x00,d\n"]


def test_a_nul_is_kept_or_refused_by_name(tables):
    files, worker = tables({"in a field": (NUL_ROWS, {}), "in the header": ([b"v,w\x00x\n", b"1,2\n"], {})})
    for name, row, column, values in (
        ("in a field", 2, "w", {"v": ["1\n,2"], "w": ["x\0y"]}),
        ("in a field", 4, "v", {"v": ["\0"], "w": ["d"]}),
        ("in the header", 1, None, {"v": [1], "w\0x": [2]}),
    ):
        file, index = files[name]
        infer(worker, [file.whole()], index)
        answer = worker.run(file.slice(row, row), input_index=index)
        if answer.kind == RESULT:
            assert json.loads(answer.rows)[1] == values
            continue
        place = "row %d, column %r" % (row, column) if column else "in its header"
        assert "%s, %s contains a NUL" % (file.path, place) in answer.error["message"], answer
    file, index = files["in a field"]
    assert json.loads(worker.run(file.slice(3, 3), input_index=index).rows)[1] == {"v": ["c"], "w": ["d"]}


# Compares each mini-batch with what the same pandas reads of the whole file, and with the texts themselves.
COMPARE = """
import decimal, io, warnings
import numpy, pandas
warnings.simplefilter("ignore")
known = {}
def reference(path):
    if path not in known:
        known[path] = (
            pandas.read_csv(path, low_memory=False, float_precision="round_trip"),
            pandas.read_csv(path, dtype=str, keep_default_na=False),
        )
    return known[path]
def init(): pass
def whole(text): return text.lstrip("+-").isdigit()
def run(mini_batch, context):
    values, texts = (x.iloc[context.rows.start - 1 : context.rows.stop - 1] for x in reference(context.file))
    wrong = []
    for name in mini_batch.columns:
        column, text = mini_batch[name], texts[name].tolist()
        got = column.tolist()
        gaps = column.isna().tolist()
        for i, (value, gap, word) in enumerate(zip(got, gaps, text)):
            if name.startswith("text") and str(column.dtype) in ("str", "object"):
                fits = gap == bool(pandas.isna(values[name].iloc[i])) and (gap or value == word)
            elif gap:
                fits = word in ("", "nan", "NA")
            elif whole(word) and "float" not in name:
                fits = int(value) == int(word)
            elif name.startswith("bool"):
                fits = str(value).lower() == word.lower()
            else:
                fits = float(value) == float(word)
            if not fits:
                wrong.append("%s row %d: %r for %r" % (name, context.rows.start + i, value, word))
        same = str(column.dtype) == str(values[name].dtype)
        if same and str(column.dtype) == "float64":
            exact = column.to_numpy().tobytes() == values[name].to_numpy().tobytes()
            if not exact: wrong.append("%s differs from read_csv" % name)
        elif not same and str(column.dtype) not in ("Int64", "int64", "bool"):
            wrong.append("%s is %s, not %s" % (name, column.dtype, values[name].dtype))
    return wrong[:5] or ["same"]
"""
KINDS = {
    "float": lambda r: repr(r.choice([r.random(), r.uniform(-1e9, 1e9), _any_float(r)])),
    "float_long": lambda r: "%.*g" % (r.randint(1, 25), r.uniform(-1e12, 1e12)),
    "float_gap": lambda r: r.choice(["", "%.18f" % r.random()]),
    "int": lambda r: str(r.randrange(-(2**63), 2**63)),
    "int_gap": lambda r: r.choice(["", str(r.randrange(-(2**63), 2**63))]),
    "int_rare_gap": lambda r: "" if r.random() < 0.01 else str(r.randrange(-(2**55), 2**55)),
    "small_gap": lambda r: r.choice(["", str(r.randrange(1000))]),
    "bool_gap": lambda r: "" if r.random() < 0.02 else r.choice(["True", "False"]),
    "text": lambda r: r.choice(["NA", "x", "", "null", "7", "1.5", "True"]),
}


def _any_float(r):
    value = struct.unpack("<d", struct.pack("<Q", r.getrandbits(64)))[0]
    return value if value == value and abs(value) != float("inf") else 0.1


@pytest.mark.parametrize("sampled", ["all of it", "its first rows"])
def test_values_are_those_of_read_csv(tables, sampled):
    inputs = {}
    for seed in range(6):
        r = random.Random(seed)
        records = [",".join(KINDS).encode() + b"\n"]
        records += [",".join(make(r) for make in KINDS.values()).encode() + b"\n" for _ in range(600)]
        inputs[seed] = (records, {})
    files, worker = tables(inputs, COMPARE)
    for seed, (file, index) in files.items():
        infer(worker, [file.whole() if sampled == "all of it" else file.slice(1, 40)], index)
        for descriptor in file.slices(random.Random(seed).choice([7, 50, 600])):
            answer = worker.run(descriptor, input_index=index)
            assert answer.kind == RESULT and answer.rows == b"same\n", (seed, answer)
