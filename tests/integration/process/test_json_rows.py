"""output.format: jsonl. What each value that run() may return becomes, and what is refused."""

import json
import struct

import pytest
from returned_rows import assert_refused, returning
from worker_harness import FAILED, RESULT, file_set

IMPORTS = """import collections, dataclasses, datetime, decimal, enum, math
from array import array
try: import numpy as np, pandas as pd
except ImportError: pass
class Color(str, enum.Enum): RED = "red"
class Level(enum.IntEnum): LOW = 1
class OwnFloat(float): pass
def nested(depth):
    value = []
    for _ in range(depth): value = [value]
    return value
def holds_itself():
    value = {}
    value["me"] = value
    return value
"""


@pytest.fixture
def returned(start):
    return returning(start, IMPORTS, "jsonl")


def written(answer):
    assert answer.kind == RESULT, answer
    rows = answer.rows.decode("utf-8")
    assert rows == "" or rows.endswith("\n")
    lines = rows.split("\n")[:-1]
    assert len(lines) == answer.returned == len(rows.splitlines())
    for line in lines:
        json.loads(line, parse_constant=pytest.fail)
    return lines


# (what run() returns as an element, what its line is): for every Python, without numpy.
PLAIN = [
    ("{'path': 'a.png', 'label': 7, 'score': 0.93}", '{"path":"a.png","label":7,"score":0.93}'),
    ("'a text'", '"a text"'),
    ("'a\\nb\\r\\tc\"d\\\\'", '"a\\nb\\r\\tc\\"d\\\\"'),
    ("'\\x85\\u2028\\u2029\\x0c\\x1c'", '"\\u0085\\u2028\\u2029\\f\\u001c"'),
    ("'äöü 漢字 \\U0001f600'", '"äöü 漢字 \U0001f600"'),
    ("''", '""'),
    ("7", "7"),
    ("-2**70", "-1180591620717411303424"),
    ("0.1", "0.1"),
    ("1e300", "1e+300"),
    ("1.0", "1.0"),
    ("True", "true"),
    ("None", "null"),
    ("float('nan')", "null"),
    ("[1, 2.5, 'x', None, float('nan'), (True, [])]", '[1,2.5,"x",null,null,[true,[]]]'),
    ("{}", "{}"),
    ("{'a': {'b': [float('nan')]}}", '{"a":{"b":[null]}}'),
    ("{1: 'one', 2.5: 'x', True: 'y'}", '{"1":"y","2.5":"x"}'),  # Python's own dict holds 1 and True as one
    ("{False: 0}", '{"false":0}'),
    ("array('d', [0.5, float('nan')])", "[0.5,null]"),
    ("collections.OrderedDict(b=1, a=2)", '{"b":1,"a":2}'),
    ("collections.namedtuple('P', 'a b')(1, 'x')", '[1,"x"]'),
    ("[Color.RED, Level.LOW, OwnFloat(2.5), OwnFloat('nan')]", '["red",1,2.5,null]'),
    ("{Color.RED: Level.LOW, Level.LOW: 1}", '{"red":1,"1":1}'),
    ("datetime.datetime(2024, 2, 29, 12, 30)", '"2024-02-29T12:30:00"'),
    ("datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc)", '"2024-02-29T00:00:00+00:00"'),
    ("{datetime.date(2024, 2, 29): datetime.time(1, 2, 3)}", '{"2024-02-29":"01:02:03"}'),
]


def test_elements_of_any_python(launcher, returned):
    expressions, lines = zip(*PLAIN)
    assert written(returned(launcher, "[%s]" % ", ".join(expressions))) == list(lines)


NUMPY = [
    ("np.int64(3)", "3"),
    ("np.uint64(2**64 - 1)", "18446744073709551615"),
    ("np.float64(0.1)", "0.1"),
    ("np.float32(0.1)", "0.1"),
    ("np.float16(0.1)", "0.1"),
    ("np.float32('nan')", "null"),
    ("np.bool_(True)", "true"),
    ("np.str_('x')", '"x"'),
    ("np.datetime64('2024-02-29')", '"2024-02-29"'),
    ("np.datetime64('NaT')", "null"),
    ("np.array([1, 2])", "[1,2]"),
    ("np.array([0.5, np.nan, 1e16])", "[0.5,null,1e+16]"),
    ("np.array([0.1, 0.93], dtype='float32')", "[0.1,0.93]"),
    ("np.array([[1, 2], [3, 4]])", "[[1,2],[3,4]]"),
    ("np.zeros((2, 1, 2), dtype='float32')", "[[[0.0,0.0]],[[0.0,0.0]]]"),
    ("np.array(7)", "7"),
    ("np.array(['a', None, {'b': np.int8(1)}], dtype=object)", '["a",null,{"b":1}]'),
    ("np.array(['x', 'yz'])", '["x","yz"]'),
    ("np.array([True, False])", "[true,false]"),
    ("np.array([(1, 0.5)], dtype=[('n', 'i4'), ('x', 'f8')])[0]", '{"n":1,"x":0.5}'),
    ("np.ma.array([1, 2], mask=[False, True])", "[1,null]"),
    ("np.array([1, 2], dtype='>i4')", "[1,2]"),
    ("{np.int64(4): [np.float32(0.25)], np.str_('k'): np.arange(3)}", '{"4":[0.25],"k":[0,1,2]}'),
    ("pd.Timestamp('2024-02-29 01:02:03.5', tz='UTC')", '"2024-02-29T01:02:03.500000+00:00"'),
    ("[pd.NaT, pd.NA, None]", "[null,null,null]"),
]


