"""What rows carry along of their items, in each format, and results that cannot be led back to them."""

import csv
import io
import json

import pytest
from csv_files import CsvFile, infer
from test_json_lines_reader import JsonLines
from worker_harness import FAILED, RESULT, file_set

CONTEXT = {"add_context": True}
FORMATS = ["text", "csv", "jsonl"]


def fields_of(rows, delimiter):
    return list(csv.reader(io.StringIO(rows, newline=""), delimiter=delimiter, strict=True))


def written(answer):
    assert answer.kind == RESULT, answer
    return answer.rows.decode("utf-8")


def refused(answer, *parts):
    assert answer.kind == FAILED, answer
    assert answer.error["phase"] == "result" and answer.error["permanent"] is True
    for part in parts:
        assert part in answer.error["message"], answer.error["message"]
    assert answer.error["traceback"] == ""


@pytest.fixture
def of_files(start):
    """of_files(launcher, expression, paths, **config) -> the worker's answer for files that lie in /."""

    def run(launcher, expression, *paths, **config):
        text = "def init(): pass\ndef run(mini_batch):\n    return %s\n" % expression
        worker = start(launcher, text, **{**CONTEXT, **config})
        worker.ready()
        return worker.run(file_set(*paths))

    return run


@pytest.fixture
def of_table(tabular_launcher, start, tmp_path):
    """of_table(expression, **config) -> the answer for records 2 to 6 of a table with blank ones, `df` in the expression."""
    records = [b"id,name,x\n", b"7,g,0\n", b"1,a b,1\n", b"\n", b"2,,2\n", b" \n", b'3,"l1\nl2",\n']

    def run(expression, items=slice(2, 7), **config):
        text = "import numpy as np, pandas as pd\ndef init(): pass\ndef run(df):\n    %s\n" % expression
        config = {**CONTEXT, "output_columns": ["name"], "output_format": "jsonl", **config}
        file = CsvFile(tmp_path / "t.csv", records)
        worker = start(tabular_launcher, text, inputs=[{"name": "table", "kind": 2}], **config)
        worker.ready()
        told = infer(worker, [file.whole()])
        assert "types" in told, told
        run.path = str(file.path)[1:]
        return worker.run(file.slice(items.start, items.stop - 1))

    return run


def test_files_in_each_format(launcher, of_files):
    paths = ("/in/a", "/in/b c/d")
    front = [["files", "in/a"], ["files", "in/b c/d"]]
    text = written(of_files(launcher, "['x 1', 2.5]", *paths))
    assert text == 'files in/a x 1\nfiles "in/b c/d" 2.5\n'
    table = written(of_files(launcher, "[{'n': 1}, {'n': None}]", *paths, output_format="csv"))
    assert fields_of(table, ",") == [["input", "file", "n"], [*front[0], "1"], [*front[1], ""]]
    lines = written(of_files(launcher, "[{'n': 1}, [2, 'x']]", *paths, output_format="jsonl")).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"input": "files", "file": "in/a", "n": 1},
        {"input": "files", "file": "in/b c/d", "value": [2, "x"]},
    ]
    assert lines[0].startswith('{"input":"files","file":"in/a",')


def test_line_breaks_and_bytes_in_names_of_files(launcher, of_files):
    answer = of_files(launcher, "['x', 'y\\nz']", "/a\nb", b"/caf\xe9")
    assert answer.kind == RESULT
    assert answer.rows == b"files a\\nb x\nfiles caf\xe9 y\\nz\n"
    for output_format in ("csv", "jsonl"):
        answer = of_files(launcher, "['x', 'y']", "/a", b"/caf\xe9", output_format=output_format)
        refused(answer, "is not UTF-8", "output.format: text", output_format)
    answer = of_files(launcher, "['x']", "/a\nb", output_format="jsonl")
    assert json.loads(written(answer))["file"] == "a\nb"


@pytest.mark.parametrize("output_format", FORMATS)
def test_rows_of_a_table_have_the_numbers_of_the_file(of_table, output_format):
    answer = of_table("return df.assign(name=0)[['id', 'x']]", output_format=output_format)
    path = of_table.path
    expected = [[2, "a b", 1, 1.0], [4, None, 2, 2.0], [6, "l1\nl2", 3, None]]
    rows = written(answer)
    if output_format == "jsonl":
        found = [json.loads(line) for line in rows.splitlines()]
        assert found == [
            dict(zip(["input", "file", "row", "name", "id", "x"], ["table", path, *row])) for row in expected
        ]
        return
    texts = [["table", path, *("" if value is None else str(value) for value in row)] for row in expected]
    if output_format == "csv":
        texts.insert(0, ["input", "file", "row", "name", "id", "x"])
    else:
        texts[-1][3] = "l1\\nl2"
    assert fields_of(rows, "," if output_format == "csv" else " ") == texts


