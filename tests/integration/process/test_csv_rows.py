"""output.format: csv. The table that each result becomes, and what is refused."""

import csv
import io

import pytest
from returned_rows import assert_refused, returning
from worker_harness import RESULT, file_set

IMPORTS = """import collections, datetime, decimal, enum, math, pathlib, uuid
from array import array
try: import numpy as np, pandas as pd
except ImportError: pass
class Color(str, enum.Enum): RED = "red"
Point = collections.namedtuple("Point", "x y")
def holds_itself():
    value = []
    value.append(value)
    return value
"""


@pytest.fixture
def returned(start):
    return returning(start, IMPORTS, "csv")


def written(answer):
    assert answer.kind == RESULT, answer
    return answer.rows.decode("utf-8")


RESULTS = [
    ("[]", ""),
    ("[{'b': 1, 'a': None}, {'a': 'x', 'b': 2.5}]", "b,a\n1,\n2.5,x\n"),
    ("({'a': True},)", "a\nTrue\n"),
    ("[(1, 'x'), [2, 'y']]", "0,1\n1,x\n2,y\n"),
    ("[Point(1, 2)]", "x,y\n1,2\n"),
    ("[1, 'a', None, float('nan'), math.inf]", '0\n1\na\n""\n""\ninf\n'),
    ("array('d', [0.1, 1e300])", "0\n0.1\n1e+300\n"),
    ("[array('i', [1, 2])]", "0,1\n1,2\n"),
    ("[{'a': [1, None, {'b': 'x'}]}]", 'a\n"[1,null,{""b"":""x""}]"\n'),
    ("[{'d': decimal.Decimal('1.10'), 'p': pathlib.Path('/a b'), 'c': Color.RED}]", "d,p,c\n1.10,/a b,red\n"),
    (
        "[{'t': datetime.datetime(2024, 2, 29), 'd': datetime.date(2024, 2, 29)}]",
        "t,d\n2024-02-29T00:00:00,2024-02-29\n",
    ),
    ("[{1: 'x', True: 'y'}]", "1\ny\n"),
    ("[{'': 1, 'a,b': 2}]", ',"a,b"\n1,2\n'),
]
NUMPY_RESULTS = [
    ("np.array([1.5, np.nan])", '0\n1.5\n""\n'),
    ("np.array([[0.1, np.nan], [2, np.inf]], dtype='float32')", "0,1\n0.1,\n2.0,inf\n"),
    ("np.array([(1, 'x')], dtype=[('n', 'i4'), ('s', 'U3')])", "n,s\n1,x\n"),
    ("np.array([])", ""),
    ("[np.array([1, 2])]", "0,1\n1,2\n"),
    ("[{'a': np.float32(0.1), 'b': np.int64(3), 'c': np.bool_(True)}]", "a,b,c\n0.1,3,True\n"),
    ("pd.Series([1, 2], name='label')", "label\n1\n2\n"),
    ("pd.Series(['x', None])", '0\nx\n""\n'),
    ("pd.DataFrame({'a': [1, 2], 'b': ['x,y', None]}, index=[7, 8])", 'a,b\n1,"x,y"\n2,\n'),
    ("pd.DataFrame([[1, 2]])", "0,1\n1,2\n"),
    ("pd.DataFrame({'a': []})", ""),
    (
        "pd.DataFrame({'t': pd.to_datetime(['2024-02-29', None]), 'e': [np.arange(2), {'k': np.nan}]})",
        't,e\n2024-02-29T00:00:00,"[0,1]"\n,"{""k"":null}"\n',
    ),
    (
        "pd.DataFrame({'i': pd.array([2**53 + 1, None], dtype='Int64'), 'c': pd.Categorical(['u', 'v']),"
        " 's': pd.array(['x', None], dtype='string')})",
        "i,c,s\n9007199254740993,u,x\n,v,\n",
    ),
]
REFUSED = [
    ("[{'a': 1}, {'b': 1}]", ["element 1 of the result has other keys", "it lacks 'a'; it also has 'b'"]),
    ("[{'a': 1}, {'a': 1, 'b': 2}]", ["element 1 of the result has other keys", "it also has 'b'", "jsonl"]),
    ("[(1, 2), (1,)]", ["element 1 of the result has 1 values, but element 0 has 2"]),
    ("[{'a': 1}, 2]", ["element 1 of the result is of type int, but element 0 is of type dict"]),
    ("[{'a': b'x'}]", ["element 0 of the result, at [0], is a bytes", "base64"]),
    ("[datetime.timedelta(1)]", ["a datetime.timedelta", ".total_seconds()"]),
    ("[object()]", ["element 0 of the result, at [0], is an object"]),
    ("[{'a': [math.inf]}]", ["the float inf"]),
    ("[{}]", ["has no column"]),
    ("[()]", ["has no column"]),
    ("[{1: 'a', '1': 'b'}]", ["two keys '1'"]),
    ("[{None: 1}]", ["the key None"]),
    ("[{'a': holds_itself()}]", ["nested too deep"]),
    (
        "['fine', 'caf\\udce9']",
        ["element 1 of the result contains a str with a lone surrogate", "os.fsencode"],
    ),
    ("[{'caf\\udce9': 1}]", ["a column name of the result"]),
]
NUMPY_REFUSED = [
    ("[pd.Series([1])]", ["is a pandas", "Series"]),
    ("pd.DataFrame([[1, 2]], columns=['a', 'a'])", ["two columns 'a'", "rename"]),
    ("pd.DataFrame({'a': [1, b'x']})", ["row 1 of the result, at ['a'], is a bytes"]),
    ("pd.DataFrame(index=[1])", ["has no column"]),
    ("pd.Series([1], name=('a', 'b'))", ["the Series has the name ('a', 'b')"]),
]


