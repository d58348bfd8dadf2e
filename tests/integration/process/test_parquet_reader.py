"""Slices of Parquet files: the rows that pandas.read_parquet gives, with one type for each column in the whole input, and
what is said when the data is wrong."""

import datetime
import decimal
import json
import random
import struct

import pytest
from csv_files import SHOW, infer, said, shown, slice_hash
from worker_harness import BY_BYTES, BY_SIZE, CHANGED, FAILED, INIT_FAILED, RESULT, csv_slice

pandas = pytest.importorskip("pandas")
pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

KIND = 4
BIG = 2**53 + 1
TEXT = ("object", "str")


class Parquet:
    def __init__(self, path, table, **options):
        self.path = path
        if isinstance(table, pandas.DataFrame):
            table.to_parquet(path, engine="pyarrow", **options)
        else:
            parquet.write_table(table, path, **options)
        self.rows = parquet.read_metadata(path).num_rows

    def slice(self, first, last, check=BY_BYTES):
        """Rows first..last, where 1 is the first."""
        data = self.path.read_bytes()
        (length,) = struct.unpack("<I", data[-8:-4])
        footer = data[-8 - length :]
        return csv_slice(
            self.path,
            len(data) - len(footer),
            len(footer),
            first,
            last - first + 1,
            b"",
            slice_hash(footer),
            check,
            KIND,
        )

    def whole(self):
        return self.slice(1, self.rows)


def unreadable(path):
    """As the planner hands out what it cannot read."""
    return csv_slice(path, path.stat().st_size, 0, 1, 1, b"", 0, BY_SIZE, KIND)


def table_of(**columns):
    return pyarrow.table(columns)


@pytest.fixture
def reader(tabular_launcher, start):
    def make(script=SHOW, **settings):
        worker = start(tabular_launcher, script, inputs=[{"name": "table", "kind": KIND, **settings}])
        worker.ready()
        return worker

    return make


def test_types_values_and_context(reader, tmp_path):
    file = Parquet(
        tmp_path / "a.parquet",
        table_of(
            id=pyarrow.array([1, 2, 3], pyarrow.int32()),
            name=["a", None, "ö,\n"],
            day=pyarrow.array([datetime.date(2024, 2, 29)] * 3),
            at=pyarrow.array([datetime.datetime(2024, 2, 29, 1)] * 3, pyarrow.timestamp("us", "UTC")),
            tags=[["p"], [], None],
            price=pyarrow.array([decimal.Decimal("1.10")] * 3, pyarrow.decimal128(10, 2)),
        ),
        row_group_size=2,
    )
    worker = reader()
    assert infer(worker, [file.whole()])["types"] == {
        "id": "int32", "name": "string", "day": "date32[day]", "at": "timestamp[us, tz=UTC]",
        "tags": "list<element: string>", "price": "decimal128(10, 2)",
    }  # fmt: skip
    types, values, path, rows = shown(worker.run(file.slice(2, 3)))
    assert types["name"] in TEXT
    assert {**types, "name": ""} == {
        "id": "int32", "name": "", "day": "object", "at": "datetime64[us, UTC]", "tags": "object", "price": "object",
    }  # fmt: skip
    at, day = "2024-02-29 01:00:00+00:00", "2024-02-29"
    assert [value[:2] for value in values] == [[2, None], [3, "ö,\n"]]
    assert [value[2:4] + value[5:] for value in values] == [[day, at, "1.10"]] * 2
    assert path == str(file.path) and rows == [2, 4]
    answer = worker.run(file.slice(1, 1))
    assert shown(answer)[1][0][0] == 1 and answer.items == 1