def test_elements_of_numpy_and_pandas(tabular_launcher, returned):
    expressions, lines = zip(*NUMPY)
    assert written(returned(tabular_launcher, "[%s]" % ", ".join(expressions))) == list(lines)


RESULTS = [
    ("[]", []),
    ("({'a': 1}, 'b')", ['{"a":1}', '"b"']),
    ("array('i', [1, 2])", ["1", "2"]),
]
NUMPY_RESULTS = [
    ("np.array([1.5, np.nan])", ["1.5", "null"]),
    ("np.array([0.1], dtype='float32')", ["0.1"]),
    ("np.array([[1, 2], [3, 4]])", ["[1,2]", "[3,4]"]),
    ("np.array([[0.1, np.nan]], dtype='float32')", ["[0.1,null]"]),
    ("np.array([(1, 'x')], dtype=[('n', 'i4'), ('s', 'U3')])", ['{"n":1,"s":"x"}']),
    ("np.array([])", []),
    ("pd.Series(['x', 3, None], index=['p', 'q', 'r'])", ['"x"', "3", "null"]),
    ("pd.Series([1.5, None])", ["1.5", "null"]),
    (
        "pd.DataFrame({'a': [1, 2], 'b': ['x y', None], 'c': [0.5, np.nan]}, index=[7, 8])",
        ['{"a":1,"b":"x y","c":0.5}', '{"a":2,"b":null,"c":null}'],
    ),
    (
        "pd.DataFrame({'t': pd.to_datetime(['2024-02-29 01:02:03', None]), 'e': [np.arange(2), {'k': np.nan}]})",
        ['{"t":"2024-02-29T01:02:03","e":[0,1]}', '{"t":null,"e":{"k":null}}'],
    ),
    (
        "pd.DataFrame({'i': pd.array([2**53 + 1, None], dtype='Int64'), 'f': np.array([0.1, 2], dtype='float32'),"
        " 'b': [True, False], 'c': pd.Categorical(['u', 'v'])})",
        ['{"i":9007199254740993,"f":0.1,"b":true,"c":"u"}', '{"i":null,"f":2.0,"b":false,"c":"v"}'],
    ),
    ("pd.DataFrame([[1, 2]])", ['{"0":1,"1":2}']),
    ("pd.DataFrame([[1]], columns=[pd.Timestamp('2024-02-29')])", ['{"2024-02-29T00:00:00":1}']),
    ("pd.DataFrame({'a': []})", []),
    ("pd.DataFrame(index=range(2))", ["{}", "{}"]),
    ("pd.DataFrame({'a': pd.array(['x', None], dtype='string')})", ['{"a":"x"}', '{"a":null}']),
]


@pytest.mark.parametrize("expression, lines", RESULTS)
def test_results_of_any_python(launcher, returned, expression, lines):
    assert written(returned(launcher, expression)) == lines


@pytest.mark.parametrize("expression, lines", NUMPY_RESULTS)
def test_results_of_numpy_and_pandas(tabular_launcher, returned, expression, lines):
    assert written(returned(tabular_launcher, expression)) == lines


