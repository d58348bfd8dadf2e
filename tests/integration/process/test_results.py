"""What run() may return and how it is written."""

import pytest
from worker_harness import FAILED, RESULT, file_set


def returned(start, launcher, expression, imports="", **config):
    worker = start(
        launcher,
        "%s\ndef init(): pass\ndef run(mini_batch):\n    return %s\n" % (imports, expression),
        **config,
    )
    worker.ready()
    return worker.run(file_set("/a/x", "/a/y"))


@pytest.mark.parametrize(
    "expression, count, rows",
    [
        ("['a', 1, 2.5, None, True]", 5, "a\n1\n2.5\nNone\nTrue\n"),
        ("('x', ['y'])", 2, "x\n['y']\n"),
        ("[]", 0, ""),
        ("['']", 1, "\n"),
        ("['a\\nb', 'c\\r\\nd', 'e\\rf', '\\n', 'g']", 5, "a\\nb\nc\\nd\ne\\nf\n\\n\ng\n"),
        ("['a\\n', 'b']", 2, "a\\n\nb\n"),
        ("['ä', '\\u2028']", 2, "ä\n\u2028\n"),
        ("__import__('array').array('i', [1, 2])", 2, "1\n2\n"),
        ("[p + '!' for p in mini_batch]", 2, "/a/x!\n/a/y!\n"),
    ],
)
def test_lists_and_tuples(launcher, start, expression, count, rows):
    answer = returned(start, launcher, expression)
    assert (answer.kind, answer.items, answer.returned, answer.rows.decode()) == (RESULT, 2, count, rows)


@pytest.mark.parametrize(
    "expression, count, rows",
    [
        ("np.array([1, 2])", 2, "1\n2\n"),
        ("np.array([0.1, 1e16, 1e-5, np.nan])", 4, "0.1\n1e+16\n1e-05\nnan\n"),
        ("np.array([0.1], dtype='float32')", 1, "0.1\n"),
        ("np.array([True, False])", 2, "True\nFalse\n"),
        ("np.array(['a b', 'c\\nd'])", 2, "a b\nc\\nd\n"),
        ("np.array([[1, 2], [3, 4]])", 2, "1 2\n3 4\n"),
        ("np.array([['a b', 'c']])", 1, '"a b" c\n'),
        ("np.array([['x\\ny', 'c']])", 1, "x\\ny c\n"),
        ("np.array([])", 0, ""),
        ("pd.Series(['x', 'y\\nz', 3])", 3, "x\ny\\nz\n3\n"),
        ("pd.Series([1.5, None], index=['p', 'q'])", 2, "1.5\nnan\n"),
        ("pd.DataFrame({'a': [1, 2], 'b': ['x y', None]})", 2, '1 "x y"\n2 \n'),
        ("pd.DataFrame({'a': ['l1\\nl2', 'q\"q'], 'b': [1.5, 2]})", 2, 'l1\\nl2 1.5\n"q""q" 2.0\n'),
        ("pd.DataFrame({'a': pd.Categorical(['c\\rd', 'e'])})", 2, "c\\nd\ne\n"),
        ("pd.DataFrame({'a': []})", 0, ""),
    ],
)
def test_numpy_and_pandas(tabular_launcher, start, expression, count, rows):
    answer = returned(start, tabular_launcher, expression, "import numpy as np, pandas as pd")
    assert (answer.kind, answer.returned, answer.rows.decode()) == (RESULT, count, rows), answer


@pytest.mark.parametrize(
    "expression, name",
    [
        ("None", "None"),
        ("'text'", "str"),
        ("b'x'", "bytes"),
        ("{'a': 1}", "dict"),
        ("{1}", "set"),
        ("7", "int"),
        ("(x for x in mini_batch)", "generator"),
        ("map(str, mini_batch)", "map"),
        ("iter([])", "list_iterator"),
    ],
)
@pytest.mark.parametrize("action", ["append_row", "summary_only"])
def test_other_types_fail_the_try(launcher, start, expression, name, action):
    answer = returned(start, launcher, expression, output_action=action)
    assert answer.kind == FAILED and answer.items == 2
    assert answer.error["phase"] == "result"
    assert name in answer.error["message"]
    assert "list, tuple, array, Series or DataFrame" in answer.error["message"]


@pytest.mark.parametrize("shape, dimensions", [("()", 0), ("(1, 1, 1)", 3)])
def test_arrays_of_other_dimensions_fail(tabular_launcher, start, shape, dimensions):
    answer = returned(start, tabular_launcher, "np.zeros(%s)" % shape, "import numpy as np")
    assert answer.kind == FAILED and "%d dimensions" % dimensions in answer.error["message"]


def test_summary_only_counts_and_looks_at_nothing(launcher, start):
    text = "[Mute(), Mute(), Mute()]"
    imports = "class Mute:\n    def __str__(self): raise RuntimeError('do not look')"
    answer = returned(start, launcher, text, imports, output_action="summary_only")
    assert (answer.kind, answer.returned, answer.rows) == (RESULT, 3, b"")
    answer = returned(start, launcher, text, imports)
    assert answer.kind == FAILED and answer.error["phase"] == "result"
    assert "element 0" in answer.error["message"] and "do not look" in answer.error["message"]