# type of v, its values, rows of the sample's file alone or all, [(first, last, dtype, values)]
GAPS = {
    "none": (pyarrow.int64(), [1, 2, 3], [(1, 3, "int64", [1, 2, 3]), (2, 2, "int64", [2])]),
    "in another row group": (
        pyarrow.int64(), [1, 2, None], [(1, 2, "float64", [1.0, 2.0]), (3, 3, "float64", [None])],
    ),
    "beside a number that float64 does not hold": (
        pyarrow.int64(), [BIG, 2, None], [(1, 2, "Int64", [BIG, 2]), (1, 3, "Int64", [BIG, 2, None]), (2, 3, "float64", [2.0, None])],
    ),
    "uint64": (pyarrow.uint64(), [2**64 - 1, None], [(1, 2, "UInt64", [2**64 - 1, None])]),
    "int8": (pyarrow.int8(), [1, None], [(1, 1, "float64", [1.0]), (1, 2, "float64", [1.0, None])]),
    "bool": (pyarrow.bool_(), [True, False, None], [(1, 2, "object", [True, False]), (3, 3, "object", [None])]),
    "floats": (pyarrow.float32(), [1.5, None], [(1, 2, "float32", [1.5, None])]),
    "only gaps": (pyarrow.null(), [None, None], [(1, 2, "object", [None, None])]),
}  # fmt: skip


@pytest.mark.parametrize("name", GAPS)
def test_gaps(reader, tmp_path, name):
    kind, values, cases = GAPS[name]
    file = Parquet(tmp_path / "a.parquet", table_of(v=pyarrow.array(values, kind)), row_group_size=2)
    worker = reader()
    infer(worker, [file.whole()])
    for first, last, dtype, expected in cases:
        types, found, _, _ = shown(worker.run(file.slice(first, last)))
        assert types["v"] == dtype and found == [[value] for value in expected], (first, last)


def test_a_gap_in_a_file_that_was_not_in_the_sample(reader, tmp_path):
    first = Parquet(tmp_path / "1.parquet", table_of(v=[1, 2], b=[True, False]))
    other = Parquet(tmp_path / "2.parquet", table_of(v=[3, None], b=[True, None]))
    worker = reader()
    infer(worker, [first.whole()])
    assert shown(worker.run(first.whole()))[0] == {"v": "int64", "b": "bool"}
    types, values, _, _ = shown(worker.run(other.whole()))
    assert types == {"v": "float64", "b": "object"} and values == [[3.0, True], [None, None]]
    worker.shutdown()
    assert worker.stderr().count("no value in %s, row 2" % other.path) == 2


def test_types_that_differ_between_files_become_one(reader, tmp_path):
    one = Parquet(
        tmp_path / "1.parquet", table_of(a=pyarrow.array([1], pyarrow.int32()), b=pyarrow.nulls(1), c=[1])
    )
    two = Parquet(tmp_path / "2.parquet", table_of(a=[2**40], b=["x"], c=[0.5]))
    worker = reader()
    assert infer(worker, [one.whole(), two.whole()])["types"] == {"a": "int64", "b": "string", "c": "double"}
    for file, expected in ((one, [1, None, 1.0]), (two, [2**40, "x", 0.5])):
        types, values, _, _ = shown(worker.run(file.whole()))
        assert types["a"] == "int64" and types["b"] in TEXT and types["c"] == "float64"
        assert values == [expected]
    big = Parquet(tmp_path / "3.parquet", table_of(a=[1], b=["x"], c=[BIG]))
    assert "column 'c' has the type int64" in said(worker.run(big.whole()))


def test_a_type_that_does_not_fit_is_named(reader, tmp_path):
    one = Parquet(tmp_path / "1.parquet", table_of(a=[1], l=[[1]]))
    worker = reader()
    infer(worker, [one.whole()])
    for columns, parts in (
        ({"a": ["x"], "l": [[1]]}, ["column 'a' has the type string, but the column has the type int64"]),
        ({"a": [1], "l": [["x"]]}, ["column 'l' has the type list<element: string>", "list<element: int64>"]),
        ({"a": [0.5], "l": [[1]]}, ["column 'a' has the type double"]),
    ):
        other = Parquet(tmp_path / "2.parquet", table_of(**columns))
        answer = worker.run(other.whole())
        for part in [str(other.path), "rows 1 to 1", "glob", *parts]:
            assert part in said(answer)
        assert answer.error["permanent"] and answer.items == 1


