"""Parquet as the input of a whole job."""

import json
import re

import pytest
from job_folder import kill_quietly
from test_resume import release, roles_below, wait_for_rows
from waiting import PATIENCE

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

ROWS = """
def init(): pass
def run(mini_batch):
    return ["%s,%s" % row for row in mini_batch[["id", "text"]].itertuples(index=False, name=None)]
"""


def write(job, name, first, last, **options):
    path = job.data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = range(first, last)
    table = pyarrow.table({"id": list(ids), "text": ["t%d" % i for i in ids], "more": [[i] for i in ids]})
    parquet.write_table(table, path, **options)
    return path


def expected(count):
    return sorted("%d,t%d" % (i, i) for i in range(count))


def test_row_groups_of_all_sizes_once_each(job):
    job.script(ROWS).tabular(format="parquet").set(miniBatchSize="4KB", processCountPerNode=2)
    write(job, "a.parquet", 0, 2000, row_group_size=10000)  # one large row group
    write(job, "b.PARQUET", 2000, 2100, row_group_size=5)  # many small ones
    write(job, "s/c.pq", 2100, 2101)
    write(job, "none.parquet", 0, 0)
    job.file("notes.csv", "id,text\n9,x\n")
    outcome = job.run().expect(0)
    assert sorted(job.rows()) == expected(2101)
    assert "1 file does not have an ending of the input's format and is left out" in outcome.stderr
    assert "notes.csv" in outcome.stderr
    assert "1 file is empty and has no record: 'none.parquet'" in outcome.stderr
    created = int(re.search(r"Mini-batches created: +(\d+)", job.overview()).group(1))
    assert 5 <= created <= 40, created


def test_the_glob_tells_the_format_and_only_declared_columns_are_read(embedded_job):
    job = embedded_job.script("""
        def init(): pass
        def run(mini_batch):
            return ["%s %s" % (list(mini_batch.columns), row.id) for row in mini_batch.itertuples()]
    """)
    job.tabular(glob="*.parquet", columns={"id": "string"})
    write(job, "a.parquet", 0, 2)
    job.run().expect(0)
    assert job.rows() == ["['id'] 0", "['id'] 1"]


def test_a_file_that_was_cut_fails_alone_and_is_named(embedded_job):
    job = embedded_job.script(ROWS).tabular(format="parquet")
    write(job, "a.parquet", 0, 10)
    path = write(job, "b.parquet", 10, 20)
    path.write_bytes(path.read_bytes()[:300])
    job.run().expect(0)
    assert sorted(job.rows()) == expected(10)
    (item,) = job.failed_items()
    assert item["file"] == str(path) and item["tries"] == 1
    assert "%s cannot be read as Parquet" % path in item["error"]["message"]


def test_nothing_but_a_file_that_was_cut_ends_the_job_before_run(embedded_job):
    job = embedded_job.script("def init(): pass\ndef run(mini_batch): open('ran', 'w')\n").tabular(
        format="parquet"
    )
    path = write(job, "a.parquet", 0, 10)
    path.write_bytes(path.read_bytes()[:300])
    outcome = job.run().expect(1)
    assert "%s cannot be read as Parquet" % path in outcome.words
    assert not (job.code / "ran").exists()


def test_a_missing_column_ends_the_job_before_run(embedded_job):
    job = embedded_job.script("def init(): pass\ndef run(mini_batch): open('ran', 'w')\n")
    job.tabular(format="parquet", columns={"price": "float64"})
    write(job, "a.parquet", 0, 10)
    outcome = job.run().expect(1)
    assert (
        "has no column 'price', which spec.inputs[table].columns declares; its columns are id, text, more"
        in outcome.words
    )
    assert not (job.code / "ran").exists()


def test_parquet_in_an_input_of_csv_is_left_out_and_named(embedded_job):
    job = embedded_job.script(ROWS).tabular(format="csv")
    write(job, "a.parquet", 0, 10)
    words = job.run().expect(1).words
    assert "a.parquet" in words and ".csv" in words


def test_killed_and_gone_on_with_each_row_is_there_once(embedded_job):
    job = embedded_job.script("""
        import os, time
        def init(): pass
        def run(mini_batch):
            while mini_batch["id"].iloc[0] >= 300 and not os.path.exists(os.environ["GO"]): time.sleep(0.005)
            return ["%s,%s" % row for row in mini_batch[["id", "text"]].itertuples(index=False, name=None)]
    """)
    job.tabular(format="parquet").set(
        miniBatchSize="1KB", environment={"variables": {"GO": str(job.root / "go")}}
    )
    for number in range(10):
        write(job, f"{number}.parquet", number * 100, number * 100 + 100, row_group_size=60)
    process = job.start()
    wait_for_rows(job)
    kill_quietly(roles_below(process.pid)["orchestrator"][0])
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert len(job.rows()) < 1000
    release(job)
    job.run().expect(0)
    assert sorted(job.rows()) == expected(1000)


def test_failed_rows_are_named(embedded_job):
    job = embedded_job.script("""
        def init(): pass
        def run(mini_batch):
            if 7 in set(mini_batch["id"]): raise ValueError("seven")
            return list(mini_batch["id"])
    """)
    job.tabular(format="parquet").set(runMaxTry=1, miniBatchSize=1)
    path = write(job, "a.parquet", 0, 10, row_group_size=10)
    job.run().expect(0)
    (item,) = job.failed_items()
    assert (item["file"], item["firstRow"], item["records"]) == (str(path), 8, 1)
    assert json.dumps(sorted(map(int, job.rows()))) == json.dumps([i for i in range(10) if i != 7])
