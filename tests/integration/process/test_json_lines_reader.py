"""Slices of JSON lines: types, gaps, exact whole numbers, and what is said when the data is wrong."""

import gzip
import json

import pytest
from csv_files import SHOW, infer, said, shown, slice_hash
from worker_harness import BY_BYTES, BY_ENDS, CHANGED, FAILED, RESULT, json_lines_slice

TEXT = ("object", "str")


class JsonLines:
    """A file of raw lines (bytes with their line breaks)."""

    def __init__(self, path, lines):
        self.path, self.lines = path, lines
        path.write_bytes(b"".join(lines))

    def slice(self, first, last, check=BY_BYTES):
        """Lines first..last, where 1 is the first."""
        offset = sum(map(len, self.lines[: first - 1]))
        chosen = self.lines[first - 1 : last]
        data = b"".join(chosen)
        items = sum(bool(line.strip()) for line in chosen)
        first += next(n for n, line in enumerate(chosen) if line.strip() or not items)
        return json_lines_slice(self.path, offset, len(data), first, items, slice_hash(data), check)

    def whole(self):
        return self.slice(1, len(self.lines))

    def packed(self):
        data = self.path.read_bytes()
        return json_lines_slice(self.path, 0, len(data), 1, 0, slice_hash(data), BY_ENDS)


@pytest.fixture
def table(tabular_launcher, start, tmp_path):
    """table(lines, **settings of the input) -> (JsonLines, worker that is ready)"""

    def make(lines, **settings):
        file = JsonLines(tmp_path / "t.jsonl", lines)
        worker = start(tabular_launcher, SHOW, inputs=[{"name": "table", "kind": 3, **settings}])
        worker.ready()
        return file, worker

    return make


def test_types_values_and_context(table):
    file, worker = table(
        [
            b'{"id": 1, "name": "a\\n\\u00e4", "x": 1.5, "ok": true, "tags": ["p"], "all": 7}\n',
            b" \t\r\n",
            b'{"name": "NA", "x": 2, "id": 2, "ok": false, "all": "s"}\r\n',
            '{"id": 3, "name": "ö", "x": null, "ok": true, "tags": {"k": [1]}}'.encode(),
        ]
    )
    assert infer(worker, [file.whole()])["types"] == {
        "id": "int64",
        "name": "string",
        "x": "float64",
        "ok": "bool",
        "tags": "object",
        "all": "object",
    }
    types, values, path, rows = shown(worker.run(file.whole()))
    assert types["name"] in TEXT
    assert {**types, "name": ""} == {
        "id": "int64", "name": "", "x": "float64", "ok": "bool", "tags": "object", "all": "object",
    }  # fmt: skip
    assert list(types) == ["id", "name", "x", "ok", "tags", "all"]
    assert values == [
        [1, "a\nä", 1.5, True, ["p"], 7],
        [2, "NA", 2.0, False, None, "s"],
        [3, "ö", None, True, {"k": [1]}, None],
    ]
    assert path == str(file.path) and rows == [1, 5]
    answer = worker.run(file.slice(3, 3))
    types_there, values, _, rows = shown(answer)
    assert types_there == types and answer.items == 1 and rows == [3, 4]
    assert values == [[2, "NA", 2.0, False, None, "s"]]


BIG = 2**53 + 1

