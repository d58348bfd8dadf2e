"""CSV of any dialect: what the planner cuts and the worker reads, put together, is pandas.read_csv of the whole file with
the same options."""

import ctypes
import io
import json
import os
import pickle
import random
import subprocess
import sys

import pandas
import pytest
from checkout import BUILD
from csv_files import PICKLE, said
from worker_harness import INFER_TYPES, INPUT_INFO, PACKAGE, RESULT

sys.path.insert(0, str(PACKAGE))
from parallelrun_worker import csv_dialect  # noqa: E402

SEEDS = [int(os.environ["PARALLELRUN_SEED"])] if "PARALLELRUN_SEED" in os.environ else range(60)

DIALECTS = [
    {},
    {"quote": "'"},
    {"escape": "\\"},
    {"comment": "#"},
    {"quote": ""},
    {"quote": "", "escape": "\\"},
    {"quote": "`", "escape": "!", "comment": "%"},
    {"delimiter": "|", "quote": "'", "comment": ";"},
    {"delimiter": "\t", "quote": "", "comment": "#"},
    {"delimiter": ";", "escape": "\\", "comment": "#"},
]


class Table:
    """A folder with one input: `fields` as a manifest has them."""

    def __init__(self, folder, fields, bytes_of_slice):
        dump = subprocess.run(
            [BUILD / "tests" / "plan_dump", "table", str(bytes_of_slice), json.dumps(fields), str(folder)],
            check=True,
            capture_output=True,
            text=True,
        )
        self.sample = None
        self.mini_batches = []
        for line in map(json.loads, dump.stdout.splitlines()):
            if "entry" in line:
                self.entry = line["entry"]
            elif "sample" in line:
                self.sample = bytes.fromhex(line["sample"])
            else:
                self.mini_batches.append((bytes.fromhex(line["descriptor"]), line["items"]))

    def infer(self, worker, index):
        if self.sample is None:
            return
        worker.send(INFER_TYPES, (99).to_bytes(8, "little") + index.to_bytes(4, "little") + self.sample)
        answer = worker.answer()
        worker.send(INPUT_INFO, json.dumps({"input": index, **answer.json}).encode())


def options(fields):
    """Those of pandas.read_csv that say the same."""
    said = {"sep": fields.get("delimiter", ","), "low_memory": False}
    if fields.get("quote") == "":
        said["quoting"] = 3
    elif "quote" in fields:
        said["quotechar"] = fields["quote"]
    for ours, theirs in (("escape", "escapechar"), ("comment", "comment"), ("encoding", "encoding")):
        if fields.get(ours):
            said[theirs] = fields[ours]
    if fields.get("header") is False:
        said["header"] = None
        if "columnNames" in fields:
            said["names"] = fields["columnNames"]
    if "naValues" in fields:
        # The empty field is always a gap.
        said.update(na_values=[*fields["naValues"], ""], keep_default_na=False)
    return said


VALUES = ["1", "-7", "2.5", "", "NA", "True", "word", "two words", "é€", "漢字", " lead", "trail ", "0x10"]
AWKWARD = [
    "a,b",
    "a;b",
    "a|b",
    "a\tb",
    'say "hi"',
    "it's",
    "`x`",
    "line\nbreak",
    "cr\r\nlf",
    "#1",
    "50%",
    "\\",
    "!",
    "a;",
]


def written(r, text, fields):
    """One field of a file, or None where the dialect has no way to write it."""
    delimiter = fields.get("delimiter", ",")
    quote, escape, comment = (
        fields.get(name, other) for name, other in (("quote", '"'), ("escape", ""), ("comment", ""))
    )
    special = {delimiter, quote, escape, comment, "\n", "\r"} - {""}
    if not any(c in text for c in special):
        return quote + text + quote if quote and r.random() < 0.1 else text
    if quote and (not escape or r.random() < 0.5):
        inside = "".join(
            escape + c if escape and (c == escape or c == quote) else quote * 2 if c == quote else c
            for c in text
        )
        return quote + inside + quote
    if escape:
        return "".join(escape + c if c in special else c for c in text)
    return None