def test_only_declared_columns_are_read(reader, tmp_path):
    columns = {"z": [1, 2], "a": ["5", "6"], "b": [1.0, 2.0], "s": [{"k": 1}] * 2}
    file = Parquet(tmp_path / "a.parquet", table_of(**columns))
    worker = reader(columns={"a": "int64", "z": "string"})
    assert infer(worker, [file.whole()])["types"] == {}
    types, values, _, _ = shown(worker.run(file.whole()))
    assert list(types) == ["z", "a"] and types["a"] == "int64"
    assert values == [["1", 5], ["2", 6]]
    # A file need not have the other columns, and what is broken in them is of no interest.
    lean = Parquet(tmp_path / "b.parquet", table_of(a=[7], z=[8]))
    types, values, _, _ = shown(worker.run(lean.whole()))
    assert list(types) == ["z", "a"] and values == [["8", 7]]


DECLARED = [
    ("int64", [1, None], "Int64", [1, None]),
    ("int64", [1.0, 2.0], "int64", [1, 2]),
    ("int64", [1.5], None, ["column 'v' has the type double", "do not fit int64", "declared so"]),
    ("int64", [True], None, ["do not fit int64"]),
    ("float64", [1, 2], "float64", [1.0, 2.0]),
    ("float64", [BIG], None, ["do not fit float64"]),
    ("float64", ["x"], None, ["do not fit float64", "declare it string"]),
    ("bool", [True, False], "bool", [True, False]),
    ("bool", [0, 2], None, ["do not fit bool"]),
    ("string", [True, None], TEXT, ["true", None]),
    ("datetime", ["2024-02-29T12:30:00"], "datetime64[us]", ["2024-02-29 12:30:00"]),
    ("datetime", [datetime.date(2024, 2, 29)], "datetime64[ms]", ["2024-02-29 00:00:00"]),
    ("datetime", [5], None, ["do not fit datetime"]),
]


@pytest.mark.parametrize("declared, values, dtype, expected", DECLARED)
def test_declared_types(reader, tmp_path, declared, values, dtype, expected):
    file = Parquet(tmp_path / "a.parquet", table_of(v=values))
    worker = reader(columns={"v": declared})
    infer(worker, [file.whole()])
    answer = worker.run(file.whole())
    if dtype is None:
        for part in expected:
            assert part in said(answer)
        return
    types, found, _, _ = shown(answer)
    assert types["v"] == dtype or types["v"] in dtype
    assert found == [[value] for value in expected]


def test_other_columns_are_refused_and_another_order_is_put_right(reader, tmp_path):
    one = Parquet(tmp_path / "1.parquet", table_of(a=[1], b=[2]))
    worker = reader()
    infer(worker, [one.whole()])
    turned = Parquet(tmp_path / "2.parquet", table_of(b=[4], a=[3]))
    types, values, _, _ = shown(worker.run(turned.whole()))
    assert list(types) == ["a", "b"] and values == [[3, 4]]
    other = Parquet(tmp_path / "3.parquet", table_of(a=[1], c=[2]))
    assert (
        "%s has other columns than the first file of input table: it lacks 'b'; it also has 'c'" % other.path
        in said(worker.run(other.whole()))
    )
    twice = Parquet(tmp_path / "4.parquet", pyarrow.table([[1], [2]], names=["a", "a"]))
    assert "two columns 'a'" in said(worker.run(twice.whole()))
    worker.shutdown()
    assert "another order" in worker.stderr()