# values of v ("-": the key is missing), lines of the sample, declared type, [(first, last, type, values or words)]
CASES = {
    "whole numbers": ([1, 2, BIG, -5], None, None, [(1, 4, "int64", [1, 2, BIG, -5])]),
    "uint64": ([1, 2**64 - 1], None, None, [(1, 2, "uint64", [1, 2**64 - 1])]),
    "beyond 64 bits": ([1, 2**64], None, None, [(1, 2, "object", [1, 2**64]), (1, 1, "object", [1])]),
    "a late gap": (
        [1, 2, "-", 4], (1, 2), None, [(1, 2, "int64", [1, 2]), (3, 4, "float64", [None, 4.0])],
    ),
    "a late gap beside a number that float64 does not hold": (
        [1, BIG, "-"], (1, 1), None, [(1, 3, "Int64", [1, BIG, None]), (2, 2, "int64", [BIG])],
    ),
    "gaps in the sample": (
        [1, None, BIG], None, None, [(1, 2, "float64", [1.0, None]), (2, 3, "Int64", [None, BIG]), (1, 1, "float64", [1.0])],
    ),
    "uint64 with gaps": ([2**64 - 1, "-"], None, None, [(1, 2, "UInt64", [2**64 - 1, None])]),
    "declared int64 with a gap": ([1, "-"], None, "int64", [(1, 2, "Int64", [1, None]), (1, 1, "int64", [1])]),
    "declared int64, a string": (["5"], None, "int64", [(1, 1, None, ['line 1, key \'v\' is "5"', "int64 (a whole number)"])]),
    "a late fraction": (
        [1, 2.5], (1, 1), None, [(1, 2, None, ["line 2, key 'v' is 2.5", "does not fit int64", "columns: {v: float64}"])],
    ),
    "a late string": (
        [1, "x"], (1, 1), None, [(1, 2, None, ["line 2, key 'v' is \"x\"", "inferred from a sample", "columns: {v: string}"])],
    ),
    "a late number among strings": (["x", 5], (1, 1), None, [(1, 2, None, ["line 2", "does not fit string", "{v: string}"])]),
    "a late object among strings": (["x", {"a": 1}], (1, 1), None, [(1, 2, None, ['is {"a": 1}', "does not fit string"])]),
    "floats and whole numbers": ([1, 2.5], None, None, [(1, 1, "float64", [1.0]), (1, 2, "float64", [1.0, 2.5])]),
    "a whole number that no float64 reaches": ([0.5, 10**400], (1, 1), None, [(1, 2, None, ["line 2", "does not fit float64"])]),
    "bool": ([True, False], None, None, [(1, 2, "bool", [True, False])]),
    "bool with a late gap": ([True, "-"], (1, 1), None, [(1, 1, "bool", [True]), (1, 2, "object", [True, None])]),
    "bool with gaps": ([True, None], None, None, [(1, 1, "object", [True])]),
    "declared bool with a gap": ([True, "-"], None, "bool", [(1, 2, None, ["line 2, key 'v' is missing", "does not fit bool"])]),
    "a number is no bool": ([True, 1], (1, 1), None, [(1, 2, None, ["does not fit bool"])]),
    "a bool is no number": ([1, True], (1, 1), None, [(1, 2, None, ["is true", "does not fit int64"])]),
    "strings with gaps": (["", None, "null", "-"], None, None, [(1, 4, TEXT, ["", None, "null", None])]),
    "several types": ([1, "x", [1, 2], [3, 4], None], None, None, [(1, 5, "object", [1, "x", [1, 2], [3, 4], None])]),
    "arrays of one length": ([[1, 2], [3, 4]], None, None, [(1, 2, "object", [[1, 2], [3, 4]])]),
    "never a value": (["-", None], None, "string", [(1, 2, TEXT, [None, None])]),
    "declared string": (
        ["7", 1.5, True, {"a": [1, 2]}, None], None, "string", [(1, 5, TEXT, ["7", "1.5", "true", '{"a": [1, 2]}', None])],
    ),
    "declared datetime": (
        ["2024-02-29T12:30:00", None], None, "datetime", [(1, 2, "datetime64[us]", ["2024-02-29 12:30:00", None])],
    ),
    "declared datetime with offsets": (
        ["2024-02-29T12:30:00+01:00"], None, "datetime", [(1, 1, "datetime64[us, UTC]", ["2024-02-29 11:30:00+00:00"])],
    ),
    "a number is no datetime": ([5], None, "datetime", [(1, 1, None, ["line 1, key 'v' is 5", "does not fit datetime"])]),
    "no date": (["29.2.2024"], None, "datetime", [(1, 1, None, ['is "29.2.2024"', "does not fit datetime"])]),
}  # fmt: skip


def lines_of(values):
    return [json.dumps({"k": 0} if v == "-" else {"k": 0, "v": v}).encode() + b"\n" for v in values]


def test_types_and_values_one_by_one(tabular_launcher, start, tmp_path):
    entries, files = [], {}
    for index, (name, (values, _, declared, _)) in enumerate(CASES.items()):
        entries.append({"name": "table", "kind": 3, "columns": {"v": declared} if declared else {}})
        files[name] = JsonLines(tmp_path / ("%d.jsonl" % index), lines_of(values)), index
    worker = start(tabular_launcher, SHOW, inputs=entries)
    worker.ready()
    for name, (values, sample, _, slices) in CASES.items():
        file, index = files[name]
        infer(worker, [file.slice(*(sample or (1, len(values))))], index)
        for first, last, kind, expected in slices:
            answer = worker.run(file.slice(first, last), input_index=index)
            where = (name, first, last, answer)
            if kind is None:
                assert answer.kind == FAILED, where
                for words in expected:
                    assert words in answer.error["message"], where
                assert answer.error["permanent"] is True and answer.items == last - first + 1, where
                continue
            assert answer.kind == RESULT, where
            types, rows, _, _ = json.loads(answer.rows)
            assert types["v"] in kind if isinstance(kind, tuple) else types["v"] == kind, where
            assert [row[1] for row in rows] == expected, where


