"""The library and Python's json module read the same: each mini-batch of JSON lines goes to two processes, of which one
has no library. Frames are compared cell by cell, failures and what is said of gaps word by word."""

import json
import os
import random
import re

import pytest
from test_json_lines_reader import JsonLines
from two_readers import TwoReaders

SEEDS = [int(os.environ["PARALLELRUN_SEED"])] if "PARALLELRUN_SEED" in os.environ else range(40)


class Both(TwoReaders):
    """A process as users have it, and one without the library."""

    def __init__(self, launcher, start, folder, inputs):
        super().__init__(launcher, start, folder, inputs, [{}, {"PARALLELRUN_CSV_LIBRARY": "none"}])

    def read(self):
        """(mini-batches that the library has read, those that Python's json module has read, where these are not plain)"""
        usual, other = self.said()
        told = [
            re.match(r"parallelrun: input .*: (\d+) mini-batches were read fast(.*)", line) for line in usual
        ]
        assert [line for line, fast in zip(usual, told) if not fast] == other
        plain = sum(int(fast[1]) for fast in told if fast)
        rest = [fast[2] for fast in told if fast and fast[2]]
        counts = [
            re.match(r", and (\d+) with Python's json module, which takes longer", text) for text in rest
        ]
        return (
            plain,
            sum(int(count[1]) for count in counts),
            re.findall(r": see (.*?)(?:$|\n)", "\n".join(rest)),
        )


@pytest.fixture
def both(tabular_launcher, start, tmp_path):
    def make(inputs):
        return Both(
            tabular_launcher, start, tmp_path, [{"name": "table", "kind": 3, **one} for one in inputs]
        )

    return make


# Values as they may stand in a file.
WORDS = (
    """0 -0 7 -7 007 +1 .5 1. 1.0 -0.0 0e0 -0e0 1e5 1E+5 1e-5 1e 1e+ 0x10 1_0 1.5 -1.5 9007199254740991 9007199254740992
9007199254740993 -9007199254740993 9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809
18446744073709551615 18446744073709551616 0.1 0.1000000000000000055511151231257827 123456789.123456789123456789 5e-324
2.4703282292062327e-324 2.2250738585072011e-308 1.7976931348623157e308 1.7976931348623159e308 1e400 -1e400 1e-400 -1e-400
8.41e21 9.5367431640625e-7 true false True TRUE null Null nul NaN nan -NaN Infinity -Infinity inf none undefined "" "a" 'a'
"true" "7" "NaN" "null" "\\n" "\\r\\n" "\\t" "\\u0000" "\\u00e4" "\\u00E4" "\\ud83d\\ude00" "\\uD83D\\uDE00" "\\ud800"
"\\udc00" "\\uDFFF" "\\ud800\\ud800" "\\ud800x" "\\u12" "\\u12g4" "\\u+123" "\\x41" "\\'" "\\/" "\\\\" "\\\\ud800" "\\""
"é" "漢字" "😀" "\u2028" "\ufeff" "\x7f" "2024-02-29" "2024-02-29T12:30:00" "2024-02-29T12:30:00Z" "2024-02-29T12:30:00+01:00"
"2024-02-29T12:30:00.123456" "2024-02-29T12:30" "2024-02" "0000-01-01" "0001-01-01" "9999-12-31T23:59:59" "2023-02-29"
"31.03.2024" "2024-02-29T24:00:00" {} [] {"a":1} {"a":1,"a":2} {"a":[{"b":null}]} [1,[2,3],"x]"] [1,] [1}2] {] [ ] { } [01]
[NaN] ["\\ud800"] {"\\u0061":"\\ud83d\\ude00"} [1e400] {"a"} {"a":} "open 1,2 /**/1 # ; , : --1 1-1""".split()
    + [
        "",
        '"a\tb"',
        '"a\x01b"',
        '"a\x00b"',
        '"%s"' % ("x" * 3000),
        "[" * 99 + "]" * 99,
        "[" * 200 + "]" * 200,
        "[" * 5000 + "]" * 5000,
        "1" * 399,
        "1" * 5000,
        "0." + "1" * 399,
        "0." + "1" * 1000,
        "1 2",
        "\xa01",
        "1\x0c",
        " 1\t",
        "\r1\r",
        "1\r",
    ]
)
BYTES = [
    b'"\xff"',
    b'"\xc3"',
    b'"\xc0\x80"',
    b'"\xed\xa0\x80"',
    b'"\xf4\x90\x80\x80"',
    b'"0123456789abcde\xe2\x82"',
    b"\xff",
]
# type: (a value that fits, whether it may be declared)
TYPES = {
    "int64": ("7", True),
    "uint64": ("7", False),
    "int64_or_missing": ("7", False),
    "uint64_or_missing": ("7", False),
    "float64": ("1.5", True),
    "bool": ("true", True),
    "bool_or_missing": ("false", False),
    "missing": ("null", False),
    "string": ('"s"', True),
    "datetime": ('"2024-02-29T12:30:00"', True),
    "datetime_utc": ('"2024-02-29T12:30:00Z"', True),
    "object": ("[1]", False),
}