def generate(r, fields):
    """(bytes of a file, number of columns)"""
    columns = r.randint(1, 5)
    delimiter, comment = fields.get("delimiter", ","), fields.get("comment", "")
    end = r.choice(["\n", "\n", "\r\n"])
    # One kind of value in a column, so that its type is the same in each slice.
    kinds = [
        r.choice([["1", "22", "-3"], ["1.5", "2", "-0.25"], ["a", "b c", *AWKWARD, *VALUES]])
        for _ in range(columns)
    ]
    if "naValues" in fields:
        kinds = [[*values, *fields["naValues"]] for values in kinds]
    lines = []
    if fields.get("header", True):
        lines.append(delimiter.join("c%d" % number for number in range(columns)))
    for _ in range(r.choice([1, 4, 30, 200])):
        if r.random() < 0.05:
            lines.append(r.choice(["", "  "]))
        if comment and r.random() < 0.1:
            lines.append(comment + r.choice(["", " a note", ' with "a quote', " it's", delimiter * 9]))
        record = [
            next(w for w in iter(lambda: written(r, r.choice(values), fields), 0) if w is not None)
            for values in kinds
        ]
        line = delimiter.join(record)
        if not line.strip(" \t".replace(delimiter, "")):
            line = "x"
        if comment and r.random() < 0.1:
            # Right behind a closing quote it would be literal.
            line += " " + comment + ' rest, "of it'
        lines.append(line)
    return (end.join(lines) + (end if r.random() < 0.5 else "")).encode(
        fields.get("encoding", "utf-8")
    ), columns


def frames_of(start, launcher, tmp_path, environment, tables):
    """All mini-batches of each table, as the script gets them."""
    out = tmp_path / "frames.pickle"
    worker = start(launcher, PICKLE, environment, argv=[str(out)], inputs=[table.entry for table in tables])
    worker.ready()
    for index, table in enumerate(tables):
        out.write_bytes(b"")
        table.infer(worker, index)
        got, items = [], 0
        for descriptor, planned in table.mini_batches:
            answer = worker.run(descriptor, input_index=index)
            assert answer.kind == RESULT, (index, table.entry, said(answer))
            assert planned in (0, answer.items), (index, planned, answer.items)
            items += answer.items
        with open(out, "rb") as read:
            while read.peek(1):
                got.append(pickle.load(read))
        assert items == sum(map(len, got))
        yield got


@pytest.mark.parametrize(
    "environment",
    [None, {"PARALLELRUN_CSV_LIBRARY": "none"}, {"PARALLELRUN_CSV_READER": "pandas"}],
    ids=["library", "python", "pandas"],
)
def test_slices_together_are_the_whole_file(tabular_launcher, start, tmp_path, environment):
    cases, tables = [], []
    for seed in SEEDS:
        r = random.Random(seed)
        fields = dict(r.choice(DIALECTS))
        if r.random() < 0.4:
            fields["header"] = False
        if r.random() < 0.2:
            fields["naValues"] = ["-", "missing"]
        if r.random() < 0.1:
            fields["encoding"] = "utf-16"
        folder = tmp_path / str(seed)
        folder.mkdir()
        data, columns = generate(r, fields)
        if fields.get("header") is False and r.random() < 0.5:
            fields["columnNames"] = ["n%d, '\"" % number for number in range(columns)]
        (folder / "a.csv").write_bytes(data)
        cases.append((seed, fields, folder / "a.csv"))
        tables.append(Table(folder, fields, r.choice([1, 20, 200, 1 << 20])))
    for (seed, fields, path), got in zip(
        cases, frames_of(start, tabular_launcher, tmp_path, environment, tables)
    ):
        expected = pandas.read_csv(path, **options(fields))
        together = pandas.concat(got, ignore_index=True)
        pandas.testing.assert_frame_equal(
            together, expected, check_exact=True, check_column_type=False, obj="seed %d %s" % (seed, fields)
        )


