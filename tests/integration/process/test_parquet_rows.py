"""output.format: parquet. What the worker makes of a result; the file is composed of it in test_parquet_output.py."""

import io
import json
import struct
import subprocess

import pytest
from csv_files import CsvFile, infer
from returned_rows import assert_refused, returning
from worker_harness import INIT_FAILED, READY, RESULT

pandas = pytest.importorskip("pandas")
pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

IMPORTS = """import collections, datetime, decimal, math
from array import array
import numpy as np, pandas as pd, pyarrow as pa
Point = collections.namedtuple("Point", "x y")
"""


@pytest.fixture
def returned(start):
    return returning(start, IMPORTS, "parquet")


def parts(answer):
    """(head, Arrow's schema, the Parquet file)"""
    assert answer.kind == RESULT, answer
    data, found = answer.rows, []
    for _ in range(2):
        (size,) = struct.unpack_from("<I", data)
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return json.loads(found[0]), pyarrow.ipc.read_schema(pyarrow.py_buffer(found[1])), data


def table_of(answer):
    head, schema, data = parts(answer)
    file = parquet.ParquetFile(io.BytesIO(data))
    assert file.num_row_groups == 1
    for place in range(file.metadata.num_columns):
        chunk = file.metadata.row_group(0).column(place)
        assert not chunk.has_dictionary_page and chunk.compression == "SNAPPY"
    assert [column[0] for column in head["columns"]] == schema.names == file.schema_arrow.names
    assert [column[1] for column in head["columns"]] == [str(field.type) for field in schema]
    return file.read().cast(schema)


RESULTS = [
    ("[1, 2.5, None]", {"value": [1.0, 2.5, None]}),
    ("['a', 'b\\n']", {"value": ["a", "b\n"]}),
    ("[True, None]", {"value": [True, None]}),
    ("[b'x']", {"value": [b"x"]}),
    ("[[1, 2], [], None]", {"value": [[1, 2], [], None]}),
    ("[np.arange(3), np.arange(0)]", {"value": [[0, 1, 2], []]}),
    ("[{'a': 1, 'b': {'c': ['x']}}, {'b': None, 'a': None}]", {"a": [1, None], "b": [{"c": ["x"]}, None]}),
    ("[Point(1, 'p'), Point(2, None)]", {"x": [1, 2], "y": ["p", None]}),
    ("np.array([1.5, np.nan])", {"value": [1.5, None]}),
    ("np.array([[1, 2], [3, 4]])", {"0": [1, 3], "1": [2, 4]}),
    ("np.array([(1, 'x')], dtype=[('n', 'i4'), ('s', 'U3')])", {"n": [1], "s": ["x"]}),
    ("array('d', [0.5])", {"value": [0.5]}),
    ("pd.Series([1, 2], name='n')", {"n": [1, 2]}),
    ("pd.Series([2**63, 2**64 - 1], dtype='uint64')", {"value": [2**63, 2**64 - 1]}),
    ("pd.DataFrame({'a': [1, 2], 7: ['x', None]}, index=[5, 6])", {"a": [1, 2], "7": ["x", None]}),
    ("pd.DataFrame({'a': pd.array([2**53 + 1, None], dtype='Int64')})", {"a": [2**53 + 1, None]}),
    ("[None, None]", {"value": [None, None]}),
]
REFUSED = [
    ("[1, 'a']", ["the column 'value' of the result cannot be written as Parquet"]),
    ("[2**70]", ["the column 'value'"]),
    ("[2**53 + 1, 0.5]", ["the column 'value'"]),
    ("[object()]", ["the column 'value'", "convert"]),
    ("[{'a': 1}, {'b': 1}]", ["element 1 of the result is no dict with the keys of element 0 ('a')"]),
    ("[{'a': 1}, 2]", ["element 1 of the result is no dict"]),
    ("[{}]", ["has no column"]),
    ("['caf\\udce9']", ["the column 'value'"]),
    ("[{'caf\\udce9': 1}]", ["lone surrogate"]),
    ("pd.DataFrame({'a': [1, 'x']})", ["the column 'a'"]),
    ("pd.DataFrame([[1, 2]], columns=['a', 'a'])", ["two columns 'a'"]),
    ("pd.DataFrame(index=[1])", ["has no column"]),
]


