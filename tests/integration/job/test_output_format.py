"""output.format, from the manifest to the file."""

import csv
import io
import json
import os
from collections import Counter

import pytest
from waiting import PATIENCE, wait_for

SCRIPT = """
    import os
    def init(): pass
    def run(mini_batch):
        return [{"file": os.path.basename(p), "text": "a\\nb", "score": float("nan")} for p in mini_batch]
"""


def json_rows(job, name="parallel_run_step.txt"):
    return [json.loads(row, parse_constant=lambda word: 1 / 0) for row in job.rows(name)]


def jsonl(job, **output):
    job.spec["output"] = {**job.spec["output"], "format": "jsonl", **output}
    return job


def test_one_object_on_each_line(job):
    jsonl(job.files(25).script(SCRIPT)).set(nodeCount=2, processCountPerNode=2)
    job.run().expect(0)
    assert sorted(json_rows(job), key=lambda row: row["file"]) == [
        {"file": f"f{index:06}.txt", "text": "a\nb", "score": None} for index in range(25)
    ]


def test_the_file_has_the_name_that_was_given(job):
    jsonl(job.files(3).script(SCRIPT)).set(appendRowFileName="results.jsonl")
    outcome = job.run().expect(0)
    assert len(json_rows(job, "results.jsonl")) == 3 and job.rows() == []
    assert "results.jsonl" in outcome.words


def test_a_table_becomes_an_object_for_each_row(job):
    jsonl(job.tabular().file("t.csv", "id,name,when\n1,x,2024-02-29\n2,,\n"))
    job.spec["inputs"][0]["columns"] = {"when": "datetime"}
    job.script("""
        def init(): pass
        def run(table): return table.assign(twice=table["id"] * 2)
    """)
    job.run().expect(0)
    assert json_rows(job) == [
        {"id": 1, "name": "x", "when": "2024-02-29T00:00:00", "twice": 2},
        {"id": 2, "name": None, "when": None, "twice": 4},
    ]


def test_what_json_cannot_hold_fails_its_mini_batch_and_no_other(job):
    jsonl(job.files(10)).set(miniBatchSize=1, runMaxTry=1)
    job.script("""
        import os
        def init(): pass
        def run(mini_batch):
            name = os.path.basename(mini_batch[0])
            return [{"file": name, "raw": b"x" if name == "f000003.txt" else None}]
    """)
    job.run().expect(0)
    assert len(json_rows(job)) == 9
    (failed,) = job.failed_items()
    message = failed["error"]["message"]
    assert "element 0 of the result, at ['raw'], is a bytes" in message and "base64" in message


def test_another_format_is_another_job(job):
    job.files(5).script(SCRIPT)
    job.run().expect(0)
    text = job.rows()
    refused = jsonl(job).run().expect(2)
    assert 'output.format: was "text", now "jsonl"' in refused.stderr, refused.words
    assert job.rows() == text
    job.run("--overwrite").expect(0)
    assert len(json_rows(job)) == 5
    again = job.run().expect(0)
    assert "complete" in again.words
    del job.spec["output"]["format"]
    refused = job.run().expect(2)
    assert 'output.format: was "jsonl", now "text"' in refused.stderr, refused.words


def test_text_written_out_is_the_job_that_left_it_out(job):
    job.files(5).script(SCRIPT)
    job.run().expect(0)
    job.spec["output"]["format"] = "text"
    assert "complete" in job.run().expect(0).words


def stop_after_the_first_rows(job):
    process = job.start()
    path = job.out / "parallel_run_step.txt"
    wait_for(lambda: path.exists() and path.stat().st_size > 0, "the first rows", pause=0.01)
    process.terminate()
    process.communicate(timeout=PATIENCE)


def test_a_job_that_was_stopped_goes_on_in_its_format(job):
    jsonl(job.files(40)).set(miniBatchSize=1)
    job.script(
        """
        import os, time
        def init(): pass
        def run(mini_batch):
            while not os.path.exists(GO) and os.path.basename(mini_batch[0]) >= "f000010.txt": time.sleep(0.01)
            return [{"file": os.path.basename(p)} for p in mini_batch]
        GO = %r
    """
        % str(job.root / "go")
    )
    stop_after_the_first_rows(job)
    assert 0 < len(json_rows(job)) < 40
    (job.root / "go").touch()
    job.run().expect(0)
    assert Counter(row["file"] for row in json_rows(job)) == Counter(f"f{i:06}.txt" for i in range(40))


def csv_job(job, **output):
    job.spec["output"] = {**job.spec["output"], "format": "csv", **output}
    return job


def csv_records(job, name="parallel_run_step.txt"):
    text = (job.out / name).read_bytes().decode("utf-8")
    header, *records = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert all(len(record) == len(header) for record in records)
    return header, records


def test_one_csv_table_with_one_header(job):
    csv_job(job.files(25)).set(nodeCount=2, processCountPerNode=2, miniBatchSize=2)
    job.script("""
        import os
        def init(): pass
        def run(mini_batch):
            return [{"file": os.path.basename(p), "text": 'a,"b"\\n', "score": None} for p in mini_batch]
    """)
    job.run().expect(0)
    header, records = csv_records(job)
    assert header == ["file", "text", "score"]
    assert sorted(records) == [[f"f{index:06}.txt", 'a,"b"\n', ""] for index in range(25)]