def test_each_form_of_a_value_in_a_column_of_each_type(both, tmp_path):
    inputs, files, types = [], [], []
    for kind, (good, declarable) in TYPES.items():
        for declared in (True, False) if declarable else (False,):
            inputs.append({"columns": {"v": kind.partition("_")[0]}} if declared else {})
            lines = []
            for word in [word.encode("utf-8", "surrogatepass") for word in WORDS] + BYTES:
                lines += [b'{"v":%s,"k":1}\n' % word, b'{"k":2,"v":%s}\n' % good.encode(), b'{"k":3}\n']
            files.append(JsonLines(tmp_path / ("%d.jsonl" % len(files)), lines))
            types.append({"v": kind, "k": "int64"})
    pair = both(inputs)
    r = random.Random(3)
    for index, (file, known) in enumerate(zip(files, types)):
        pair.know(index, known, ["v", "k"])
        for first in range(1, len(file.lines), 3):
            where = (known["v"], inputs[index], file.lines[first - 1])
            pair.run(file.slice(first, first + r.choice([0, 1, 2])), index, where)
    plain, others, _ = pair.read()
    assert plain > 300 and others > 20, (plain, others)


FORMS = [
    "%s",
    " %s",
    "%s\r",
    "\t%s \r",
    "%s%s",
    "%s %s",
    "%s,%s",
    "%s\r%s",
    "[%s]",
    "[%s,%s]",
    "%s,",
    ",%s",
    "%sx",
    "\ufeff%s",
    "%s\x0c",
    "%s\x00",
    "\xa0%s",
    "%s\u2028",
    '{"n":%s}',
    "%s//",
]
OBJECTS = [
    "{}",
    "{ }",
    "{,}",
    "{",
    "}",
    '{"a":1}',
    '{"a":1,}',
    '{"a" : 1 , "b" : "x"}',
    '{"b":"x","a":1}',
    '{"a":1,"b":"x","a":2}',
    '{"a":1,"\\u0061":2}',
    '{"\\u0061":1,"\\u0062":"y"}',
    '{"a":1 "b":"x"}',
    '{"a":1;"b":"x"}',
    '{"a":1,"b"}',
    '{"a":1,"b":}',
    '{"a",1}',
    "{'a':1}",
    "{a:1}",
    '{"a":1,"c":2}',
    '{"A":1}',
    '{"":1}',
    '{"a\\n":1}',
    '{"a\\ud800":1}',
    '{"a\tb":1}',
    '{"a":\n1}',
    '{"a":1\n}',
    '{"ä":2}',
    '{"\\u00e4":2,"a":3}',
    '{"a":1,"b":"{\\"a\\":1}"}',
    '{"a":1}/**/',
    "null",
    "1",
    '"a"',
    "true",
    "",
    " ",
    "\r",
]