def test_files_that_are_no_parquet(reader, tmp_path):
    good = Parquet(tmp_path / "good.parquet", table_of(v=list(range(1000))))
    worker = reader()
    infer(worker, [good.whole()])
    content = good.path.read_bytes()
    for name, data, part in (
        ("cut", content[: len(content) // 2], "cannot be read as Parquet"),
        ("csv", b"a,b\n1,2\n", "it does not begin like a Parquet file"),
        ("empty", b"", "it is empty"),
        ("encrypted", b"PARE" + content[4:-4] + b"PARE", "it is encrypted"),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        answer = worker.run(unreadable(path))
        message = said(answer)
        assert part in message and str(path) in message and "glob" in message
        assert answer.error["permanent"] and answer.items == 1
    # Its footer is whole, its data is not.
    spoilt = tmp_path / "spoilt.parquet"
    spoilt.write_bytes(content[:4] + bytes(200) + content[204:])
    file = Parquet.__new__(Parquet)
    file.path, file.rows = spoilt, 1000
    assert "%s cannot be read as Parquet" % spoilt in said(worker.run(file.whole()))
    assert worker.run(good.whole()).kind == RESULT


def test_a_sample_without_a_readable_file_says_why(reader, tmp_path):
    path = tmp_path / "cut.parquet"
    path.write_bytes(b"PAR1junk")
    worker = reader()
    assert "%s cannot be read as Parquet" % path in json.dumps(infer(worker, [unreadable(path)]))
    good = Parquet(tmp_path / "good.parquet", table_of(v=[1]))
    assert infer(worker, [unreadable(path), good.whole()])["types"] == {"v": "int64"}


def test_a_missing_column_is_said_before_anything_runs(reader, tmp_path):
    file = Parquet(tmp_path / "a.parquet", table_of(a=[1], b=[2]))
    worker = reader(columns={"c": "int64"})
    message = json.dumps(infer(worker, [file.whole()]))
    assert "has no column 'c', which spec.inputs[table].columns declares; its columns are a, b" in message


def test_a_file_that_changed(reader, tmp_path):
    file = Parquet(tmp_path / "a.parquet", table_of(v=[1, 2]))
    worker = reader()
    infer(worker, [file.whole()])
    piece, changed = file.whole(), file.slice(1, 1, CHANGED)
    assert worker.run(piece).kind == RESULT
    assert "has changed since it was planned" in said(worker.run(changed))
    Parquet(file.path, table_of(v=[3, 4]))
    answer = worker.run(piece)
    assert "has changed since it was planned" in said(answer) and not answer.error.get("permanent")
    assert "could not be read when its mini-batches were planned" in said(worker.run(unreadable(file.path)))
    file.path.unlink()
    assert "cannot be read: No such file" in said(worker.run(piece))


def test_without_pyarrow(tabular_launcher, start, scripts):
    scripts.write("raise ImportError('libarrow.so: no such file')\n", "pyarrow/__init__.py")
    worker = start(tabular_launcher, SHOW, inputs=[{"name": "table", "kind": KIND}])
    answer = worker.answer()
    assert answer.kind == INIT_FAILED
    assert "format parquet needs pyarrow" in answer.json["message"]
    assert "cannot import it: libarrow.so" in answer.json["message"]
    assert "spec.environment.requirements" in answer.json["message"]


PICKLE = """
import base64, pickle
def init(): pass
def run(mini_batch):
    return [base64.b64encode(pickle.dumps(mini_batch)).decode()]
"""


def generated(dice, rows):
    def gaps(values):
        return (
            [None if dice.random() < 0.2 else value for value in values]
            if dice.random() < 0.6
            else list(values)
        )

    makers = {
        "int64": lambda: pyarrow.array(gaps(dice.randrange(-(2**52), 2**52) for _ in range(rows)), pyarrow.int64()),
        "int16": lambda: pyarrow.array(gaps(dice.randrange(-9, 9) for _ in range(rows)), pyarrow.int16()),
        "double": lambda: pyarrow.array(gaps(dice.random() for _ in range(rows)), pyarrow.float64()),
        "bool": lambda: pyarrow.array(gaps(dice.random() < 0.5 for _ in range(rows)), pyarrow.bool_()),
        "string": lambda: pyarrow.array(gaps("x" * dice.randrange(9) for _ in range(rows)), pyarrow.string()),
        "binary": lambda: pyarrow.array(gaps(bytes([i % 256]) for i in range(rows)), pyarrow.binary()),
        "time": lambda: pyarrow.array(gaps(dice.randrange(2**40) for _ in range(rows)), pyarrow.timestamp("us")),
        "zoned": lambda: pyarrow.array(gaps(dice.randrange(2**40) for _ in range(rows)), pyarrow.timestamp("ms", "Europe/Paris")),
        "date": lambda: pyarrow.array(gaps(dice.randrange(20000) for _ in range(rows)), pyarrow.date32()),
        "list": lambda: pyarrow.array(gaps([dice.randrange(9)] * dice.randrange(3) for _ in range(rows)), pyarrow.list_(pyarrow.int32())),
        "struct": lambda: pyarrow.array(gaps({"k": dice.randrange(9)} for _ in range(rows))),
        "category": lambda: pyarrow.array(gaps(dice.choice("uvw") for _ in range(rows)), pyarrow.string()).dictionary_encode(),
    }  # fmt: skip
    names = dice.sample(sorted(makers), dice.randrange(1, len(makers)))
    return pyarrow.table({name: makers[name]() for name in names})


@pytest.mark.parametrize("seed", range(12))
def test_like_pandas_read_parquet(reader, tmp_path, seed):
    """All slices of a file, joined, are what pandas reads; any slice has the same types."""
    import base64
    import pickle

    dice = random.Random(seed)
    rows = dice.choice([1, 7, 500])
    made = generated(dice, rows)
    frame_like = dice.random() < 0.4
    if frame_like:
        made = made.to_pandas()
        if dice.random() < 0.5:
            made.index = pandas.Index(range(100, 100 + rows), name=dice.choice([None, "key"]))
    options = {"row_group_size": dice.choice([1, 3, 100, 1000])}
    if dice.random() < 0.3:
        options["data_page_size"] = 64
    file = Parquet(tmp_path / "a.parquet", made, **options)
    worker = reader(PICKLE)
    infer(worker, [file.whole()])
    expected = pandas.read_parquet(file.path)
    slices = []
    at = 1
    while at <= rows:
        end = min(rows, at + dice.choice([0, 1, 10, 200]))
        slices.append((at, end))
        at = end + 1
    frames = {}
    for first, last in sorted(slices, key=lambda _: dice.random()) if dice.random() < 0.5 else slices:
        answer = worker.run(file.slice(first, last))
        assert answer.kind == RESULT, answer.error
        frames[first] = pickle.loads(base64.b64decode(answer.rows))
    for (first, last), frame in ((piece, frames[piece[0]]) for piece in slices):
        part = expected.iloc[first - 1 : last]
        for name in part.columns:
            if isinstance(part[name].dtype, pandas.CategoricalDtype):
                assert isinstance(frame[name].dtype, pandas.CategoricalDtype)
                part, frame = (
                    part.assign(**{name: part[name].astype(object)}),
                    frame.assign(**{name: frame[name].astype(object)}),
                )
        if isinstance(expected.index, pandas.RangeIndex):
            part = part.reset_index(drop=True)
        pandas.testing.assert_frame_equal(frame, part, check_index_type=False)


def test_parts_of_a_row_group_in_any_order(reader, tmp_path):
    file = Parquet(tmp_path / "a.parquet", table_of(v=list(range(1000)), s=["x%d" % i for i in range(1000)]))
    worker = reader()
    infer(worker, [file.whole()])
    pieces = [(first, min(first + 36, 1000)) for first in range(1, 1001, 37)]
    dice = random.Random(1)
    for order in (pieces, pieces[::2], pieces[::-1], dice.sample(pieces, len(pieces))):
        for first, last in order:
            _, values, _, rows = shown(worker.run(file.slice(first, last)))
            assert values == [[i, "x%d" % i] for i in range(first - 1, last)] and rows == [first, last + 1]
    broken = worker.run(file.slice(990, 1001))
    assert broken.kind == FAILED and "after the end" in said(broken)
