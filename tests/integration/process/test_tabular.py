"""Slices of CSV files: exact checks, column types, and what is said when the data is wrong."""

import gzip
import os

import pytest
from conftest import OTHER_PYTHON
from csv_files import SHOW, CsvFile, infer, said, shown
from worker_harness import CHANGED, INIT_FAILED, READY, RESULT, Launcher, csv_slice

TABLE = [{"name": "table", "kind": 2}]


@pytest.fixture
def table(tabular_launcher, start, tmp_path):
    """table(records, **settings of the input) -> (CsvFile, worker that is ready)"""

    def make(records, name="t.csv", bom=b"", environment=None, **settings):
        file = CsvFile(tmp_path / name, records, bom)
        worker = start(tabular_launcher, SHOW, environment, inputs=[{"name": "table", "kind": 2, **settings}])
        worker.ready()
        return file, worker

    return make


def test_types_values_and_context(table):
    file, worker = table([b"id,name,x\n", b'1,"a, b",1.5\n', b"2,NA,\n", b"\n", b'3,"l1\nl2",3\n', b"4,d,4"])
    assert infer(worker, [file.whole()]) == {"types": {"id": "int64", "name": "string", "x": "float64"}}
    types, values, path, rows = shown(worker.run(file.slice(2, 4)))
    assert types["id"] == "int64" and types["x"] == "float64"
    assert values == [[2, None, None], [3, "l1\nl2", 3.0]]
    assert path == str(file.path) and rows == [2, 5]
    answer = worker.run(file.slice(2, 4))
    assert answer.items == 2 and worker.stamp()[3] == 2
    assert shown(worker.run(file.slice(5, 5)))[1] == [[4, "d", 4.0]]


@pytest.mark.parametrize(
    "record, row, fields",
    [
        (b"1,2\n", 3, 2),
        (b"1,2,3,4\n", 3, 4),
        (b'1,"2,3\n4",5,6\n', 3, 4),
        (b"x\n", 3, 1),
        (b'"1,2,3"\n', 3, 1),
    ],
)
def test_records_with_other_field_counts(table, record, row, fields):
    good = [b"1,2,3\n", b"\n"]
    file, worker = table([b"a,b,c\n"] + good + [record] + 100 * [b"4,5,6\n"])
    answer = worker.run(file.whole())
    message = said(answer)
    assert "%s, row %d has %d field" % (file.path, row, fields) in message and "header has 3" in message
    assert answer.error["permanent"] is True
    assert worker.run(file.whole()).items == 102
    assert shown(worker.run(file.slice(4, 103)))[1] == [[4, 5, 6]] * 100
    # Also far behind the start of a slice.
    file, worker = table([b"a,b,c\n"] + 5000 * [b'"1",2,3\n'] + [record], "far.csv")
    assert "row 5001 has %d field" % fields in said(worker.run(file.slice(7, 5001)))


def test_broken_encoding_is_placed(table):
    file, worker = table([b"a,b\n"] + 500 * ["é,ü\n".encode()] + [b"x,caf\xe9\n", b"1,2\n"])
    message = said(worker.run(file.slice(3, 502)))
    assert (
        "%s, row 501: byte 0xe9 is not utf-8" % file.path in message
        and "spec.inputs[table].encoding" in message
    )
    assert shown(worker.run(file.slice(502, 502)))[1] == [[1, 2]]


@pytest.mark.parametrize(
    "name, header", [("t.csv", b"a,caf\xe9\n"), ("whole.csv.gz", gzip.compress(b"a,caf\xe9\n1,2\n"))]
)
def test_a_header_in_another_encoding_names_the_way_out(table, name, header):
    packed = name.endswith(".gz")
    file, worker = table([header] if packed else [header, b"1,2\n"], name)
    message = said(worker.run(file.unsplit() if packed else file.whole()))
    assert message.startswith("%s, in its header: byte 0xe9 is not utf-8" % file.path)
    assert "spec.inputs[table].encoding" in message