@pytest.mark.parametrize("expression, rows", RESULTS)
def test_results_of_any_python(launcher, returned, expression, rows):
    assert written(returned(launcher, expression)) == rows


@pytest.mark.parametrize("expression, rows", NUMPY_RESULTS)
def test_results_of_numpy_and_pandas(tabular_launcher, returned, expression, rows):
    assert written(returned(tabular_launcher, expression)) == rows


@pytest.mark.parametrize("expression, parts", REFUSED)
def test_what_csv_cannot_hold(launcher, returned, expression, parts):
    assert_refused(returned(launcher, expression), parts)


@pytest.mark.parametrize("expression, parts", NUMPY_REFUSED)
def test_what_csv_cannot_hold_of_numpy_and_pandas(tabular_launcher, returned, expression, parts):
    assert_refused(returned(tabular_launcher, expression), parts)


def test_any_text_comes_back_as_it_was(launcher, returned):
    texts = [
        "a,b",
        'say "x"',
        '"',
        "two\nlines",
        "\r",
        "a\r\nb",
        " blank ",
        "\t",
        "'",
        ";",
        "é\u2028\x85",
        "\x00x",
        "=1+1",
    ]
    answer = written(returned(launcher, "[{'k': text, 'n': 1} for text in %r]" % texts))
    records = list(csv.reader(io.StringIO(answer, newline=""), strict=True))
    assert records == [["k", "n"], *([text, "1"] for text in texts)]


def test_pandas_reads_the_same_table(tabular_launcher, start):
    pandas = pytest.importorskip("pandas")
    worker = start(
        tabular_launcher,
        """
        import numpy as np, pandas as pd
        def init(): pass
        def run(mini_batch):
            random = np.random.default_rng(7)
            wide = random.integers(0, 2**64, 5000, dtype="uint64").view("float64")
            global expected
            expected = pd.DataFrame({"f": wide[~np.isnan(wide)]})
            expected["i"] = random.integers(-2**63, 2**63 - 1, len(expected))
            expected["s"] = ["x" * (i % 5) + ',"\\n\\r'[i % 4] for i in range(len(expected))]
            expected["b"] = expected["i"] > 0
            return expected
        def shutdown():
            expected.to_pickle(__file__ + ".pkl")
            print(__file__ + ".pkl")
        """,
        output_format="csv",
    )
    worker.ready()
    table = written(worker.run(file_set("/7")))
    worker.shutdown()
    expected = pandas.read_pickle(worker.stdout().strip())
    read = pandas.read_csv(io.StringIO(table, newline=""), float_precision="round_trip")
    pandas.testing.assert_frame_equal(read, expected, check_exact=True, check_dtype=False)


def test_summary_only_looks_at_nothing(launcher, returned):
    answer = returned(launcher, "[object(), {'a': 1}]", output_action="summary_only")
    assert (answer.kind, answer.returned, answer.rows) == (RESULT, 2, b"")
