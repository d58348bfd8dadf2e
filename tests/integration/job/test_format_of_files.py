"""The format of a tabular input that the manifest leaves to the endings of its files."""

import gzip
import io

import pyarrow
import pyarrow.parquet
import pytest
from test_json_lines import ROWS, expected
from test_json_lines import lines as jsonl


def delimited(first, last, delimiter):
    lines = [delimiter.join(("id", "text"))] + ["%d%st%d" % (i, delimiter, i) for i in range(first, last)]
    return "\n".join(lines) + "\n"


def parquet(first, last):
    table = pyarrow.table({"id": range(first, last), "text": ["t%d" % i for i in range(first, last)]})
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file)
    return file.getvalue()


FILES = {
    "jsonl": {"a.jsonl": jsonl(0, 5), "s/b.ndjson.gz": gzip.compress(jsonl(5, 8).encode())},
    "tsv": {"a.tsv": delimited(0, 5, "\t"), "b.TSV": delimited(5, 8, "\t")},
    "parquet": {"_SUCCESS": "", "a.parquet": parquet(0, 5), "s/b.pq": parquet(5, 8)},
    "csv": {"a.jsonl": "{}\n", "b.csv": delimited(0, 8, ",")},
}


@pytest.mark.parametrize("kind", FILES)
def test_the_files_of_a_folder_tell_the_format(embedded_job, kind):
    job = embedded_job.script(ROWS).tabular()
    for name, content in FILES[kind].items():
        job.file(name, content)
    job.run().expect(0)
    assert sorted(job.rows()) == expected(8)
    # Saying it is the same job, and so is not saying it again.
    assert "nothing to do" in job.run().expect(0).words
    job.tabular(format=kind)
    assert "nothing to do" in job.run().expect(0).words


@pytest.mark.parametrize("now", ["gone", "others"])
def test_what_was_found_at_the_first_start_stays(embedded_job, now):
    job = embedded_job.script(ROWS).tabular()
    job.file("a.jsonl", jsonl(0, 5)).run().expect(0)
    if now == "others":
        job.file("b.csv", delimited(5, 8, ","))
    else:
        (job.data / "a.jsonl").unlink()
    assert "nothing to do" in job.run().expect(0).words
    assert sorted(job.rows()) == expected(5)


def test_files_of_several_formats_are_counted_and_the_field_is_named(embedded_job):
    job = embedded_job.script(ROWS).tabular()
    job.file("a.jsonl", jsonl(0, 3)).file("b.jsonl", jsonl(3, 4)).file("c.parquet", parquet(4, 5))
    words = job.run().expect(2).words
    assert "input 'table': " in words
    assert (
        "has 2 files of the format jsonl ('a.jsonl') and 1 file of the format parquet ('c.parquet')" in words
    )
    assert "set the input's format: jsonl or format: parquet" in words
    job.tabular(format="jsonl").run().expect(0)
    assert sorted(job.rows()) == expected(4)


@pytest.mark.parametrize("said", [{"format": "csv"}, {"delimiter": ";"}])
def test_what_speaks_for_csv_is_not_overruled(embedded_job, said):
    job = embedded_job.script(ROWS).tabular(**said).file("a.jsonl", jsonl(0, 3))
    words = job.run().expect(1).words
    assert "has no file that ends in .csv or .csv.gz" in words
    assert "to read it, set `format` or a glob" in words


def test_files_remain_files(embedded_job):
    job = embedded_job.script(
        "import os\ndef init(): pass\ndef run(mini_batch):\n    return [os.path.basename(path) for path in mini_batch]\n"
    )
    job.file("a.jsonl", jsonl(0, 3)).file("b.jsonl", jsonl(3, 4)).run().expect(0)
    assert sorted(job.rows()) == ["a.jsonl", "b.jsonl"]