@pytest.mark.parametrize("expression, expected", RESULTS)
def test_results(tabular_launcher, returned, expression, expected):
    assert table_of(returned(tabular_launcher, expression)).to_pydict() == expected


@pytest.mark.parametrize("expression, words", REFUSED)
def test_what_parquet_cannot_hold(tabular_launcher, returned, expression, words):
    assert_refused(returned(tabular_launcher, expression), words)


def test_an_empty_result_has_no_rows(tabular_launcher, returned):
    for expression in ("[]", "pd.DataFrame({'a': []})", "np.array([])"):
        assert returned(tabular_launcher, expression).rows == b""


@pytest.mark.parametrize(
    "values, kind",
    [
        ("pd.to_datetime(['2024-02-29']).astype('datetime64[s]')", "timestamp[us]"),
        (
            "pd.to_datetime(['2024-02-29']).as_unit('ns').tz_localize('Europe/Berlin')",
            "timestamp[ns, tz=Europe/Berlin]",
        ),
        ("pd.to_timedelta([1], unit='s').astype('timedelta64[s]')", "duration[us]"),
        ("pd.Categorical(['a', None])", "dictionary<values=string, indices=int32, ordered=0>"),
        ("pd.Categorical(['a', 'b'], ordered=True)", "string"),
        ("pd.array(['a', None], dtype='string')", "string"),
        ("pa.array([['a']], pa.large_list(pa.large_string()))", "list<item: string>"),
        ("np.array([1], dtype='float16')", "halffloat"),
        ("[datetime.date(2024, 2, 29)]", "date32[day]"),
        ("[decimal.Decimal('1.10')]", "decimal128(38, 2)"),
    ],
)
def test_types_that_differ_with_the_values_are_made_alike(tabular_launcher, returned, values, kind):
    expression = "pd.DataFrame({'v': pd.Series(%s)})" % values
    if values.startswith("pa."):
        expression = "pd.DataFrame({'v': pd.Series(%s.to_pylist(), dtype=pd.ArrowDtype(%s.type))})" % (
            values,
            values,
        )
    head, schema, _ = parts(returned(tabular_launcher, expression))
    assert str(schema.field("v").type).replace("element", "item") == kind, head


def test_columns_without_a_value_say_so(tabular_launcher, returned):
    columns = "{'a': [1, None], 'b': [None, None], 'c': [math.nan] * 2, 'd': pd.Categorical([None] * 2)}"
    head, _, _ = parts(returned(tabular_launcher, "pd.DataFrame(%s)" % columns))
    assert {column[0]: column[3] for column in head["columns"]} == {
        "a": True,
        "b": False,
        "c": False,
        "d": False,
    }


def test_what_is_carried_along_stands_in_front(tabular_launcher, start, tmp_path):
    file = CsvFile(tmp_path / "t.csv", [b"id,name\n", b"1,a\n", b"\n", b"2,b\n"])
    text = "def init(): pass\ndef run(df): return [0.5, None]\n"
    config = {"output_format": "parquet", "output_columns": ["name"], "add_context": True}
    worker = start(tabular_launcher, text, inputs=[{"name": "table", "kind": 2}], **config)
    worker.ready()
    infer(worker, [file.whole()])
    assert table_of(worker.run(file.whole())).to_pydict() == {
        "input": ["table"] * 2,
        "file": [str(file.path)[1:]] * 2,
        "row": [1, 3],
        "name": ["a", "b"],
        "value": [0.5, None],
    }


def test_without_pyarrow_the_process_does_not_start(launcher, start):
    has_pyarrow = (
        subprocess.run([launcher.python, "-c", "import pyarrow"], capture_output=True).returncode == 0
    )
    text = "def init(): pass\ndef run(mini_batch): return mini_batch\n"
    answer = start(launcher, text, output_format="parquet").answer()
    if has_pyarrow:
        assert answer.kind == READY
        return
    assert answer.kind == INIT_FAILED
    message = answer.json["message"]
    assert "output.format: parquet needs pyarrow 14 or newer" in message, message
    assert "spec.environment.requirements" in message