def test_columns_alone_and_of_single_values(of_table):
    lines = written(of_table("return list(df.id)", add_context=False, output_columns=["x", "name"]))
    assert [json.loads(line) for line in lines.splitlines()] == [
        {"x": 1.0, "name": "a b", "value": 1},
        {"x": 2.0, "name": None, "value": 2},
        {"x": None, "name": "l1\nl2", "value": 3},
    ]


def test_what_the_script_does_to_its_mini_batch_changes_nothing(of_table):
    lines = written(
        of_table("""ids = list(df.id)
    df.loc[:, 'name'] = 'changed'
    df.drop(df.index, inplace=True)
    return ids""")
    )
    assert [json.loads(line)["name"] for line in lines.splitlines()] == ["a b", None, "l1\nl2"]


def test_rows_that_were_sorted_are_led_back_by_their_labels(of_table):
    for expression in ("return df[['id']].sort_values('id', ascending=False)", "return df.id[::-1]"):
        lines = [json.loads(line) for line in written(of_table(expression)).splitlines()]
        assert [(line["row"], line["name"], line.get("id", line.get("value"))) for line in lines] == [
            (6, "l1\nl2", 3),
            (4, None, 2),
            (2, "a b", 1),
        ]


ONE_BY_ONE = [
    "[1, 2, 3]",
    "(1, 2, 3)",
    "np.array([1, 2, 3])",
    "np.array([[1], [2], [3]])",
    "pd.Series([1, 2, 3])",
    "pd.DataFrame({'v': [1, 2, 3]})",
    "df.sort_values('x').sort_index()[['id']]",
]


@pytest.mark.parametrize("expression", ONE_BY_ONE)
def test_as_many_elements_as_items_are_those_of_the_items(of_table, expression):
    rows = [json.loads(line)["row"] for line in written(of_table("return " + expression)).splitlines()]
    assert rows == [2, 4, 6]


UNCERTAIN = [
    ("[1, 2]", "run() returned 2 elements for 3 items"),
    ("[1, 2, 3, 4]", "run() returned 4 elements for 3 items"),
    ("df[['id']][df.id > 1]", "run() returned 2 elements for 3 items"),
    ("pd.DataFrame({'v': [1, 2, 3]}, index=[0, 0, 1])", "its index has labels more than once"),
    ("pd.concat([pd.DataFrame({'v': [i]}) for i in df.id])", "its index has labels more than once"),
    ("pd.Series([1, 2, 3], index=[5, 6, 7])", "its index is not that of the mini-batch"),
    ("df[['id', 'x']].set_index('id')", "its index is not that of the mini-batch"),
    ("df.assign(k=[2, 0, 1]).groupby('k')[['id']].sum()", "its index is not that of the mini-batch"),
    ("pd.Series([1, 2, 3], index=list('abc'))", "its index is not that of the mini-batch"),
]


@pytest.mark.parametrize("expression, why", UNCERTAIN)
def test_what_cannot_be_led_back_fails_for_good(of_table, expression, why):
    refused(of_table("return " + expression), why, "spec.output.addContext", "reset_index(drop=True)")


def test_an_empty_result_has_nothing_to_lead_back(of_table):
    answer = of_table("return df[df.id > 100]")
    assert (answer.kind, answer.items, answer.returned, answer.rows) == (RESULT, 3, 0, b"")


def test_all_elements_of_a_mini_batch_of_one_item_are_of_it(of_table, of_files, tabular_launcher):
    rows = written(of_table("return pd.DataFrame({'v': [1, 2]}, index=[5, 5])", slice(4, 5)))
    assert [json.loads(line)["row"] for line in rows.splitlines()] == [4, 4]
    assert written(of_files(tabular_launcher, "[1, 2]", "/a")) == "files a 1\nfiles a 2\n"


def test_labels_of_rows_of_files(tabular_launcher, start):
    text = """
        import pandas as pd
        def init(): pass
        def run(mini_batch):
            made = pd.DataFrame({"v": [3, 1]}, index=mini_batch).sort_values("v")
            number = len(HANDED) and HANDED.pop()
            return [made, made.reset_index(drop=True), pd.DataFrame({"v": [3, 1]}).sort_values("v")][number]
        HANDED = [2, 1, 0]
    """
    worker = start(tabular_launcher, text, **CONTEXT)
    worker.ready()
    descriptor = file_set("/a", "/b")
    assert written(worker.run(descriptor)) == "files b 1\nfiles a 3\n", "by the paths"
    assert written(worker.run(descriptor)) == "files a 1\nfiles b 3\n", "numbered anew: by their order"
    refused(worker.run(descriptor), "its index is not that of the mini-batch")


