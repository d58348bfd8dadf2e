"""JSON lines as the input of a whole job."""

import gzip
import json
import re

from job_folder import kill_quietly
from test_resume import release, roles_below, wait_for_rows
from waiting import PATIENCE

ROWS = """
def init(): pass
def run(mini_batch):
    return ["%s,%s" % row for row in mini_batch[["id", "text"]].itertuples(index=False, name=None)]
"""


def lines(first, last):
    return "".join(json.dumps({"id": i, "text": "t%d" % i}) + "\n" for i in range(first, last))


def expected(count):
    return sorted("%d,t%d" % (i, i) for i in range(count))


def test_lines_of_all_kinds_once_each(job):
    job.script(ROWS).tabular(format="jsonl").set(miniBatchSize=200, processCountPerNode=2)
    job.file("a.jsonl", lines(0, 40)).file("b.NDJSON", lines(40, 50).replace("\n", "\r\n"))
    job.file("c.jsonl", "\n" + lines(50, 60).replace("\n", "\n\n") + lines(60, 61).rstrip())
    job.file("d.jsonl.gz", gzip.compress(lines(61, 80).encode())).file("empty.jsonl", "").file(
        "notes.csv", "a,b\n1,2\n"
    )
    outcome = job.run().expect(0)
    assert sorted(job.rows()) == expected(80)
    assert (
        "input 'table': 1 file does not have an ending of the input's format and is left out"
        in outcome.stderr
    )
    assert "1 file is empty and has no record: 'empty.jsonl'" in outcome.stderr
    assert int(re.search(r"Mini-batches created: +(\d+)", job.overview()).group(1)) >= 8


def test_the_glob_tells_the_format(embedded_job):
    job = embedded_job.script(ROWS).tabular(glob="**/*.jsonl")
    job.file("s/a.jsonl", lines(0, 3)).file("b.csv", "id,text\n9,x\n").run().expect(0)
    assert sorted(job.rows()) == expected(3)
    # Saying it too is the same job.
    job.tabular(glob="**/*.jsonl", format="jsonl")
    assert "nothing to do" in job.run().expect(0).words


def test_nothing_to_read_says_what_was_looked_for(embedded_job):
    job = embedded_job.script(ROWS).tabular(format="jsonl").file("a.csv", "id\n1\n")
    assert "has no file that ends in .jsonl, .ndjson, .jsonl.gz or .ndjson.gz" in job.run().expect(1).words


def test_json_lines_taken_for_csv_name_the_field(embedded_job):
    job = embedded_job.script(ROWS).tabular(glob="*").file("a.jsonl", lines(0, 3))
    job.run()
    (item,) = job.failed_items()
    assert "set format: jsonl" in item["error"]["message"]


def test_bad_lines_fail_their_mini_batch_alone_and_are_tried_once(job):
    job.script(ROWS).tabular(glob="*.jsonl", columns={"id": "int64"}).set(miniBatchSize=1, runMaxTry=3)
    job.file(
        "a.jsonl",
        lines(0, 2) + "oops\n" + lines(2, 3) + '["id"]\n' + '{"id": "7", "text": "x"}\n' + lines(3, 4),
    )
    job.run().expect(0)
    assert sorted(job.rows()) == expected(4)
    failed = {item["firstRow"]: item for item in job.failed_items()}
    assert sorted(failed) == [3, 5, 6]
    for row, words in (
        (3, "line 3 is not JSON"),
        (5, "line 5 is an array"),
        (6, "line 6, key 'id' is \"7\""),
    ):
        assert words in failed[row]["error"]["message"]
        assert failed[row]["tries"] == 1 and failed[row]["records"] == 1
        assert failed[row]["file"] == str(job.data / "a.jsonl")


HELD = """
import os, time
def init(): pass
def run(mini_batch):
    first = int(mini_batch["id"].iloc[0])
    while first >= 100 and not os.path.exists(os.environ["GO"]): time.sleep(0.005)
    return ["%s,%s" % row for row in mini_batch[["id", "text"]].itertuples(index=False, name=None)]
"""


def test_a_killed_orchestrator_goes_on_behind_what_it_had_planned(job):
    job.script(HELD).tabular(format="jsonl").set(
        miniBatchSize=100, processCountPerNode=2, environment={"variables": {"GO": str(job.root / "go")}}
    )
    job.file("a.jsonl", lines(0, 1000)).file("b.jsonl.gz", gzip.compress(lines(1000, 1010).encode()))
    process = job.start()
    wait_for_rows(job)
    kill_quietly(roles_below(process.pid)["orchestrator"][0])
    release(job)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert sorted(job.rows()) == expected(1010)


def test_a_type_that_comes_late_is_one_for_the_input(job):
    job.script(
        """
        def init(): pass
        def run(mini_batch):
            return ["%s %s" % (mini_batch["late"].dtype, value) for value in mini_batch["late"]]
        """
    ).tabular(format="jsonl").set(miniBatchSize="512KB", processCountPerNode=2, runMaxTry=1)
    pad = "x" * 90
    records = ['{"id": %07d, "late": null, "pad": "%s"}\n' % (1000000 + i, pad) for i in range(90_000)]
    width = len(records[0])
    # Behind the piece of 32 KiB that begins here: no sample sees it.
    step = (len(records) * width - (32 << 10)) // 255
    row = (100 * step + (40 << 10)) // width
    records[row] = records[row].replace("null", "17")
    job.file("a.jsonl", "".join(records)).run().expect(0)
    assert job.failed_items() == []
    rows = job.rows()
    assert len(rows) == len(records) and rows.count("float64 17.0") == 1
    (types,) = json.loads((job.out / ".parallelrun" / "types.json").read_text())
    assert types["types"] == {"id": "int64", "late": "int64_or_missing", "pad": "string"}
    assert types["columns"] == ["id", "late", "pad"]


def test_numbers_stay_exact_across_mini_batches(embedded_job):
    job = embedded_job.script(ROWS).tabular(format="jsonl").set(miniBatchSize=1)
    big = 2**53 + 1
    job.file(
        "a.jsonl", "".join('{"id": %d, "text": "x"}\n' % i for i in (1, big, 2**63 - 1)) + '{"text": "y"}\n'
    )
    job.run().expect(0)
    assert sorted(job.rows())[:2] == ["1.0,x", "9007199254740993,x"]
    assert "9223372036854775807,x" in job.rows()