def test_declared_encodings(table, tmp_path):
    records = ["a,b\n".encode("cp1252"), "é,€\n".encode("cp1252"), b"\x81,x\n"]
    file, worker = table(records, encoding="cp1252")
    assert shown(worker.run(file.slice(1, 1)))[1] == [["é", "€"]]
    assert "row 2: byte 0x81 is not cp1252" in said(worker.run(file.slice(1, 2)))

    text = 'a,b\r\né,1\r\n\r\n"x\ny",2\r\n'
    file, worker = table([text.encode("utf-16")], "wide.csv", encoding="utf-16")
    answer = worker.run(file.unsplit())
    assert answer.items == 2 and shown(answer)[1] == [["é", 1], ["x\ny", 2]]

    file, worker = table([gzip.compress(text.encode())], "packed.csv.gz")
    assert shown(worker.run(file.unsplit()))[1] == [["é", 1], ["x\ny", 2]]
    file, worker = table([gzip.compress(text.encode())[:-9]], "cut.csv.gz")
    assert "cannot be unpacked" in said(worker.run(file.unsplit()))
    for packer in ("bz2", "lzma"):
        ending = {"bz2": "bz2", "lzma": "xz"}[packer]
        file, worker = table([__import__(packer).compress(text.encode())], "packed.csv." + ending)
        assert shown(worker.run(file.unsplit()))[1] == [["é", 1], ["x\ny", 2]]
    file, worker = table([b"a,b\r", b"x,1\r", b"y,2"], "mac.csv")
    assert shown(worker.run(file.whole()))[1] == [["x", 1], ["y", 2]]
    file, worker = table([b"", b"\xef\xbb\xbf\n\na,b\nx,1\n"], "late.csv")
    assert shown(worker.run(file.unsplit()))[1] == [["x", 1]]
    file, worker = table([b"", b'a,"b\nx,1\n'], "open.csv")
    assert "open.csv" in said(worker.run(file.unsplit()))
    # Without a record there is nothing to run over.
    for number, content in enumerate(
        (b"", gzip.compress(b""), gzip.compress(b"a,b\n"), b"\xef\xbb\xbf \r\n\n")
    ):
        file, worker = table([content], "empty%d.csv.gz" % number)
        answer = worker.run(file.unsplit())
        assert (answer.items, answer.returned, answer.rows) == (0, 0, b"")


def test_an_unknown_encoding_is_named(tabular_launcher, start):
    worker = start(tabular_launcher, SHOW, inputs=[{"name": "table", "kind": 2, "encoding": "utf8000"}])
    answer = worker.answer()
    assert answer.kind == INIT_FAILED and "utf8000" in answer.json["message"]


def test_a_gap_in_a_whole_number_column(table):
    file, worker = table([b"n,x\n"] + 50 * [b"7,a\n"] + [b",b\n", b"8,c\n", b"9,d\n", b",e\n"])
    infer(worker, [file.slice(1, 20)])
    types, values, *_ = shown(worker.run(file.slice(50, 52)))
    assert types["n"] == "float64" and values == [[7.0, "a"], [None, "b"], [8.0, "c"]]
    assert shown(worker.run(file.slice(52, 53)))[0]["n"] == "int64"
    assert shown(worker.run(file.slice(54, 54)))[0]["n"] == "float64"
    lines = worker.stderr().splitlines()
    assert len(lines) == 1 and "'n'" in lines[0] and "row 51" in lines[0] and "float64" in lines[0]


@pytest.mark.parametrize(
    "sample, bad, shown_value, kind",
    [
        (b"1", b"x7", "'x7'", "string"),
        (b"1", b"1.5", "'1.5'", "float64"),
        (b"1", b"99999999999999999999999", "'99999999999999999999999'", "string"),
        (b"18446744073709551615", b"-1", "'-1'", "string"),
        (b"1.5", b"1;5", "'1;5'", "string"),
        (b"True", b"yes", "'yes'", "string"),
    ],
)
def test_misfits_are_placed_with_the_way_out(table, sample, bad, shown_value, kind):
    file, worker = table(
        [b"k,v\n"] + 9 * [b"a," + sample + b"\n"] + [b"\n", b"b," + bad + b"\n", b"c," + sample + b"\n"]
    )
    infer(worker, [file.slice(1, 9)])
    answer = worker.run(file.slice(5, 12))
    message = said(answer)
    assert "%s, row 11, column 'v' " % file.path in message and shown_value in message
    assert "spec.inputs[table].columns: {v: %s}" % kind in message
    assert answer.items == 7 and answer.error["permanent"] is True
    assert worker.run(file.slice(1, 9)).kind == RESULT


