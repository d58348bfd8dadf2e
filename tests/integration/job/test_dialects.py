"""CSV of another dialect, and without a header, as the input of a whole job."""

import gzip
import json

ROWS = """
import json
def init(): pass
def run(mini_batch):
    return [json.dumps([[str(name) for name in mini_batch.columns], *row]) for row in mini_batch.values.tolist()]
"""


def rows_of(job):
    return sorted(map(json.loads, job.rows()), key=str)


def test_tab_separated_values_without_a_header(job):
    job.script(ROWS).tabular(format="tsv", header=False).set(miniBatchSize=1)
    job.file("a.tsv", "1\tx,y\n2\tz\n").file("b.TSV.gz", gzip.compress(b"3\tw\n")).file("c.csv", "4,v\n")
    outcome = job.run().expect(0)
    names = ["0", "1"]
    assert rows_of(job) == [[names, 1, "x,y"], [names, 2, "z"], [names, 3, "w"]]
    assert "1 file does not have an ending of the input's format and is left out" in outcome.stderr
    # Saying what is the default makes no other job; another quote does.
    job.tabular(format="tsv", header=False, quote='"', comment="")
    assert "nothing to do" in job.run().expect(0).words
    job.tabular(format="tsv", header=False, quote="'")
    assert "inputs" in job.run().expect(2).words


def test_a_dialect_with_names_of_columns(embedded_job):
    job = embedded_job.script(ROWS).set(miniBatchSize=1)
    job.tabular(quote="'", escape="\\", comment="#", header=False, columnNames=["id", "text"])
    job.file("a.csv", "# made by hand\n1,'it''s, so'\n2,a\\,b # a note\n").run().expect(0)
    names = ["id", "text"]
    assert rows_of(job) == [[names, 1, "it's, so"], [names, 2, "a,b "]]


def test_tables_without_a_header_of_other_widths_fail(embedded_job):
    job = embedded_job.script(ROWS).tabular(header=False).set(runMaxTry=1)
    job.file("a.csv", "1,2\n").file("b.csv", "3,4,5\n").run().expect(0)
    (item,) = job.failed_items()
    assert item["file"].endswith("b.csv")
    assert "has other columns than the first file of input table: it also has '2'" in item["error"]["message"]


def test_a_broken_byte_of_a_table_without_a_header_is_placed(embedded_job):
    """In a file that comes whole, and behind an escape, which the worker takes away first."""
    for number, (name, content, fields) in enumerate(
        [
            ("packed.csv.gz", gzip.compress(b"1,a\n2,b\n3,\xff\n"), {}),
            ("escaped.csv", b"1,a\\,b\n2,c\n3,\xff\n", {"escape": "\\"}),
            ("first.csv.gz", gzip.compress(b"1,\xff\n"), {}),
        ]
    ):
        job = embedded_job.script(ROWS).set(runMaxTry=1, errorThreshold=-1)
        job.tabular(header=False, columnNames=["id", "text"], glob=name, columns={"text": "string"}, **fields)
        job.file(name, content).run("--overwrite").expect(1)  # nothing succeeded
        (item,) = job.failed_items()
        row = 1 if number == 2 else 3
        assert f"{name}, row {row}: byte 0xff is not utf-8" in item["error"]["message"], item
