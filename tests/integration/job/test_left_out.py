"""Nothing is left out in silence: links, endings, packed files, tables without a record, other columns."""

import gzip
import json
import os

ECHO = "def init(): pass\ndef run(batch): return batch\n"
ROWS = "def init(): pass\ndef run(table): return [','.join(map(str, row)) for row in table.values.tolist()]\n"


def names(job):
    return sorted(os.path.relpath(row, job.data) for row in job.rows())


def test_links_to_directories_are_followed_and_others_are_counted(embedded_job, tmp_path):
    job = embedded_job.file("x.png", "x").script(ECHO)
    # As a ConfigMap volume lays out an item with the path sub/y.png.
    (job.data / "..2026" / "sub").mkdir(parents=True)
    (job.data / "..2026" / "sub" / "y.png").write_text("y")
    (job.data / "..data").symlink_to("..2026")
    (job.data / "sub").symlink_to("..data/sub")
    (job.data / "away").symlink_to(tmp_path / "away")
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "z.png").write_text("z")
    (job.data / "up").symlink_to("..")
    (tmp_path / "away" / "back").symlink_to(job.data)
    (job.data / "gone").symlink_to("nowhere")
    os.mkfifo(job.data / "pipe")
    outcome = job.run("--json").expect(0)
    assert names(job) == ["away/z.png", "sub/y.png", "x.png"]
    events = [json.loads(line) for line in outcome.stdout.splitlines()]
    left_out = [
        {"input": "files", "kind": "brokenLink", "count": 1, "first": "gone"},
        {"input": "files", "kind": "loopingLink", "count": 2, "first": "away/back"},
        {"input": "files", "kind": "specialFile", "count": 1, "first": "pipe"},
    ]
    assert events[-1]["event"] == "finished" and events[-1]["leftOut"] == left_out
    overview = job.log("job_progress_overview.txt")
    assert "Warning: input 'files': 1 link leads nowhere and is left out: 'gone'" in overview
    assert "Warning: input 'files': 2 links lead back into a directory above them" in overview
    # A job that goes on says it again, although it lists nothing.
    job.script("def init(): pass\ndef run(batch): raise ValueError\n")
    job.run("--overwrite").expect(1)
    assert "2 links lead back" in job.run().expect(1).stderr


def test_tables_in_any_case_packed_by_content_and_without_records(embedded_job):
    job = embedded_job.script(ROWS).tabular()
    job.file("B.CSV", "a,b\n1,x\n").file("a.csv", "a,b\n2,y\n").file("empty.csv", "").file("h.csv", "a,b\n")
    job.file("plain.csv.gz", "a,b\n3,z\n").file("notes.md", "# n\n")
    (job.data / "named.csv").write_bytes(gzip.compress(b"a,b\n4,v\n"))
    (job.data / "c.csv.GZ").write_bytes(gzip.compress(b"a,b\n5,w\n"))
    outcome = job.run().expect(0)
    assert sorted(job.rows()) == ["1,x", "2,y", "3,z", "4,v", "5,w"]
    for said in (
        "input 'table': 1 file does not have an ending of the input's format and is left out",
        "input 'table': 1 file is empty and has no record: 'empty.csv'",
        "input 'table': 1 file has only a header and no record: 'h.csv'",
    ):
        assert f"warning: {said}" in outcome.stderr and outcome.stderr.count(said) == 1
        assert f"Warning: {said}" in job.log("job_progress_overview.txt")


def test_packed_files_without_records_are_counted(embedded_job):
    job = embedded_job.script(
        "def init(): pass\ndef run(table):\n    assert len(table)\n    return table.a.tolist()\n"
    ).tabular()
    for name, text in (("a", "a,b\n1,x\n"), ("b", ""), ("c", "a,b\n"), ("d", "\n"), ("e", "a,b\n2,y\n")):
        (job.data / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))
    outcome = job.run("--json").expect(0)
    assert sorted(job.rows()) == ["1", "2"]
    events = [json.loads(line) for line in outcome.stdout.splitlines()]
    (left_out,) = events[-1]["leftOut"]
    assert (left_out["input"], left_out["kind"], left_out["count"]) == ("table", "withoutRecords", 3)
    said = "input 'table': 3 files that were read as a whole have no record"
    assert sum(said in event.get("message", "") for event in events if event["event"] == "warning") == 1
    assert said in job.log("job_progress_overview.txt")


def test_other_columns_order_and_formats_do_not_pass_unnoticed(embedded_job):
    job = embedded_job.script(ROWS).tabular(glob="*")
    job.file("1.csv", "a,b\n1,x\n").file("2.csv", "b,a\ny,2\n").file("3.csv", "a,c\n3,z\n").file(
        "4.csv", "a;b\n4;w\n"
    )
    job.file("5.jsonl", '{"a": 5, "b": "v"}\n{"a": 6, "b": "u"}\n').file("6.parquet", "PAR1\x15\x04\n")
    outcome = job.run().expect(0)
    assert sorted(job.rows()) == ["1,x", "2,y"]
    errors = {os.path.basename(line["file"]): line["error"]["message"] for line in job.failed_items()}
    assert sorted(errors) == ["3.csv", "4.csv", "5.jsonl", "6.parquet"]
    assert "it lacks 'b'; it also has 'c'" in errors["3.csv"]
    assert "seem to be separated by ';'" in errors["4.csv"]
    assert "5.jsonl is JSON, but the input is read as CSV" in errors["5.jsonl"]
    assert "6.parquet is a Parquet file, but the input is read as CSV" in errors["6.parquet"]
    assert "1 file has its columns in another order than the first file" in outcome.stderr
    assert "files have other columns than the first file, so their mini-batches fail" in outcome.stderr