def test_file_names_that_are_no_utf8_survive(launcher, start):
    worker = start(launcher, "def init(): pass\ndef run(mini_batch): return mini_batch\n")
    worker.ready()
    path = b"/data/caf\xe9/\xff.png"
    assert worker.run(file_set(path, b"/data/ok")).rows == path + b"\n/data/ok\n"


def test_a_file_name_in_an_error_is_readable(launcher, start):
    worker = start(launcher, "def init(): pass\ndef run(mini_batch): open(mini_batch[0])\n")
    worker.ready()
    error = worker.run(file_set(b"/absent/caf\xe9")).error
    assert error["type"] == "FileNotFoundError" and "caf\\udce9" in error["message"]


def test_a_lone_surrogate_is_an_error_of_the_result(launcher, start):
    answer = returned(start, launcher, "['fine', '\\ud800']")
    assert (
        answer.kind == FAILED and answer.error["phase"] == "result" and "element 1" in answer.error["message"]
    )


def test_a_large_result_arrives_whole(launcher, start):
    answer = returned(start, launcher, "[str(i) * 100 for i in range(50000)]")
    assert answer.rows == "".join(str(i) * 100 + "\n" for i in range(50000)).encode()


def test_floats_read_as_numpy_prints_them(tabular_launcher, start):
    """tolist() is a short cut: its texts must be those of the array's own scalars."""
    worker = start(
        tabular_launcher,
        """
        import numpy as np
        def init(): pass
        def run(mini_batch):
            random = np.random.default_rng(int(mini_batch[0][1:]))
            values = random.integers(0, 2**64, 20000, dtype="uint64").view("float64")
            global expected
            expected = list(map(str, values))
            return values
        def shutdown():
            print("\\n".join(expected))
        """,
    )
    worker.ready()
    rows = worker.run(file_set("/7")).rows
    worker.shutdown()
    assert worker.stdout().encode() == rows


# (elements, what is written): numpy's values whole and plainly, wherever they stand.
PLAIN = [
    ("np.arange(2000)", "[" + " ".join(map(str, range(2000))) + "]"),
    ("np.array([0.93, 1.0, np.nan])", "[0.93 1.0 nan]"),
    ("np.array([0.1], dtype='float32')", "[0.1]"),
    ("np.arange(4).reshape(2, 2)", "[[0 1] [2 3]]"),
    ("np.float64(0.93)", "0.93"),
    ("('a', np.float64(0.93), np.int64(3), np.bool_(True))", "('a', 0.93, 3, True)"),
    ("['x', [(np.float32(0.1),), {'p': np.float64(1)}]]", "['x', [(0.1,), {'p': 1.0}]]"),
    ("{np.str_('k'): np.str_('v'), np.int64(2): {np.int8(1)}}", "{'k': 'v', 2: {1}}"),
    ("{'scores': np.arange(1200)}", "{'scores': [" + ", ".join(map(str, range(1200))) + "]}"),
    ("np.array(['a', None], dtype=object)", "[a None]"),
    ("[np.array([(1, 0.5)], dtype='i4,f8')]", "[[(1, 0.5)]]"),
    ("collections.OrderedDict(a=np.float64(2))", "OrderedDict([('a', 2.0)])"),
    ("collections.namedtuple('P', 'a b')(np.float64(1), 'x')", "P(a=1.0, b='x')"),
    ("collections.deque([np.float64(1)], 3)", "deque([1.0], maxlen=3)"),
    ("np.datetime64('2024-02-29')", "2024-02-29"),
    ("[1, 'a', None, 2.5, b'x', (1,)]", "[1, 'a', None, 2.5, b'x', (1,)]"),
    ("Own()", "own text"),
    ("OwnList([np.float64(1)])", "own list"),
]
OWN = """import collections, numpy as np, pandas as pd
class Own:
    def __str__(self): return "own text"
class OwnList(list):
    def __str__(self): return "own list"
    __repr__ = __str__"""


def test_numpy_values_are_whole_and_plain(tabular_launcher, start):
    expressions, texts = zip(*PLAIN)
    answer = returned(start, tabular_launcher, "[%s]" % ", ".join(expressions), OWN)
    assert answer.kind == RESULT, answer
    assert answer.rows.decode().split("\n") == [*texts, ""]


def test_rows_are_not_cut(tabular_launcher, start):
    for expression, rows in (
        ("np.ones((2, 2000))", (" ".join(["1.0"] * 2000) + "\n") * 2),
        ("pd.DataFrame({'a': [np.arange(1500)], 'b': [(np.float64(0.5), 'x')]})", None),
        ("[pd.Series(range(300)), (pd.Series(range(300)),)]", None),
    ):
        answer = returned(start, tabular_launcher, expression, OWN)
        assert answer.kind == RESULT and b"..." not in answer.rows and b"np." not in answer.rows
        assert rows is None or answer.rows.decode() == rows
    assert answer.rows.count(b"\n") == 2