def test_a_gap_does_not_hide_a_misfit(table):
    file, worker = table([b"k,v\n"] + 9 * [b"a,1\n"] + [b"b,\n", b"b,2.5\n"])
    infer(worker, [file.slice(1, 9)])
    assert "row 11, column 'v' is '2.5'" in said(worker.run(file.slice(9, 11)))


def test_text_columns_that_look_like_something_else(table):
    file, worker = table([b"v,w\n", b"x,1\n"] + 5 * [b"007,2\n"] + 5 * [b"True,3\n", b"NA,4\n"] + [b",5\n"])
    infer(worker, [file.whole()])
    assert shown(worker.run(file.slice(2, 6)))[1] == [["007", 2]] * 5
    assert shown(worker.run(file.slice(7, 7)))[1] == [["True", 3]]
    assert shown(worker.run(file.slice(7, 8)))[1] == [["True", 3], [None, 4]]
    assert shown(worker.run(file.slice(17, 17)))[1] == [[None, 5]]


def test_bools_with_gaps_stay_objects(table):
    file, worker = table([b"v,w\n", b"True,1\n", b",2\n", b"False,3\n", b"true,4\n", b",5\n"])
    assert infer(worker, [file.whole()])["types"]["v"] == "bool_or_missing"
    for first, last, values in ((1, 2, [True, None]), (3, 4, [False, True]), (5, 5, [None])):
        types, rows, *_ = shown(worker.run(file.slice(first, last)))
        assert types["v"] == "object" and [row[0] for row in rows] == values


def test_declared_types(table):
    columns = {"code": "string", "n": "int64", "f": "float64", "b": "bool", "when": "datetime"}
    records = [
        b"code,n,f,b,when,other\n",
        b"007,1,2,True,2024-02-03 04:05:06,x\n",
        b"008,2,3.5,False,2024-02-04,y\n",
        b"009,3,1,maybe,2024-02-04,z\n",
        b"010,3,1,True,03/04/2024,z\n",
        b"011,,1,True,,z\n",
        b"012,1,1,True,2024-13-01,z\n",
    ]
    file, worker = table(records, columns=columns)
    assert infer(worker, [file.slice(1, 2)]) == {"types": {"other": "string"}}
    types, values, *_ = shown(worker.run(file.slice(1, 2)))
    assert (types["n"], types["f"], types["b"], types["when"]) == (
        "int64",
        "float64",
        "bool",
        "datetime64[us]",
    )
    assert [row[:4] for row in values] == [["007", 1, 2.0, True], ["008", 2, 3.5, False]]
    assert [row[4] for row in values] == ["2024-02-03 04:05:06", "2024-02-04 00:00:00"]
    message = said(worker.run(file.slice(1, 3)))
    assert "row 3, column 'b' is 'maybe'" in message and "declared" in message
    assert "declare it string and compare in run(): df['b'] == 'yes'" in message
    message = said(worker.run(file.slice(4, 4)))
    assert "row 4, column 'when' is '03/04/2024'" in message
    assert "pandas.to_datetime(df['when'], format='%d.%m.%Y')" in message
    assert "row 6, column 'when' is '2024-13-01'" in said(worker.run(file.slice(6, 6)))
    types, *_ = shown(worker.run(file.slice(5, 5)))
    assert types["n"] == "Int64" and types["when"] == "datetime64[us]"


@pytest.mark.parametrize(
    "kind, value, way_out",
    [("int64", b"1.5", "float64 if it has fractions"), ("float64", b"1;5", "to_numeric")],
)
def test_a_declared_number_that_is_none_names_the_way_out(table, kind, value, way_out):
    file, worker = table([b"a,b\n", value + b",x\n"], columns={"a": kind})
    message = said(worker.run(file.whole()))
    assert "row 1, column 'a' is %r" % value.decode() in message and way_out in message


def test_a_declared_column_that_is_not_there(table):
    file, worker = table([b"a,b\n", b"1,2\n"], columns={"code": "string"})
    message = said(worker.run(file.whole()))
    assert "'code'" in message and "spec.inputs[table].columns" in message and "a, b" in message


def test_types_are_one_decision_for_files_with_other_headers(table, tmp_path):
    file, worker = table([b"a,b\n", b"1,x\n"])
    other = CsvFile(tmp_path / "other.csv", [b"b,a\n", b"y,2.5\n", b"z,3\n"])
    broken = CsvFile(tmp_path / "broken.csv", [b"a,b\n", b"q\n"])
    types = infer(worker, [file.whole(), other.whole(), broken.whole()])["types"]
    assert types == {"a": "float64", "b": "string"}
    assert shown(worker.run(file.whole()))[0]["a"] == "float64"