def test_lines_that_are_and_are_not_one_object_each(both, tmp_path):
    inputs = [{}, {"columns": {"b": "string", "z": "float64"}}]
    pair = both(inputs)
    lines = [b'{"a":1,"b":"x"}\n', b"\n"]
    for form in FORMS:
        for one in OBJECTS:
            line = form.replace("%s", one)
            lines += [line.encode("utf-8", "surrogatepass") + b"\n", b'{"a":5,"b":"y"}\n', b'{"a":6}\n']
    lines.append(b'{"a":7}')
    for index, settings in enumerate(inputs):
        file = JsonLines(tmp_path / ("%d.jsonl" % index), lines)
        columns = ["a", "b", "ä", *[name for name in settings.get("columns", ()) if name == "z"]]
        pair.know(index, {"a": "int64", "b": "string", "ä": "int64"}, columns)
        for first in range(2, len(lines), 3):
            for before, behind in ((1, 1), (0, 3), (0, 0)):
                where = (settings, lines[first - before - 1 : first + behind])
                pair.run(file.slice(first - before, first + behind), index, where)
        mark = JsonLines(tmp_path / ("mark%d.jsonl" % index), [b'\xef\xbb\xbf{"a":1}\n', b'{"a":2}'])
        pair.run(mark.whole(), index, "a byte order mark")
        pair.run(mark.packed(), index, "the same as a whole file")
    plain, others, _ = pair.read()
    assert plain > 1000 and others == 0, (plain, others)


def test_whole_numbers_with_gaps_keep_their_digits_in_any_company(both, tmp_path):
    """Also -0, and numbers that float64 does not hold."""
    pair = both([{}, {"columns": {"v": "int64"}}])
    r = random.Random(1)
    numbers = [
        "",
        "null",
        "NaN",
        "0",
        "-0",
        "7",
        "-7",
        *map(str, (2**53 + 1, 2**60, -(2**60) - 1, 2**63 - 1)),
    ]
    numbers += [str(2**63), str(2**64 - 1)]
    chosen = [r.choice(numbers) for _ in range(600)]
    lines = [('{"k":%d%s}\n' % (i, ',"v":' + v if v else "")).encode() for i, v in enumerate(chosen)]
    file = JsonLines(tmp_path / "t.jsonl", lines)
    for kind in ("int64", "uint64", "int64_or_missing", "uint64_or_missing", "float64"):
        for index in (0, 1):
            pair.know(index, {"v": kind, "k": "int64"}, ["k", "v"])
            for first in range(1, 600, 3):
                last = min(600, first + first % 3)
                pair.run(file.slice(first, last), index, (kind, index, lines[first - 1 : last]))
    plain, others, _ = pair.read()
    assert plain > 800 and others == 0, (plain, others)


KINDS = {
    "id": lambda r: r.randrange(10**9),
    "whole": lambda r: r.choice([r.randrange(-(2**63), 2**63), r.randrange(100)]),
    "natural": lambda r: r.randrange(2**64),
    "huge": lambda r: r.randrange(2**66),
    "float": lambda r: r.choice(
        [r.uniform(-100, 100), round(r.uniform(0, 50), 3), r.uniform(-1e300, 1e300), 0.0, -0.0, 5]
    ),
    "bool": lambda r: r.random() < 0.5,
    "word": lambda r: r.choice(
        ["boiler", "pump", "fan", "é", "漢字" * 9, "a\nb", 'q"', "\\", "x" * r.randrange(200)]
    ),
    "gap": lambda r: r.choice([None, None, r.randrange(100)]),
    "rare_gap": lambda r: None if r.random() < 0.02 else r.randrange(-(2**55), 2**55),
    "word_gap": lambda r: r.choice([None, "", "x", "NA"]),
    "bool_gap": lambda r: r.choice([None, True, False]),
    "nan": lambda r: r.choice([float("nan"), 1.5, None, 7]),
    "inf": lambda r: float("inf") if r.random() < 0.01 else r.random(),
    "late": lambda r: None if r.random() < 0.98 else r.choice([1, "x", [2]]),
    "empty": lambda r: None,
    "tags": lambda r: r.choice([None, ["a", "b"], {"k": [1, {"z": None}]}, [], 7, "s", [float("nan")]]),
    "mixed": lambda r: r.choice([1, "1", 1.5, True, None]),
    "day": lambda r: "20%02d-%02d-%02d" % (r.randrange(100), r.randint(1, 12), r.randint(1, 28)),
    "moment": lambda r: None if r.random() < 0.1 else "2024-02-29T%02d:30:00Z" % r.randrange(24),
    "fine": lambda r: "2024-02-29T12:30:%02d.%d" % (r.randrange(60), r.randrange(10**6)),
}
ODD_LINES = [
    "",
    " \t",
    "oops",
    '{"a":1',
    "[1]",
    '{"new":1}',
    '{"a":"\\ud800"}',
    "null",
    "{}",
    '{"a":1,"a":1}',
]