def read_or_refused(data, **how):
    try:
        return pandas.read_csv(
            io.BytesIO(data),
            header=None,
            names=list("abcdef"),
            index_col=False,
            dtype=str,
            keep_default_na=False,
            **how,
        )
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError):
        return None


@pytest.mark.filterwarnings("ignore:Length of header or names")
@pytest.mark.parametrize("library", [True, False], ids=["library", "python"])
def test_any_bytes_written_plainly_are_the_same_records(library):
    loaded = ctypes.CDLL(str(PACKAGE / "libparallelrun_csv.so")) if library else None
    for seed in range(1000):
        r = random.Random(seed)
        fields = r.choice(DIALECTS[1:])
        delimiter = fields.get("delimiter", ",")
        specials = [fields.get(name, "") for name in ("quote", "escape", "comment")]
        # A carriage return alone is left out: behind one, pandas swallows a delimiter.
        alphabet = [
            delimiter,
            delimiter,
            "\n",
            "\n",
            "\r\n",
            '"',
            "'",
            " ",
            "a",
            "1",
            "é",
            *filter(None, specials),
        ]
        data = "".join(r.choice(alphabet) for _ in range(r.choice([3, 8, 20, 60]))).encode()
        plain = csv_dialect.load(fields, delimiter.encode(), loaded)(data)
        expected = read_or_refused(data, **options(fields))
        got = read_or_refused(plain, sep=delimiter, low_memory=False)
        assert (got is None) == (expected is None), (seed, fields, data, plain)
        assert got is None or got.equals(expected), (seed, fields, data, plain)


def one(start, launcher, tmp_path, fields, content, size=1 << 20):
    """(worker, its table) for one file."""
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    (folder / "a.csv").write_bytes(content)
    table = Table(folder, fields, size)
    worker = start(launcher, PICKLE, argv=[str(tmp_path / "frames.pickle")], inputs=[table.entry])
    worker.ready()
    table.infer(worker, 0)
    return worker, table


def test_a_table_without_a_header_counts_from_its_first_record(tabular_launcher, start, tmp_path):
    worker, table = one(start, tabular_launcher, tmp_path, {"header": False}, b"1,2\n3,4\n5\n", size=1)
    assert [items for _, items in table.mini_batches] == [1, 1, 1]
    assert worker.run(table.mini_batches[0][0]).items == 1
    message = said(worker.run(table.mini_batches[2][0]))
    assert "a.csv, row 3 has 1 field, but" in message


def test_names_of_columns_must_be_as_many_as_the_columns(tabular_launcher, start, tmp_path):
    fields = {"header": False, "columnNames": ["a", "b", "c"]}
    worker, table = one(start, tabular_launcher, tmp_path, fields, b"1,2\n3,4\n")
    message = said(worker.run(table.mini_batches[0][0]))
    assert "the first record has 2 fields, but spec.inputs[table].columnNames has 3" in message


@pytest.mark.parametrize("content", [b"a,b\n1,'2\n", b"a,b\n1,2\\"], ids=["quote", "escape"])
def test_what_never_ends_is_told(tabular_launcher, start, tmp_path, content):
    worker, table = one(start, tabular_launcher, tmp_path, {"quote": "'", "escape": "\\"}, content)
    assert "row 1: a quoted field is never closed" in said(worker.run(table.mini_batches[0][0]))


def test_rows_are_counted_with_comments(tabular_launcher, start, tmp_path):
    content = b"# made by hand\na,b\n1,2\n# a note\n\n3,4,5\n"
    worker, table = one(start, tabular_launcher, tmp_path, {"comment": "#"}, content)
    assert "row 4 has 3 fields, but the header has 2" in said(worker.run(table.mini_batches[0][0]))