def test_repeated_and_unnamed_columns(table):
    file, worker = table([b"a,a,,a\n", b"1,x,2,3\n", b"4,y,5,6\n"])
    assert infer(worker, [file.whole()])["types"] == {
        "a": "int64",
        "a.1": "string",
        "Unnamed: 2": "int64",
        "a.2": "int64",
    }
    assert shown(worker.run(file.slice(2, 2)))[1] == [[4, "y", 5, 6]]


@pytest.mark.parametrize("delimiter", [";", "\t", "|", " "])
def test_delimiters(table, delimiter):
    d = delimiter.encode()
    file, worker = table(
        [b"a" + d + b"b\r\n", b"1" + d + b'"x' + d + b'y"\r\n', b"\r\n", b"2" + d + b"\r\n"],
        delimiter=delimiter,
    )
    assert shown(worker.run(file.whole()))[1] == [[1, "x" + delimiter + "y"], [2, None]]


def test_a_slice_is_known_by_its_bytes(table):
    file, worker = table([b"a,b\n", b"1,2\n", b"3,4\n"])
    first, last = file.slice(1, 1), file.slice(2, 2)
    os.utime(file.path, ns=(1, 1))  # a volume of a ConfigMap has other times in each pod
    assert shown(worker.run(first))[1] == [[1, 2]]
    file.path.write_bytes(b"a,b\n1,2\n3,9\n")  # of the same length
    assert shown(worker.run(first))[1] == [[1, 2]]
    answer = worker.run(last)
    message = said(answer)
    assert "permanent" not in answer.error  # it may be brought back
    assert "%s has changed since it was planned (bytes 8 to 12" % file.path in message
    assert "--overwrite" in message

    file, worker = table([b"a,b\n", b"1,2\n", b"3,4"])
    first, last = file.slice(1, 1), file.slice(2, 2)
    file.path.write_bytes(b"a,b\n1,2\n3,45\n")  # its last record has grown
    assert shown(worker.run(first))[1] == [[1, 2]]
    assert "has changed since it was planned (it had 11 bytes and now has 13)" in said(worker.run(last))
    file.path.write_bytes(b"a,b\n1,")
    assert "has changed since it was planned" in said(worker.run(first))
    os.unlink(file.path)
    assert "t.csv cannot be read: No such file" in said(worker.run(last))


def test_a_packed_file_is_known_by_its_ends(table):
    rows = b"".join(b"%d,%s\n" % (i, os.urandom(40).hex().encode()) for i in range(9000))
    file, worker = table([gzip.compress(b"a,b\n" + rows)], "p.csv.gz")
    assert file.path.stat().st_size > 2 << 16
    descriptor = file.unsplit()
    assert worker.run(descriptor).items == 9000
    content = bytearray(file.path.read_bytes())
    content[-8] ^= 1  # of the checksum
    file.path.write_bytes(content)
    assert "has changed since it was planned" in said(worker.run(descriptor))


def test_what_planning_found_changed_is_refused(table):
    file, worker = table([b"a,b\n", b"1,2\n"])
    assert "has changed since it was planned" in said(
        worker.run(csv_slice(file.path, 4, 4, 1, 1, b"a,b\n", 0, CHANGED))
    )


def test_the_hash_is_the_same_without_the_library(tabular_launcher, start, tmp_path):
    """Each branch of XXH3: up to 16, 128, 240 bytes, a block, several."""
    worker = start(tabular_launcher, SHOW, {"PARALLELRUN_CSV_LIBRARY": "none"}, inputs=TABLE)
    assert worker.answer().kind == READY
    for size in (1, 3, 4, 8, 9, 16, 17, 33, 65, 97, 128, 129, 145, 240, 241, 1024, 1025, 3000):
        record = b"x" * (size - 1) + b"\n" if size > 1 else b"x"
        file = CsvFile(tmp_path / ("%d.csv" % size), [b"a\n", record])
        assert shown(worker.run(file.whole()))[1] == [[record.decode().strip()]], size