def test_csv_columns_in_another_order_are_put_in_order_and_others_fail(job):
    csv_job(job.files(9)).set(miniBatchSize=1, runMaxTry=3, processCountPerNode=1)
    job.script("""
        import os
        def init(): pass
        def run(mini_batch):
            name = os.path.basename(mini_batch[0])
            number = int(name[1:7])
            if number % 4 == 3: return [{"score": number, "file": name + ",", "more": 1}]
            return [{"file": name, "score": number} if number % 2 == 0 else {"score": number, "file": name}]
    """)
    outcome = job.run().expect(0)
    header, records = csv_records(job)
    assert sorted(header) == ["file", "score"]
    assert sorted(sorted(record) for record in records) == [
        [str(n), f"f{n:06}.txt"] for n in (0, 1, 2, 4, 5, 6, 8)
    ]
    assert all(record[header.index("score")].isdigit() for record in records)
    failed = job.failed_items()
    assert len(failed) == 2 and all(one["tries"] == 1 for one in failed), failed
    message = failed[0]["error"]["message"]
    assert "it also has more" in message and "output.format: jsonl" in message, message
    assert "it also has more" in outcome.words + job.log("user/error.txt")


def test_a_csv_job_that_was_stopped_goes_on_under_its_header(job):
    """Its columns are those of the first start, also where the first result of the second has others."""
    csv_job(job.files(40)).set(miniBatchSize=1)
    job.script(
        """
        import os, time
        def init(): pass
        def run(mini_batch):
            name = os.path.basename(mini_batch[0])
            while not os.path.exists(GO) and name >= "f000010.txt": time.sleep(0.01)
            return [{"file": name, "n": 1}] if name < "f000010.txt" else [{"n": 2, "file": name}]
        GO = %r
    """
        % str(job.root / "go")
    )
    stop_after_the_first_rows(job)
    header, records = csv_records(job)
    assert header == ["file", "n"] and 0 < len(records) < 40
    (job.root / "go").touch()
    job.run().expect(0)
    header, records = csv_records(job)
    assert header == ["file", "n"]
    assert sorted(records) == [[f"f{i:06}.txt", "1" if i < 10 else "2"] for i in range(40)]


def test_each_row_is_led_back_to_its_file(job):
    jsonl(job.files(7), addContext=True).set(miniBatchSize=3)
    (job.data / "sub").mkdir()
    job.file("sub/a b.txt", "x")
    job.script("""
        import os
        def init(): pass
        def run(mini_batch): return [{"name": os.path.basename(p)} for p in mini_batch]
    """)
    job.run().expect(0)
    expected = [f"f{index:06}.txt" for index in range(7)] + ["sub/a b.txt"]
    assert sorted((row["input"], row["file"], row["name"]) for row in json_rows(job)) == [
        ("files", path, path.rpartition("/")[2]) for path in expected
    ]


def test_each_row_is_led_back_to_its_record(job):
    csv_job(job.tabular(), addContext=True, columns=["id"]).set(miniBatchSize=200)
    for name in ("a.csv", "b.csv"):
        job.file(name, "id,v\n" + "".join(f"{name}-{n},{n}\n" + "\n" * (n % 7 == 3) for n in range(100)))
    job.script("""
        def init(): pass
        def run(table): return table[["v"]].sort_values("v", ascending=False)
    """)
    job.run().expect(0)
    header, records = csv_records(job)
    assert header == ["input", "file", "row", "id", "v"]
    lines = {name: (job.data / name).read_text().split("\n") for name in ("a.csv", "b.csv")}
    assert len(records) == 200
    for _, name, row, key, v in records:
        assert lines[name][int(row)] == f"{key},{v}"


def test_a_result_that_cannot_be_led_back_fails_its_mini_batch_at_once(job):
    jsonl(job.files(6), addContext=True).set(miniBatchSize=2)
    job.script("""
        def init(): pass
        def run(mini_batch): return mini_batch[:1] if "f000002" in mini_batch[0] else mini_batch
    """)
    job.run().expect(0)
    assert len(json_rows(job)) == 4
    (failed,) = job.failed_items()
    assert (failed["count"], failed["tries"]) == (2, 1)
    assert "run() returned 1 elements for 2 items" in failed["error"]["message"]


def test_a_column_that_is_not_there_ends_the_job_before_its_first_mini_batch(job):
    csv_job(job.tabular(), columns=["scroe"]).file("t.csv", "id,score\n1,2\n")
    job.script("""
        def init(): pass
        def run(table): open("ran", "w").close(); return list(table.id)
    """)
    outcome = job.run().expect(1)
    assert "input table has no column 'scroe'" in outcome.words and "did you mean 'score'?" in outcome.words
    assert not (job.code / "ran").exists()


def test_names_that_are_not_utf8_stand_in_front_of_columns(embedded_job):
    job = embedded_job.tabular(glob="*").script("def init(): pass\ndef run(b): return list(b['n'])\n")
    job.set(output={"source": {"local": {"path": "out"}}, "addContext": True, "columns": ["m"]})
    with open(os.fsencode(job.data) + b"/\xff x.csv", "wb") as file:
        file.write(b"n,m\n1,a\n")
    job.run().expect(0)
    assert (job.out / "parallel_run_step.txt").read_bytes() == b'table "\xff x.csv" 1 a 1\n'


def test_lists_that_are_carried_along_are_not_the_scripts(embedded_job):
    pandas = pytest.importorskip("pandas")
    job = embedded_job.tabular(format="parquet")
    job.script(
        "def init(): pass\ndef run(b):\n    for x in b['v']: x[0] = 'CHANGED'\n    return list(b['n'])\n"
    )
    pandas.DataFrame({"n": [1, 2], "v": [["a", "b"], ["c", "d"]]}).to_parquet(job.data / "a.parquet")
    job.set(output={"source": {"local": {"path": "out"}}, "format": "jsonl", "columns": ["v"]})
    job.run().expect(0)
    assert [json.loads(row)["v"] for row in job.rows()] == [["a", "b"], ["c", "d"]]