def generate(r):
    """(lines, settings of the input)"""
    names = [r.choice(list(KINDS)) for _ in range(r.choice([1, 3, 6, 20, 60]))]
    keys = ["%s%d" % (r.choice([name, name, name, 'ä"' + name]), i) for i, name in enumerate(names)]
    style = {
        "separators": r.choice([(",", ":"), (", ", ": "), ("\t,\r ", " :\t")]),
        "ensure_ascii": r.random() < 0.5,
    }
    sparse = r.choice([0, 0, 0.3])
    shuffled = r.random() < 0.3
    odd = r.choice([0, 0, 0.002])
    lines = []
    for _ in range(r.choice([1, 5, 60, 1500])):
        pairs = [(key, KINDS[name](r)) for key, name in zip(keys, names) if r.random() >= sparse]
        if shuffled:
            r.shuffle(pairs)
        text = json.dumps(dict(pairs), **style) if r.random() >= odd else r.choice(ODD_LINES)
        lines.append((text + r.choice(["\n", "\n", "\r\n"])).encode())
        if r.random() < 0.01:
            lines.append(r.choice([b"\n", b" \t\r\n"]))
    settings = {}
    if r.random() < 0.5:
        declared = {
            "day": "datetime",
            "moment": "datetime",
            "fine": "datetime",
            "word": "string",
            "mixed": "string",
        }
        declared.update({"gap": "int64", "float": "float64", "bool": "bool", "tags": "string"})
        chosen = {
            key: declared[name] for key, name in zip(keys, names) if name in declared and r.random() < 0.6
        }
        settings["columns"] = {**chosen, **({"never": "string"} if r.random() < 0.2 else {})}
    return lines, settings


def test_generated_files(both, tmp_path):
    made = [generate(random.Random(seed)) for seed in SEEDS]
    pair = both([settings for _, settings in made])
    for index, (lines, settings) in enumerate(made):
        r = random.Random(index)
        file = JsonLines(tmp_path / ("%d.jsonl" % index), lines)
        pair.infer([file.slice(1, len(lines) if r.random() < 0.5 else r.randint(1, len(lines)))], index)
        size = max(r.choice([1, 2, 7, 50, 300]), len(lines) // 40)
        for first in range(1, len(lines) + 1, size):
            pair.run(file.slice(first, first + size - 1), index, (SEEDS[index], first, settings))
        pair.run(file.whole(), index, (SEEDS[index], "whole", settings))
        pair.run(file.packed(), index, (SEEDS[index], "as a file that came whole", settings))
    plain, others, _ = pair.read()
    assert plain > 5 * len(made), (plain, others)


def test_a_table_with_more_columns_than_the_library_is_asked_for(both, tmp_path):
    names = ["c%d" % i for i in range(1001)]
    lines = [json.dumps(dict.fromkeys(names[:count], 1)).encode() + b"\n" for count in (1001, 1001, 1000)]
    file = JsonLines(tmp_path / "t.jsonl", lines)
    pair = both([{}])
    pair.infer([file.whole()], 0)
    pair.run(file.whole(), 0, "1001 columns")
    assert pair.read() == (0, 1, [])


def test_what_python_has_to_read_is_counted_and_said(both, tmp_path):
    lines = [b'{"a":1.5}\n', b"\n", b'{"a":2}\n', b'{"a":Infinity}\n', b'{"a":1e400}\n', b"oops\n"]
    file = JsonLines(tmp_path / "t.jsonl", lines)
    pair = both([{}])
    pair.know(0, {"a": "float64"}, ["a"])
    for first, last in ((1, 1), (1, 3), (2, 2), (3, 4), (4, 5), (6, 6)):
        pair.run(file.slice(first, last), 0, first)
    assert pair.read() == (2, 2, ["%s, line 4" % file.path])