@pytest.mark.parametrize("name", ["plain.csv", "packed.csv.gz"])
@pytest.mark.parametrize(
    "content, what",
    [
        (b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n', "JSON"),
        (b'[\n {"a": 1},\n {"a": 2}\n]\n', "JSON"),
        (b"PAR1\x15\x04\x15\x1e\n\x15,\x22\n", "a Parquet file"),
    ],
)
def test_other_formats_are_refused_by_content(table, name, content, what):
    file, worker = table([gzip.compress(content) if name.endswith(".gz") else content], name)
    message = said(worker.run(file.unsplit()))
    assert message.startswith("the content of %s is %s, " % (file.path, what)) and "glob" in message


def test_tables_of_an_input_have_the_columns_of_the_first(tabular_launcher, start, tmp_path):
    worker = start(tabular_launcher, SHOW, inputs=TABLE)
    assert worker.answer().kind == READY
    files = {
        name: CsvFile(tmp_path / name, records)
        for name, records in {
            "1.csv": [b"b,a\n", b"1,x\n"],
            "2.csv": [b"a,b\n", b"y,2\n"],
            "3.csv": [b"b;a\n", b"3;z\n"],
            "4.csv": [b"b,c\n", b"4,w\n"],
            "5.csv": [b"a,b,a\n", b"4,5,6\n"],
        }.items()
    }
    packed = CsvFile(tmp_path / "6.csv.gz", [gzip.compress(b"b,c\n4,w\n")])
    infer(worker, [file.whole() for file in files.values()])
    for name, row in (("1.csv", [1, "x"]), ("2.csv", [2, "y"])):
        types, values, *_ = shown(worker.run(files[name].whole()))
        assert list(types) == ["b", "a"] and values == [row]
    assert "2.csv has its columns in another order" in worker.stderr()
    message = said(worker.run(files["3.csv"].whole()))
    assert "3.csv has other columns than the first file of input table" in message
    assert "seem to be separated by ';', but the input's delimiter is ','" in message
    assert "it lacks 'a'; it also has 'c'" in said(worker.run(files["4.csv"].whole()))
    assert "it also has 'a.1'" in said(worker.run(files["5.csv"].whole()))
    assert "6.csv.gz has other columns" in said(worker.run(packed.unsplit()))


def test_an_unclosed_quote(table):
    file, worker = table([b"a,b\n", b"1,2\n", b'3,"4\n', b"5,6\n"])
    assert "row 2" in said(worker.run(file.whole()))


def test_a_descriptor_that_lies(table):
    file, worker = table([b"a,b\n", b"1,2\n"])
    good = file.whole()
    for descriptor in (good[:-1], good + b"x", good[:9], b"\x02"):
        assert "descriptor" in said(worker.run(descriptor))
    assert "after the end" in said(worker.run(csv_slice(file.path, 4, 4000, 1, 1, b"a,b\n")))
    assert shown(worker.run(good))[1] == [[1, 2]]


def test_without_the_library_the_answers_are_the_same(table):
    """PARALLELRUN_CSV_LIBRARY=none: the csv module does the checks."""
    records = [b"a,b\n", b'"1\n1",2\n', b"  \n", b"3,4\n", b'5,"6""x"\n', b"7\n", b"\xff,1\n"]
    for environment in (None, {"PARALLELRUN_CSV_LIBRARY": "none"}):
        file, worker = table(records, environment=environment)
        assert shown(worker.run(file.slice(1, 4)))[1] == [["1\n1", "2"], ["3", "4"], ["5", '6"x']]
        assert "row 5 has 1 field," in said(worker.run(file.slice(2, 5)))
        assert "row 6: byte 0xff" in said(worker.run(file.slice(6, 6)))


@pytest.mark.skipif(OTHER_PYTHON is None, reason="no other python3 on PATH")
def test_without_pandas_a_tabular_input_says_so(start, tmp_path):
    hidden = tmp_path / "no-pandas"
    hidden.mkdir()
    (hidden / "pandas.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'pandas'\", name='pandas')\n"
    )
    worker = start(
        Launcher("other", OTHER_PYTHON, False),
        SHOW,
        {"PYTHONPATH": str(hidden)},
        inputs=[{"name": "t", "kind": 2}],
    )
    answer = worker.answer()
    assert answer.kind == INIT_FAILED and answer.json["phase"] == "load"
    assert (
        "needs pandas" in answer.json["message"] and "spec.environment.requirements" in answer.json["message"]
    )