@pytest.mark.parametrize("output_format", ["csv", "jsonl"])
@pytest.mark.parametrize(
    "expression, name, field",
    [
        ("df.rename(columns={'x': 'file'})[['file']]", "file", "addContext"),
        ("df[['id', 'name']]", "name", "columns"),
        ("[{'row': 1}] * 3", "row", "addContext"),
    ],
)
def test_a_column_of_the_same_name(of_table, output_format, expression, name, field):
    answer = of_table("return " + expression, output_format=output_format)
    refused(answer, "the result has a column '%s'" % name, "spec.output." + field, "rename")


def test_a_value_that_is_no_object_has_a_name_that_may_be_taken(tabular_launcher, start, tmp_path):
    file = CsvFile(tmp_path / "t.csv", [b"value\n", b"1\n", b"2\n"])
    text = "def init(): pass\ndef run(df): return [1, 2]\n"
    inputs = [{"name": "table", "kind": 2}]
    worker = start(tabular_launcher, text, inputs=inputs, output_columns=["value"], output_format="jsonl")
    worker.ready()
    infer(worker, [file.whole()])
    refused(worker.run(file.whole()), "'value'")


def test_a_column_that_the_input_lacks_is_said_before_anything_runs(tabular_launcher, start, tmp_path):
    file = CsvFile(tmp_path / "t.csv", [b"id,name\n", b"1,a\n"])
    text = "def init(): pass\ndef run(df): return list(df.id)\n"
    worker = start(tabular_launcher, text, inputs=[{"name": "table", "kind": 2}], output_columns=["nmae"])
    worker.ready()
    error = infer(worker, [file.whole()])["error"]
    assert (
        "input table has no column 'nmae', which spec.output.columns names; did you mean 'name'?"
        in (error["message"])
    )


def test_columns_without_names_are_numbered(tabular_launcher, start, tmp_path):
    file = CsvFile(tmp_path / "t.csv", [b"1,a\n", b"2,b\n"])
    text = "def init(): pass\ndef run(df): return list(df[0])\n"
    inputs = [{"name": "table", "kind": 2, "header": False}]
    config = {"output_columns": ["1"], **CONTEXT}
    worker = start(tabular_launcher, text, inputs=inputs, **config)
    worker.ready()
    infer(worker, [file.unsplit()])
    path = str(file.path)[1:]
    assert written(worker.run(file.unsplit())) == f"table {path} 1 a 1\ntable {path} 2 b 2\n"


def test_lines_of_json_and_values_that_the_script_changes(tabular_launcher, start, tmp_path):
    lines = [b'{"k": {"a": [1]}}\n', b"\n", b'{"k": {"a": []}}\n']
    file = JsonLines(tmp_path / "t.jsonl", lines)
    text = """
        def init(): pass
        def run(df):
            for k in df.k: k["a"].append(9)
            return [0, 0]
    """
    config = {"output_columns": ["k"], "output_format": "jsonl", **CONTEXT}
    worker = start(tabular_launcher, text, inputs=[{"name": "table", "kind": 3}], **config)
    worker.ready()
    infer(worker, [file.whole()])
    found = [json.loads(line) for line in written(worker.run(file.whole())).splitlines()]
    assert [(one["row"], one["k"]) for one in found] == [(1, {"a": [1]}), (3, {"a": []})]


def test_labels_of_a_table_of_parquet(tabular_launcher, start, tmp_path):
    pandas = pytest.importorskip("pandas")
    from test_parquet_reader import KIND, Parquet

    frame = pandas.DataFrame({"v": [1, 2, 3]}, index=pandas.Index(["c", "a", "b"], name="key"))
    file = Parquet(tmp_path / "a.parquet", frame)
    text = "def init(): pass\ndef run(df): return df.sort_index()[['v']] * 10\n"
    config = {"output_columns": ["key"], "output_format": "jsonl", **CONTEXT}
    worker = start(tabular_launcher, text, inputs=[{"name": "table", "kind": KIND}], **config)
    worker.ready()
    infer(worker, [file.whole()])
    found = [json.loads(line) for line in written(worker.run(file.whole())).splitlines()]
    assert [(one["row"], one["key"], one["v"]) for one in found] == [(2, "a", 20), (3, "b", 30), (1, "c", 10)]


def test_summary_only_leads_nothing_back(launcher, of_files):
    answer = of_files(launcher, "[1, 2, 3]", "/a", "/b", output_action="summary_only")
    assert (answer.kind, answer.returned, answer.rows) == (RESULT, 3, b"")