# (result, parts of the message): the element, what it is, and the way out.
REFUSED = [
    ("['fine', float('inf')]", ["element 1 of the result is the float inf", "output.format"]),
    ("[1, {'a': [0, -math.inf]}]", ["element 1 of the result, at ['a'][1], is the float -inf"]),
    ("[b'x']", ["element 0 of the result is a bytes", "base64"]),
    ("[{'a': {1, 2}}]", ["element 0 of the result, at ['a'], is a set", "sorted"]),
    ("[1j]", ["element 0 of the result is a complex"]),
    ("[[object()]]", ["element 0 of the result, at [0], is an object"]),
    ("[decimal.Decimal('1.10')]", ["a decimal.Decimal", "str(...) keeps each digit"]),
    ("[datetime.timedelta(1)]", ["a datetime.timedelta", ".total_seconds()"]),
    ("[{('a', 1): 2}]", ["a dict with the key ('a', 1) (tuple)"]),
    ("[{None: 2}]", ["a dict with the key None"]),
    ("[{1: 'a', '1': 'b'}]", ["a dict with two keys '1'"]),
    ("[{float('nan'): 1}]", ["a dict with the key nan"]),
    ("['ok', nested(100000)]", ["element 1 of the result is nested too deep"]),
    ("[holds_itself()]", ["element 0 of the result is nested too deep"]),
    ("['fine', {'file': '/data/caf\\udce9'}]", ["element 1 of the result", "not UTF-8", "os.fsencode"]),
]
NUMPY_REFUSED = [
    ("np.array([1.0, np.inf])", ["element 1 of the result is the float inf"]),
    ("np.array([[1.0, -np.inf]], dtype='float32')", ["element 0 of the result, at [1], is the float -inf"]),
    ("np.array([b'x'])", ["element 0 of the result is a numpy.bytes_", "base64"]),
    ("np.array([1], dtype='m8[s]')", ["element 0 of the result is a numpy.timedelta64"]),
    ("[np.longdouble(1)]", ["element 0 of the result is a numpy.longdouble"]),
    ("[pd.Series([1])]", ["element 0 of the result is a pandas", "Series", ".tolist()"]),
    ("[{'t': pd.DataFrame({'a': [1]})}]", ["at ['t'],", "DataFrame", ".to_dict('records')"]),
    ("[pd.Timedelta('1s')]", ["Timedelta", ".total_seconds()"]),
    ("pd.DataFrame({'a': [1.0, np.inf]})", ["row 1 of the result, at ['a'], is the float inf"]),
    ("pd.DataFrame({'a': [0, {'k': [b'x']}]})", ["row 1 of the result, at ['a']['k'][0], is a bytes"]),
    ("pd.DataFrame([[1, 2]], columns=['a', 'a'])", ["two columns 'a'", "rename"]),
    ("pd.DataFrame([[1, 2]], columns=[1, '1'])", ["two columns '1'"]),
    (
        "pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([('a', 'b')]))",
        ["the column ('a', 'b') (tuple)"],
    ),
    ("pd.DataFrame({'a': ['x', '\\ud800']}, dtype=object)", ["row 1 of the result", "lone surrogate"]),
]


@pytest.mark.parametrize("expression, parts", REFUSED)
def test_what_json_cannot_hold(launcher, returned, expression, parts):
    assert_refused(returned(launcher, expression), parts)


@pytest.mark.parametrize("expression, parts", NUMPY_REFUSED)
def test_what_json_cannot_hold_of_numpy_and_pandas(tabular_launcher, returned, expression, parts):
    assert_refused(returned(tabular_launcher, expression), parts)


def test_a_whole_number_of_too_many_digits_is_refused_where_python_refuses_it(launcher, returned):
    answer = returned(launcher, "[1, 10**5000]")
    if answer.kind == RESULT:  # Python before 3.11
        assert written(answer)[1] == "1" + "0" * 5000
    else:
        assert_refused(answer, ["element 1 of the result cannot be written as JSON"])


def test_the_rule_of_run_is_the_same(launcher, returned):
    answer = returned(launcher, "{'a': 1}")
    assert answer.kind == FAILED and "list, tuple, array, Series or DataFrame" in answer.error["message"]


def test_summary_only_looks_at_nothing(launcher, returned):
    answer = returned(launcher, "[object(), b'x']", output_action="summary_only")
    assert (answer.kind, answer.returned, answer.rows) == (RESULT, 2, b"")


def test_floats_come_back_as_they_were(tabular_launcher, start):
    """Each float64 and float32 there is, by its bits, but for NaN and the infinite."""
    worker = start(
        tabular_launcher,
        """
        import numpy as np
        def init(): pass
        def run(mini_batch):
            random = np.random.default_rng(int(mini_batch[0][1:]))
            bits = random.integers(0, 2**64, 20000, dtype="uint64")
            wide, narrow = bits.view("float64"), bits.view("float32")
            global expected
            wide, narrow = wide[np.isfinite(wide)], narrow[np.isfinite(narrow)]
            expected = wide.tobytes().hex(), narrow.tobytes().hex()
            return [wide, narrow]
        def shutdown():
            print(*expected)
        """,
        output_format="jsonl",
    )
    worker.ready()
    wide, narrow = written(worker.run(file_set("/7")))
    worker.shutdown()

    def packed(line, letter):
        numbers = json.loads(line)
        return struct.pack("<%d%s" % (len(numbers), letter), *numbers).hex()

    assert worker.stdout().split() == [packed(wide, "d"), packed(narrow, "f")]