@pytest.mark.parametrize(
    "line, words",
    [
        (b'{"a": 1', "is not JSON: Expecting ',' delimiter at column 8"),
        (b"a,b", "is not JSON"),
        (b"{'a': 1}", "is not JSON"),
        (b'{"a": 1} {"a": 2}', "is not JSON: Extra data at column 10"),
        (b'{"a": 1}\r{"a": 2}', "is not JSON: Extra data"),
        (b"[1, 2]", "is an array, not an object"),
        (b'"x"', "is a string, not an object"),
        (b"null", "is null, not an object"),
        (b"17", "is a number, not an object"),
        (b'{"a": 1, "a": 2}', "has the key 'a' more than once"),
        (b'{"a": "\\ud800"}', "half a character"),
        (b'{"a": "\\udc00"}', "half a character"),
        (b'{"a": "\xff"}', "byte 0xff is not utf-8"),
        (b'{"a": "\x01"}', "is not JSON: Invalid control character"),
        (b'{"a": ' + b"[" * 100_000 + b"}", "cannot be read"),
        (b'{"b": 1}', "has the key 'b', which is no column of input table"),
    ],
    ids=str,
)
def test_a_wrong_line_is_named(table, line, words):
    file, worker = table([b'{"a": 1}\n', b"\n", b'{"a": 2}\n', line + b"\n", b'{"a": 3}\n'])
    infer(worker, [file.slice(1, 3)])
    answer = worker.run(file.whole())
    assert "%s, line 4" % file.path in said(answer) and words in said(answer)
    assert answer.error["permanent"] is True and answer.items == 4
    # In a slice that begins further down, it is the same line.
    assert "line 4" in said(worker.run(file.slice(3, 5)))
    assert shown(worker.run(file.slice(1, 3)))[1] == [[1], [2]]


def test_a_column_without_a_value_in_the_sample_is_asked_back(table):
    file, worker = table([b'{"a": 1, "late": null}\n', b'{"a": 2, "late": [1]}\n', b'{"a": 3, "late": 5}\n'])
    assert infer(worker, [file.slice(1, 1)])["types"] == {"a": "int64", "late": "missing"}
    assert shown(worker.run(file.slice(1, 1)))[0]["late"] == "float64"
    answer = worker.run(file.slice(3, 3))
    assert answer.error["undecided"] == {"late": "int64_or_missing"}
    assert worker.run(file.slice(2, 2)).error["undecided"] == {"late": "object"}


def test_packed_files_marks_and_other_formats(table, tmp_path):
    file, worker = table([b'{"a": 1}\n'])
    infer(worker, [file.whole()])
    content = b'\xef\xbb\xbf{"a": 1}\n\n{"a": 2}'
    for number, data in enumerate((gzip.compress(content), gzip.compress(content[3:]))):
        answer = worker.run(JsonLines(tmp_path / ("%d.gz" % number), [data]).packed())
        assert shown(answer)[1] == [[1], [2]] and shown(answer)[3] == [1, 4]
        assert answer.items == 2
    broken = worker.run(JsonLines(tmp_path / "b.gz", [gzip.compress(content)[:-4]]).packed())
    assert "cannot be unpacked" in said(broken) and broken.items == 1
    for data, words in (
        (b"PAR1....", "is a Parquet file"),
        ('{"a": 1}\n'.encode("utf-16"), "is UTF-16"),
        (b'[\n{"a": 1}\n]\n', "line 1 is not JSON"),
        (b'[{"a": 1}, {"a": 2}]', "write each of them on a line of its own"),
    ):
        other = JsonLines(tmp_path / "other", [data])
        assert words in said(worker.run(other.whole()))


def test_a_file_that_has_changed_is_not_read(table):
    file, worker = table([b'{"a": 1}\n', b'{"a": 2}\n'])
    infer(worker, [file.whole()])
    first = file.slice(1, 1)
    assert "has changed since it was planned" in said(worker.run(file.slice(1, 1, CHANGED)))
    file.path.write_bytes(b'{"a": 7}\n{"a": 2}\n')
    assert "has changed since it was planned" in said(worker.run(first))


def test_a_sample_of_several_files_decides_for_all(table, tmp_path):
    file, worker = table([b'{"a": 1}\n', b'{"a": 2}\n'], columns={"d": "string"})
    more = JsonLines(tmp_path / "u.jsonl", [b'{"b": "x", "a": 1.5}\n', b"oops\n"])
    broken = JsonLines(tmp_path / "v.jsonl", [b"oops\n"])
    sample = [file.whole(), broken.whole(), more.slice(1, 1)]
    assert infer(worker, sample)["types"] == {"a": "float64", "b": "string"}
    types, values, _, _ = shown(worker.run(file.whole()))
    assert list(types) == ["a", "b", "d"] and types["a"] == "float64"
    assert values == [[1.0, None, None], [2.0, None, None]]
